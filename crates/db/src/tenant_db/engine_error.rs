//! What SQLite and the engine report, as what a caller can act on.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::model::QueryError;
use crate::sqlite::{EngineError, LockError};

/// The engine's error as the caller's.
pub(super) fn query_error(error: EngineError) -> QueryError {
    match error {
        EngineError::Closed => QueryError::Closed,
        EngineError::Timeout => QueryError::Timeout,
        EngineError::TransactionEnded => QueryError::TransactionEnded,
        EngineError::Lock(LockError::Held) => QueryError::Busy,
        inside @ (EngineError::Panicked | EngineError::Lock(_)) => QueryError::Database(inside.into()),
        EngineError::Sqlite(error) => sqlite_error(error),
    }
}

fn sqlite_error(error: rusqlite::Error) -> QueryError {
    let rusqlite::Error::SqliteFailure(failure, message) = &error else {
        return QueryError::Database(error.into());
    };
    let message = message.as_deref().unwrap_or_default();
    match failure.code {
        ErrorCode::ConstraintViolation => match constraint_error(failure.extended_code, message) {
            Some(violation) => violation,
            None => QueryError::Database(error.into()),
        },
        ErrorCode::DiskFull => QueryError::Full,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => QueryError::Busy,
        ErrorCode::OperationInterrupted => QueryError::Timeout,
        ErrorCode::ReadOnly => QueryError::ReadOnly,
        ErrorCode::AuthorizationForStatementDenied => QueryError::Denied,
        _ => QueryError::Database(error.into()),
    }
}

/// SQLite names the columns only in the message: `UNIQUE constraint failed: notes_note.title, notes_note.state`.
fn constraint_error(extended_code: i32, message: &str) -> Option<QueryError> {
    let named = message.split_once(": ").map_or("", |(_, named)| named);
    Some(match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            QueryError::Unique { columns: named.split(", ").map(column).collect() }
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY | ffi::SQLITE_CONSTRAINT_TRIGGER => QueryError::ForeignKey,
        ffi::SQLITE_CONSTRAINT_NOTNULL => QueryError::NotNull { column: column(named) },
        ffi::SQLITE_CONSTRAINT_CHECK => QueryError::Check { constraint: named.to_owned() },
        _ => return None,
    })
}

fn column(named: &str) -> String {
    named.rsplit_once('.').map_or(named, |(_, column)| column).to_owned()
}
