//! Operations on a PostgreSQL server.

use std::sync::Arc;

use tokio_postgres::Row as StoredOnPostgres;

use super::postgres_error::query_error;
use crate::model::{
    ModelMeta, PostgresValue, QueryError, Row, Source, Statement, StoredRow, Value, ValueError,
    names_other_rows,
};
use crate::postgres::{Access, Door, Transaction};

/// What a statement comes back with: its rows, and how many it changed.
type Answer = (Vec<StoredOnPostgres>, u64);

/// The way that an operation takes to a server.
#[derive(Clone, Copy)]
pub(crate) enum Way<'a> {
    /// Each operation in a transaction of its own.
    Door(&'a Door),
    /// In the transaction that is open.
    Transaction(&'a Transaction),
}

impl Way<'_> {
    /// Runs a statement whose tables are named in full, but for those that the application names in it.
    pub(super) async fn run(self, statement: &Statement) -> Result<Answer, QueryError> {
        if statement.has_own_sql {
            return self.run_raw(Access::Write, statement).await;
        }
        // Boxed, here and below: an operation on a file needs no room for what a server takes.
        let ran = match self {
            Self::Door(door) => Box::pin(door.run(statement)).await,
            Self::Transaction(transaction) => Box::pin(transaction.run(statement)).await,
        };
        ran.map_err(query_error)
    }

    /// The same for one that reads, and that may be run twice where nothing in it is the application's.
    pub(super) async fn read(self, statement: &Statement) -> Result<Answer, QueryError> {
        if statement.has_own_sql {
            return self.run_raw(Access::Read, statement).await;
        }
        let ran = match self {
            Self::Door(door) => Box::pin(door.read(statement)).await,
            Self::Transaction(transaction) => Box::pin(transaction.run(statement)).await,
        };
        ran.map_err(query_error)
    }

    /// Runs statements that change rows, and says how many they changed.
    pub(super) async fn run_all(self, statements: &[Statement]) -> Result<u64, QueryError> {
        let ran = match self {
            // Only a transaction keeps all or none.
            Self::Door(_) => return Err(QueryError::TransactionEnded),
            Self::Transaction(transaction) => Box::pin(transaction.run_all(statements)).await,
        };
        ran.map_err(query_error)
    }

    /// Runs a statement that an application wrote itself.
    pub(super) async fn run_raw(self, access: Access, statement: &Statement) -> Result<Answer, QueryError> {
        let shared = match self {
            Self::Door(door) => door.is_shared(),
            Self::Transaction(transaction) => transaction.is_shared(),
        };
        let sql = &statement.sql;
        if !keeps_to_its_transaction(sql) || (shared && !keeps_to_its_rows(sql)) {
            return Err(QueryError::Denied);
        }
        let ran = match self {
            Self::Door(door) => Box::pin(door.run_raw(access, statement)).await,
            // The transaction's own settings hold.
            Self::Transaction(transaction) => Box::pin(transaction.run_raw(statement)).await,
        };
        ran.map_err(query_error)
    }
}

/// The words with which a statement may begin. Any other may end the transaction that it is part of, or leave
/// something in the session: COMMIT, SET, LISTEN, PREPARE.
const STATEMENTS: [&str; 20] = [
    "alter", "analyze", "comment", "create", "delete", "drop", "explain", "grant", "insert", "lock", "merge",
    "refresh", "reindex", "revoke", "select", "table", "truncate", "update", "values", "with",
];

/// Those of them that read and write rows. In shared tables there is nothing else that is a tenant's own: not even a
/// temporary function, whose text nobody would look into.
const OF_ROWS: [&str; 9] =
    ["delete", "explain", "insert", "merge", "select", "table", "update", "values", "with"];

/// Whether a statement begins as one that leaves its transaction and its session alone.
fn keeps_to_its_transaction(sql: &str) -> bool {
    STATEMENTS.contains(&first_word(sql).as_str())
}

/// Whether a statement on shared tables is about rows, and names nothing by which it could come to another tenant's.
fn keeps_to_its_rows(sql: &str) -> bool {
    OF_ROWS.contains(&first_word(sql).as_str()) && !names_other_rows(sql)
}

/// The word that a statement begins with, in lower case.
fn first_word(sql: &str) -> String {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|before: char| before.is_whitespace() || before == '(');
        rest = match rest.get(..2) {
            Some("--") => rest.split_once('\n').map_or("", |(_, after)| after),
            Some("/*") => after_comment(rest),
            _ => break,
        };
    }
    let end = rest.find(|after: char| !after.is_ascii_alphabetic()).unwrap_or(rest.len());
    rest[..end].to_ascii_lowercase()
}

