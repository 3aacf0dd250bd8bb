//! A transaction on one connection, held over several operations.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::Mutex;

use super::connection::{Answer, End, Naming};
use super::door::counted;
use super::error::PostgresError;
use super::pool::Lent;
use super::unique::UniqueIndexes;
use crate::model::Statement;

/// An open transaction. Dropped, it is rolled back before anyone else gets its connection.
pub(crate) struct Transaction {
    /// `None` once it has ended.
    lent: Mutex<Option<Lent>>,
    /// Where its tables are those that tenants share: what is known of them.
    shared: Option<Arc<UniqueIndexes>>,
    deadline: Duration,
    dropped: Arc<AtomicU64>,
}

impl Transaction {
    pub(super) fn new(
        lent: Lent,
        shared: Option<Arc<UniqueIndexes>>,
        deadline: Duration,
        dropped: Arc<AtomicU64>,
    ) -> Self {
        Self { lent: Mutex::new(Some(lent)), shared, deadline, dropped }
    }

    /// Whether its tables are those that tenants share.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Runs a statement inside whose tables are named in full; [`PostgresError::TransactionEnded`] once it has ended.
    pub(crate) async fn run(&self, statement: &Statement) -> Result<Answer, PostgresError> {
        self.run_naming(Naming::Full, statement).await
    }

    /// Runs a statement inside that an application wrote itself.
    pub(crate) async fn run_raw(&self, statement: &Statement) -> Result<Answer, PostgresError> {
        self.run_naming(Naming::Local, statement).await
    }

    async fn run_naming(&self, naming: Naming, statement: &Statement) -> Result<Answer, PostgresError> {
        counted(&self.dropped, self.deadline, async {
            let mut held = self.lent.lock().await;
            let lent = held.as_mut().ok_or(PostgresError::TransactionEnded)?;
            lent.connection()?.run_in_transaction(naming, statement).await
        })
        .await
        .map_err(|error| self.told(error))
    }

    /// The error, with what the server keeps to itself where tables are shared.
    fn told(&self, error: PostgresError) -> PostgresError {
        match &self.shared {
            Some(unique) => unique.told(error),
            None => error,
        }
    }

    /// Runs statements inside, all sent in one flight, and says how many rows they changed.
    pub(crate) async fn run_all(&self, statements: &[Statement]) -> Result<u64, PostgresError> {
        counted(&self.dropped, self.deadline, async {
            let mut held = self.lent.lock().await;
            let lent = held.as_mut().ok_or(PostgresError::TransactionEnded)?;
            lent.connection()?.run_all_in_transaction(statements).await
        })
        .await
        .map_err(|error| self.told(error))
    }

    /// Runs statements without values inside, one after the other.
    pub(crate) async fn script(&self, sql: &str) -> Result<(), PostgresError> {
        counted(&self.dropped, self.deadline, async {
            let mut held = self.lent.lock().await;
            held.as_mut().ok_or(PostgresError::TransactionEnded)?.connection()?.script(sql).await
        })
        .await
    }

    /// Ends it, keeping what it did.
    pub(crate) async fn commit(&self) -> Result<(), PostgresError> {
        self.end(End::Commit).await
    }

    /// Ends it, undoing what it did.
    pub(crate) async fn roll_back(&self) -> Result<(), PostgresError> {
        self.end(End::RollBack).await
    }

    async fn end(&self, how: End) -> Result<(), PostgresError> {
        counted(&self.dropped, self.deadline, async {
            let mut lent = self.lent.lock().await.take().ok_or(PostgresError::TransactionEnded)?;
            lent.connection()?.end(how).await
        })
        .await
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}
