//! What migrations run on: one tenant's data, in a transaction or outside of one, spoken to in SQL.

use std::sync::Arc;

use super::render::Target;
use crate::model::{Dialect, QueryError, Row, Statement, Value};
use crate::tenant_db::{Begun, Store};

/// One tenant's data.
#[derive(Clone, Debug)]
pub(super) struct Session {
    on: On,
    target: Target,
}

#[derive(Clone, Debug)]
enum On {
    /// Each statement in a transaction of its own.
    Store(Store),
    /// All in the one that is open.
    Transaction(Arc<Begun>),
}

impl Session {
    /// Outside of a transaction.
    pub(super) fn read(store: &Store) -> Self {
        Self { on: On::Store(store.clone()), target: target(store) }
    }

    /// In a new transaction, whose end is that of `begun`.
    pub(super) fn within(store: &Store, begun: &Arc<Begun>) -> Self {
        Self { on: On::Transaction(Arc::clone(begun)), target: target(store) }
    }

    pub(super) fn target(&self) -> Target {
        self.target
    }

    /// Runs a statement that reads, and gives its rows. Its values are `$1`, `$2`, …, which both databases take when
    /// each stands for the first time in that order.
    pub(super) async fn rows(&self, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, QueryError> {
        let statement = self.statement(sql, values)?;
        match &self.on {
            On::Store(store) => store.way().raw_rows(statement).await,
            On::Transaction(begun) => begun.way().raw_rows(statement).await,
        }
    }

    /// The rows of a table that a PostgreSQL server is asked for outside of any transaction: by its name in full, in one flight,
    /// and by a statement that stays prepared. `None` where that is no shorter than the usual way, and where the table may not
    /// be there.
    pub(super) async fn rows_of(&self, table: &str, select: &str) -> Result<Option<Vec<Row>>, QueryError> {
        let On::Store(store @ Store::Postgres(door)) = &self.on else { return Ok(None) };
        let sql = select.replacen(table, &format!(r#""{}"."{table}""#, door.scope().schema()), 1);
        match store.way().rows_in_full(self.statement(&sql, Vec::new())?).await {
            Ok(rows) => Ok(Some(rows)),
            Err(QueryError::Database(_) | QueryError::Denied | QueryError::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Runs a statement that writes, and says how many rows it changed.
    pub(super) async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, QueryError> {
        let statement = self.statement(sql, values)?;
        match &self.on {
            On::Store(store) => store.way().raw_changes(statement).await,
            On::Transaction(begun) => begun.way().raw_changes(statement).await,
        }
    }

    fn statement(&self, sql: &str, values: Vec<Value>) -> Result<Statement, QueryError> {
        Statement::raw(self.target.dialect(), sql.to_owned(), values)
    }
}

fn target(store: &Store) -> Target {
    match store.dialect() {
        Dialect::Sqlite => Target::Sqlite,
        Dialect::Postgres { tenant: None, .. } => Target::Postgres,
        Dialect::Postgres { tenant: Some(_), .. } => Target::Shared,
    }
}