/// What comes after a comment, in which there may be others.
fn after_comment(text: &str) -> &str {
    let (mut rest, mut depth) = (text, 0_u32);
    while let Some(at) = rest.find(['/', '*']) {
        let (marks, opens) = match rest.get(at..at + 2) {
            Some("/*") => (2, Some(true)),
            Some("*/") => (2, Some(false)),
            _ => (1, None),
        };
        rest = &rest[at + marks..];
        match opens {
            Some(true) => depth += 1,
            Some(false) if depth <= 1 => return rest,
            Some(false) => depth -= 1,
            None => {}
        }
    }
    ""
}

/// Reads each row with `decode`.
pub(super) fn decode<T>(
    rows: &[StoredOnPostgres],
    model: &'static ModelMeta,
    mut decode: impl FnMut(&StoredRow<'_>) -> Result<T, ValueError>,
) -> Result<Vec<T>, ValueError> {
    rows.iter().map(|row| decode(&StoredRow::new(Source::Postgres(row), model))).collect()
}

/// The rows of a statement that an application wrote itself, each value as its own type has it.
///
/// # Errors
/// Raised when a value is of a type that has no kind here.
pub(crate) fn raw_rows(rows: &[StoredOnPostgres]) -> Result<Vec<Row>, QueryError> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let columns: Arc<[String]> = first.columns().iter().map(|column| column.name().to_owned()).collect();
    rows.iter().map(|row| Ok(Row::raw(Arc::clone(&columns), raw_values(row)?))).collect()
}

fn raw_values(row: &StoredOnPostgres) -> Result<Vec<Value>, QueryError> {
    let value = |(index, column): (usize, &tokio_postgres::Column)| {
        let value = PostgresValue::of(row, index);
        value.and_then(PostgresValue::untyped).ok_or_else(|| QueryError::RawType {
            column: column.name().to_owned(),
            type_name: column.type_().name().to_owned(),
        })
    };
    row.columns().iter().enumerate().map(value).collect()
}

/// The one integer that a statement answered, if it did.
pub(super) fn integer(rows: &[StoredOnPostgres]) -> Option<i64> {
    match PostgresValue::of(rows.first()?, 0)?.untyped() {
        Some(Value::Int(number)) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_would_end_its_transaction_is_known_by_its_first_word() {
        for allowed in [
            "SELECT 1",
            "  \n(select 1) UNION SELECT 2",
            "-- why\n/* and how */ WITH a AS (SELECT 1) SELECT * FROM a",
            "Insert into x values (1)",
            "VALUES(1)",
            "/* a /* nested **/ one / * */ SELECT 1",
        ] {
            assert!(keeps_to_its_transaction(allowed), "{allowed}");
        }
        for denied in [
            "COMMIT",
            "/* select */ rollback",
            "-- select 1\nBEGIN",
            "SET search_path = public",
            "set role x",
            "RESET ALL",
            "SAVEPOINT select",
            "PREPARE TRANSACTION 'x'",
            "LISTEN x",
            "DISCARD ALL",
            "DO $$ BEGIN END $$",
            "/* open SELECT 1",
            "/* /* nested */ SELECT 1 */ COMMIT",
            ";COMMIT",
            "",
            "selection",
        ] {
            assert!(!keeps_to_its_transaction(denied), "{denied}");
        }
    }

    #[test]
    fn a_statement_on_shared_tables_is_about_rows_of_its_own() {
        for allowed in [
            "SELECT title FROM notes_note",
            "WITH gone AS (DELETE FROM notes_note RETURNING id) SELECT count(*) FROM gone",
            "SELECT current_setting('tenantry.tenant')",
        ] {
            assert!(keeps_to_its_rows(allowed), "{allowed}");
        }
        for denied in [
            "SELECT set_config('tenantry.tenant', '2', true), * FROM notes_note",
            "select PG_CATALOG . \"set_config\" ('tenantry.tenant', '2', true)",
            "SELECT U&\"set\\005fconfig\"('tenantry.tenant', '2', true)",
            "SELECT query_to_xml('select set_' || 'config(''tenantry.tenant'', ''2'', true)', true, true, '')",
            "SELECT * FROM ts_stat('select set_' || 'config(''tenantry.tenant'', ''2'', true)::tsvector')",
            "UPDATE pg_settings SET setting = '2' WHERE name = 'tenantry.tenant'",
            "SELECT query FROM pg_stat_activity",
            "CREATE FUNCTION pg_temp.f() RETURNS void LANGUAGE sql AS 'SELECT 1'",
            "ALTER ROLE CURRENT_USER SET tenantry.tenant = '2'",
            "LOCK notes_note",
        ] {
            assert!(!keeps_to_its_rows(denied), "{denied}");
        }
    }
}
