//! The door of a migration's Rust: SQL inside the migration's own transaction.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use rusqlite::Connection;

use crate::model::{QueryError, Row, Statement, Value};
use crate::sqlite::Lease;
use crate::tenant_db::{query_error, run};

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
// Weak, so that a step that keeps its door doesn't keep the file's writer with it.
pub struct StepDb(Weak<Lease>);

impl StepDb {
    pub(super) fn new(lease: &Arc<Lease>) -> Self {
        Self(Arc::downgrade(lease))
    }

    /// Runs a statement that reads, and gives its rows, as [`TenantDb::raw`](crate::TenantDb::raw) does.
    ///
    /// # Errors
    /// Raised when the statement fails or is not allowed, and when the migration is over.
    pub async fn raw(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<Row>, QueryError> {
        let statement = Statement::raw(sql.into(), values)?;
        self.run(move |connection| run::raw_rows(connection, &statement)).await
    }

    /// Runs a statement that writes, and says how many rows it changed, as
    /// [`TenantDb::raw_execute`](crate::TenantDb::raw_execute) does.
    ///
    /// # Errors
    /// Raised as for [`StepDb::raw`].
    pub async fn raw_execute(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64, QueryError> {
        let statement = Statement::raw(sql.into(), values)?;
        self.run(move |connection| run::changes(connection, &statement)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, QueryError> {
        let lease = self.0.upgrade().ok_or(QueryError::TransactionEnded)?;
        lease.run(job).await.map_err(query_error)
    }
}
