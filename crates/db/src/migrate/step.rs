//! The door of a migration's Rust: SQL inside the migration's own transaction.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use super::session::Session;
use crate::model::{QueryError, Row, Value};
use crate::tenant_db::{Begun, Store};

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
pub struct StepDb {
    store: Store,
    /// Weak, so that a step that keeps its door doesn't keep the transaction with it.
    begun: Weak<Begun>,
}

impl StepDb {
    pub(super) fn new(store: &Store, begun: &Arc<Begun>) -> Self {
        Self { store: store.clone(), begun: Arc::downgrade(begun) }
    }

    /// Runs a statement that reads, and gives its rows, as [`TenantDb::raw`](crate::TenantDb::raw) does.
    ///
    /// # Errors
    /// Raised when the statement fails or is not allowed, and when the migration is over.
    pub async fn raw(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<Row>, QueryError> {
        self.session()?.rows(&sql.into(), values).await
    }

    /// Runs a statement that writes, and says how many rows it changed, as
    /// [`TenantDb::raw_execute`](crate::TenantDb::raw_execute) does.
    ///
    /// # Errors
    /// Raised as for [`StepDb::raw`].
    pub async fn raw_execute(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64, QueryError> {
        self.session()?.execute(&sql.into(), values).await
    }

    fn session(&self) -> Result<Session, QueryError> {
        let begun = self.begun.upgrade().ok_or(QueryError::TransactionEnded)?;
        Ok(Session::within(&self.store, &begun))
    }
}
