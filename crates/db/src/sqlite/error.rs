//! Why an operation on a file could not be run, or failed.

use std::any::Any;

use rusqlite::ffi::ErrorCode;

use super::file::LockError;

/// Raised when an operation could not be run, or failed in the database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// The file is closed for good: its tenant is not active any more.
    #[error("the tenant's data is closed")]
    Closed,
    /// The transaction has ended.
    #[error("the transaction has ended")]
    TransactionEnded,
    /// The file's guard does not let it be written to.
    #[error("the tenant's data is of another version than the program")]
    Guarded,
    /// The operation ran past its deadline and was stopped.
    #[error("the operation took too long")]
    Timeout,
    /// Too many jobs wait for this file already.
    #[error("too many operations wait for the tenant's data")]
    Crowded,
    /// No thread could be started to run it.
    #[error("no thread could be started for SQLite")]
    NoThread,
    /// The operation panicked; what it did was undone.
    #[error("the operation panicked: {0}")]
    Panicked(String),
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl EngineError {
    /// The panic of an operation, by its words.
    #[allow(clippy::needless_pass_by_value, reason = "the catcher hands it over")]
    pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Self {
        let words = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        Self::Panicked(words.unwrap_or_else(|| "without a word".to_owned()))
    }
}

impl From<rusqlite::Error> for EngineError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => Self::Timeout,
            _ => Self::Sqlite(error),
        }
    }
}
