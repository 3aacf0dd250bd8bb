//! The door of a migration's Rust: SQL inside the migration's own transaction.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;

use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};

use super::script::{ScriptError, refuse_transaction};
use crate::sqlite::Lease;

/// A migration's Rust. It gets the tenant's data in the migration's transaction: what it did is undone when it fails.
pub type Step = fn(StepDb) -> StepFuture;

/// What a [`Step`] returns.
pub type StepFuture = Pin<Box<dyn Future<Output = Result<(), StepError>> + Send>>;

/// Why a [`Step`] failed: any error will do.
pub type StepError = Box<dyn Error + Send + Sync>;

/// One tenant's data, inside a migration's transaction.
///
/// It speaks SQL and not models: a model shows the table of today, but a step runs on the table of its time. It is
/// no [`TenantDb`](crate::TenantDb) either, since there is no active tenant yet when a new one's data is made.
#[derive(Clone, Debug)]
pub struct StepDb(Arc<Lease>);

impl StepDb {
    pub(super) fn new(lease: Arc<Lease>) -> Self {
        Self(lease)
    }

    /// Runs one statement, and returns how many rows it changed.
    ///
    /// # Errors
    /// Raised when the statement fails, begins or ends a transaction, or when the migration is over.
    pub async fn execute(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<usize, StepError> {
        Ok(self.0.run(move |connection| Ok(execute(connection, sql, values))).await??)
    }

    /// Runs one query, and returns its rows, each a list of its columns.
    ///
    /// # Errors
    /// Raised when the query fails, or when the migration is over.
    pub async fn query(
        &self,
        sql: &'static str,
        values: Vec<SqlValue>,
    ) -> Result<Vec<Vec<SqlValue>>, StepError> {
        Ok(self.0.run(move |connection| query(connection, sql, values)).await?)
    }
}

fn execute(connection: &Connection, sql: &str, values: Vec<SqlValue>) -> Result<usize, ScriptError> {
    let mut statement = connection.prepare(sql)?;
    refuse_transaction(&statement)?;
    Ok(statement.execute(params_from_iter(values))?)
}

fn query(connection: &Connection, sql: &str, values: Vec<SqlValue>) -> rusqlite::Result<Vec<Vec<SqlValue>>> {
    let mut statement = connection.prepare(sql)?;
    let width = statement.column_count();
    statement
        .query_map(params_from_iter(values), |row| (0..width).map(|column| row.get(column)).collect())?
        .collect()
}
