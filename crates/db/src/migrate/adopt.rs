//! Recognises the tables that Django made, so that they are taken over as they are.

use std::collections::BTreeSet;

use super::operation::Operation;
use super::render::Target;
use super::session::Session;
use super::table::{Column, Table};
use crate::TenantDb;
use crate::model::QueryError;

/// Raised when a database has some of Django's tables, but not all of them as Django 4.1 makes them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// A table is missing.
    #[error("table {0} is missing")]
    Table(&'static str),
    /// A column is missing.
    #[error("column {table}.{column} is missing")]
    Column {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A column is not what it should be.
    #[error("column {table}.{column} is {found:?} and not {expected:?}")]
    Kind {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// How it is declared.
        found: String,
        /// How it should be.
        expected: String,
    },
    /// Columns that should be unique are not.
    #[error("{columns} of table {table} are not unique")]
    Unique {
        /// The table.
        table: &'static str,
        /// The columns.
        columns: String,
    },
    /// A column that Tenantry knows nothing of has to be given a value.
    #[error("column {table}.{column} is not Django's own, and no row could be added without it")]
    Extra {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
    },
}

/// Whether a tenant's data was made by Django. Its password hashes then stay such that Django can read them.
///
/// # Errors
/// Raised when the data can't be read, and when no migration was ever applied to it.
pub async fn is_adopted(db: &TenantDb) -> Result<bool, QueryError> {
    let found = db.raw("SELECT 1 FROM tenantry_migration WHERE adopted LIMIT 1", Vec::new()).await?;
    Ok(!found.is_empty())
}

/// A column as the database declares it.
struct Found {
    name: String,
    declared: String,
    key: bool,
    has_default: bool,
}

/// Whether the tables that `operations` would create are all there: `false` if there is none of them.
pub(super) async fn recognise(
    session: &Session,
    operations: &[Operation],
) -> Result<Result<bool, Unrecognised>, QueryError> {
    let tables = operations.iter().filter_map(|operation| match operation {
        Operation::CreateTable(table) => Some(table),
        _ => None,
    });
    let (mut recognised, mut missing) = (false, None);
    for table in tables {
        let columns = columns(session, table.name).await?;
        if columns.is_empty() {
            missing = missing.or(Some(table.name));
            continue;
        }
        recognised = true;
        let unique = unique_columns(session, table.name).await?;
        let checked = check_columns(session.target(), table, &columns);
        if let Err(unrecognised) = checked.and_then(|()| check_unique(table, &unique)) {
            return Ok(Err(unrecognised));
        }
    }
    match missing {
        Some(table) if recognised => Ok(Err(Unrecognised::Table(table))),
        _ => Ok(Ok(recognised)),
    }
}

async fn columns(session: &Session, table: &str) -> Result<Vec<Found>, QueryError> {
    let sql = match session.target() {
        Target::Sqlite => SQLITE_COLUMNS,
        Target::Postgres | Target::Shared => POSTGRES_COLUMNS,
    };
    let rows = session.rows(sql, vec![table.into()]).await?;
    let found = rows.iter().map(|row| {
        let (kind, not_null): (String, i64) = (row.get("kind")?, row.get("not_null")?);
        Ok(Found {
            name: row.get("name")?,
            declared: declaration(kind, not_null == 0),
            key: row.get::<i64>("in_key")? != 0,
            has_default: row.get::<i64>("has_default")? != 0,
        })
    });
    found.collect()
}

const SQLITE_COLUMNS: &str = r#"SELECT name, lower(type) AS kind, "notnull" AS not_null, pk AS in_key,
    dflt_value IS NOT NULL AS has_default FROM pragma_table_info($1)"#;

const POSTGRES_COLUMNS: &str = "SELECT attname AS name, format_type(atttypid, atttypmod) AS kind,
    attnotnull::int AS not_null, (atthasdef OR attidentity <> '')::int AS has_default,
    EXISTS (SELECT 1 FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey))::int AS in_key
    FROM pg_attribute WHERE attrelid = to_regclass(quote_ident($1)) AND attnum > 0 AND NOT attisdropped";

/// The sets of columns that a unique index, a unique column or a key covers.
async fn unique_columns(session: &Session, table: &str) -> Result<BTreeSet<String>, QueryError> {
    let sql = match session.target() {
        Target::Sqlite => SQLITE_UNIQUE,
        Target::Postgres | Target::Shared => POSTGRES_UNIQUE,
    };
    let rows = session.rows(sql, vec![table.into()]).await?;
    rows.iter().map(|row| row.get("columns")).collect()
}

const SQLITE_UNIQUE: &str = r#"SELECT (SELECT group_concat(name, ', ') FROM
    (SELECT name FROM pragma_index_info(found.name) ORDER BY seqno)) AS columns
    FROM pragma_index_list($1) AS found WHERE "unique" = 1 AND partial = 0"#;

const POSTGRES_UNIQUE: &str = "SELECT (SELECT string_agg(attname, ', ' ORDER BY place) FROM
    unnest(indkey::int2[]) WITH ORDINALITY AS part (number, place)
    JOIN pg_attribute ON attrelid = indrelid AND attnum = number) AS columns
    FROM pg_index WHERE indrelid = to_regclass(quote_ident($1)) AND indisunique AND indpred IS NULL";

fn check_columns(target: Target, table: &Table, found: &[Found]) -> Result<(), Unrecognised> {
    for column in &table.columns {
        check_column(target, table.name, column, found)?;
    }
    let known = |name: &str| table.columns.iter().any(|column| column.name == name);
    let extra = found
        .iter()
        .find(|column| !known(&column.name) && !column.has_default && column.declared.ends_with(NOT_NULL));
    match extra {
        Some(extra) => Err(Unrecognised::Extra { table: table.name, column: extra.name.clone() }),
        None => Ok(()),
    }
}

fn check_column(
    target: Target,
    table: &'static str,
    column: &Column,
    found: &[Found],
) -> Result<(), Unrecognised> {
    let Some(found) = found.iter().find(|found| found.name == column.name) else {
        return Err(Unrecognised::Column { table, column: column.name });
    };
    let expected = declaration(target.declared_type(column), column.null);
    let fits = found.declared == expected || target.also_declared(column, &found.declared);
    if !fits || found.key != column.primary_key {
        let key =
            |declared: &str, key| if key { format!("{declared} PRIMARY KEY") } else { declared.to_owned() };
        return Err(Unrecognised::Kind {
            table,
            column: column.name,
            found: key(&found.declared, found.key),
            expected: key(&expected, column.primary_key),
        });
    }
    Ok(())
}

fn check_unique(table: &Table, found: &BTreeSet<String>) -> Result<(), Unrecognised> {
    let single = table.columns.iter().filter(|column| column.unique).map(|column| column.name.to_owned());
    let joined = table.indexes.iter().filter(|index| index.unique).map(|index| index.columns.join(", "));
    match single.chain(joined).find(|columns| !found.contains(columns)) {
        Some(columns) => Err(Unrecognised::Unique { table: table.name, columns }),
        None => Ok(()),
    }
}

const NOT_NULL: &str = " NOT NULL";

fn declaration(mut kind: String, null: bool) -> String {
    if !null {
        kind.push_str(NOT_NULL);
    }
    kind
}
