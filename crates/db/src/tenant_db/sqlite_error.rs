//! What SQLite and the engine report, as what a caller can act on.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::model::QueryError;
use crate::sqlite::{EngineError, LockError, is_full};

/// The engine's error as the caller's.
pub(crate) fn query_error(error: EngineError) -> QueryError {
    match error {
        EngineError::Closed => QueryError::Closed,
        EngineError::Timeout => QueryError::Timeout,
        EngineError::TransactionEnded => QueryError::TransactionEnded,
        EngineError::Crowded => QueryError::Crowded,
        EngineError::Lock(LockError::Held) => QueryError::Busy,
        EngineError::Lock(LockError::Missing) => QueryError::Gone,
        // Whoever asked looks at the version again, as after any error of the database, and says which it is.
        inside @ (EngineError::Panicked(_)
        | EngineError::NoThread
        | EngineError::Guarded
        | EngineError::Lock(_)) => QueryError::Database(inside.into()),
        EngineError::Sqlite(error) => sqlite_error(error),
    }
}

fn sqlite_error(error: rusqlite::Error) -> QueryError {
    if is_full(&error) {
        return QueryError::Full;
    }
    let rusqlite::Error::SqliteFailure(failure, message) = &error else {
        return QueryError::Database(error.into());
    };
    let message = message.as_deref().unwrap_or_default();
    match failure.code {
        ErrorCode::ConstraintViolation => match constraint_error(failure.extended_code, message) {
            Some(violation) => violation,
            None => QueryError::Database(error.into()),
        },
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => QueryError::Busy,
        ErrorCode::OperationInterrupted => QueryError::Timeout,
        ErrorCode::ReadOnly => QueryError::ReadOnly,
        ErrorCode::AuthorizationForStatementDenied => QueryError::Denied,
        ErrorCode::TooBig => QueryError::TooLarge,
        // Without a code of its own.
        ErrorCode::Unknown if message == "LIKE or GLOB pattern too complex" => QueryError::TooLarge,
        // Every write is in one, and outside of it would be refused as well.
        ErrorCode::Unknown if message == "cannot VACUUM from within a transaction" => QueryError::Denied,
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
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => QueryError::ForeignKey,
        // ON DELETE RESTRICT is a trigger inside SQLite, and only its message tells it from an application's own.
        ffi::SQLITE_CONSTRAINT_TRIGGER if message == "FOREIGN KEY constraint failed" => {
            QueryError::ForeignKey
        }
        ffi::SQLITE_CONSTRAINT_NOTNULL => QueryError::NotNull { column: column(named) },
        ffi::SQLITE_CONSTRAINT_CHECK => QueryError::Check { constraint: named.to_owned() },
        _ => return None,
    })
}

fn column(named: &str) -> String {
    named.rsplit_once('.').map_or(named, |(_, column)| column).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(extended_code: i32, message: &str) -> String {
        let failure =
            rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), Some(message.to_owned()));
        format!("{:?}", query_error(EngineError::Sqlite(failure)))
    }

    #[test]
    fn each_code_is_what_a_caller_can_act_on() {
        assert_eq!(seen(ffi::SQLITE_FULL, ""), "Full");
        assert_eq!(seen(ffi::SQLITE_IOERR_SHMSIZE, ""), "Full");
        assert_eq!(seen(ffi::SQLITE_BUSY, ""), "Busy");
        assert_eq!(seen(ffi::SQLITE_BUSY_SNAPSHOT, ""), "Busy");
        assert_eq!(seen(ffi::SQLITE_LOCKED, ""), "Busy");
        assert_eq!(seen(ffi::SQLITE_INTERRUPT, ""), "Timeout");
        assert_eq!(seen(ffi::SQLITE_READONLY, ""), "ReadOnly");
        assert_eq!(seen(ffi::SQLITE_AUTH, ""), "Denied");
        assert_eq!(seen(ffi::SQLITE_ERROR, "cannot VACUUM from within a transaction"), "Denied");
        assert_eq!(seen(ffi::SQLITE_TOOBIG, ""), "TooLarge");
        assert!(seen(ffi::SQLITE_CORRUPT, "").starts_with("Database"));
        assert!(seen(ffi::SQLITE_CONSTRAINT_DATATYPE, "").starts_with("Database"));
        assert_eq!(format!("{:?}", query_error(EngineError::Closed)), "Closed");
        assert_eq!(format!("{:?}", query_error(EngineError::Timeout)), "Timeout");
        assert_eq!(format!("{:?}", query_error(EngineError::Lock(LockError::Held))), "Busy");
        assert_eq!(format!("{:?}", query_error(EngineError::Lock(LockError::Missing))), "Gone");
    }

    #[test]
    fn a_violated_constraint_names_its_columns() {
        let unique = "UNIQUE constraint failed: notes_note.title, notes_note.state";
        assert_eq!(seen(ffi::SQLITE_CONSTRAINT_UNIQUE, unique), r#"Unique { columns: ["title", "state"] }"#);
        let key = "UNIQUE constraint failed: notes_note.id";
        assert_eq!(seen(ffi::SQLITE_CONSTRAINT_PRIMARYKEY, key), r#"Unique { columns: ["id"] }"#);
        let null = "NOT NULL constraint failed: notes_note.title";
        assert_eq!(seen(ffi::SQLITE_CONSTRAINT_NOTNULL, null), r#"NotNull { column: "title" }"#);
        let check = "CHECK constraint failed: short";
        assert_eq!(seen(ffi::SQLITE_CONSTRAINT_CHECK, check), r#"Check { constraint: "short" }"#);
        assert_eq!(seen(ffi::SQLITE_CONSTRAINT_FOREIGNKEY, "FOREIGN KEY constraint failed"), "ForeignKey");
    }
}
