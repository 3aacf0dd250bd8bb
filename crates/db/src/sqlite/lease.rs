//! The right to write to one file, held over several operations: a transaction.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use tracing::Span;

use super::connection::OpenConnection;
use super::error::EngineError;
use super::file::DataFile;
use super::lane::{After, Job, Queue};
use super::pool::Pool;

/// An open transaction. Dropped, it is rolled back before anyone else gets the writer.
pub(crate) struct Lease {
    pool: Pool,
    file: Arc<DataFile>,
    ended: AtomicBool,
}

impl Lease {
    pub(super) fn new(pool: Pool, file: Arc<DataFile>) -> Self {
        Self { pool, file, ended: AtomicBool::new(false) }
    }

    /// Runs `job` inside the transaction; [`EngineError::TransactionEnded`] once it has ended.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.turn(false, move |connection| job(&connection.db)).await
    }

    /// Ends the transaction, keeping what it did.
    pub(crate) async fn commit(&self) -> Result<(), EngineError> {
        self.turn(true, |connection| connection.control("COMMIT")).await
    }

    /// Ends the transaction, undoing what it did.
    pub(crate) async fn roll_back(&self) -> Result<(), EngineError> {
        self.turn(true, |connection| connection.control("ROLLBACK")).await
    }

    async fn turn<T: Send + 'static>(
        &self,
        last: bool,
        job: impl FnOnce(&OpenConnection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, EngineError> {
        let over =
            if last { self.ended.swap(true, Ordering::AcqRel) } else { self.ended.load(Ordering::Acquire) };
        if over {
            return Err(EngineError::TransactionEnded);
        }
        self.pool
            .run(&self.file, Queue::Lease, move |connection| {
                // SQLite itself rolls back after some errors: what follows must not run outside of the transaction.
                let outcome = if connection.in_transaction() {
                    job(connection).map_err(EngineError::from)
                } else {
                    Err(EngineError::TransactionEnded)
                };
                (outcome, After::Nothing)
            })
            .await
    }
}

impl Drop for Lease {
    /// Gives the writer back, whatever became of the transaction.
    fn drop(&mut self) {
        let work = Box::new(|connection: Result<&OpenConnection, EngineError>| {
            if let Ok(connection) = connection
                && connection.in_transaction()
                && let Err(error) = connection.control("ROLLBACK")
            {
                // The connection is closed then, which rolls back too.
                tracing::error!(%error, "a transaction could not be rolled back");
            }
            After::Released
        });
        let cancelled = Arc::new(AtomicBool::new(false));
        let deadline = Duration::MAX;
        let job = Job { work, span: Span::current(), cancelled, deadline, essential: true };
        self.pool.submit(&self.file, Queue::Lease, job);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("tenant", &self.file.tenant()).finish_non_exhaustive()
    }
}
