//! The threads that own the open files. (First form: one connection for each operation.)

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tenantry_core::TenantId;

/// A tenant's file.
#[derive(Debug)]
pub(crate) struct DataFile {
    /// The tenant whose file it is: the key of everything that is kept for it.
    pub(crate) tenant: TenantId,
    /// The file.
    pub(crate) path: PathBuf,
}

/// Raised when an operation could not be run, or failed in the database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file is closed for good: its tenant is not active any more.
    #[error("the tenant's data is closed")]
    Closed,
    /// The operation ran past its deadline and was stopped.
    #[error("the operation took too long")]
    Timeout,
}

/// The open files of all tenants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool;

/// The right to write to one file, held over several operations: a transaction. Dropped, it rolls back.
#[derive(Debug)]
pub(crate) struct Lease(Mutex<Option<Connection>>);

impl Pool {
    /// Runs `job` on a connection that can only read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        file: &Arc<DataFile>,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, EngineError> {
        Ok(job(&Connection::open(&file.path)?)?)
    }

    /// Runs `job` on the file's one connection that writes, each statement a transaction of its own.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        file: &Arc<DataFile>,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, EngineError> {
        Ok(job(&Connection::open(&file.path)?)?)
    }

    /// Begins a transaction (BEGIN IMMEDIATE) once the writer is free.
    pub(crate) async fn begin(&self, file: &Arc<DataFile>) -> Result<Lease, EngineError> {
        let connection = Connection::open(&file.path)?;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        Ok(Lease(Mutex::new(Some(connection))))
    }
}

impl Lease {
    /// Runs `job` inside the transaction; [`EngineError::Closed`] once it has ended.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, EngineError> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = held.as_ref().ok_or(EngineError::Closed)?;
        Ok(job(connection)?)
    }

    /// Ends the transaction, keeping what it did.
    pub(crate) async fn commit(&self) -> Result<(), EngineError> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(connection.ok_or(EngineError::Closed)?.execute_batch("COMMIT")?)
    }

    /// Ends the transaction, undoing what it did.
    pub(crate) async fn roll_back(&self) -> Result<(), EngineError> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(connection.ok_or(EngineError::Closed)?.execute_batch("ROLLBACK")?)
    }
}
