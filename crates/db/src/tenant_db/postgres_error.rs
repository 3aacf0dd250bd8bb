//! What PostgreSQL and the way to it report, as what a caller can act on.

use tokio_postgres::error::{DbError, SqlState};

use crate::model::{QueryError, TENANT_COLUMN};
use crate::postgres::PostgresError;

/// The server's error as the caller's.
pub(crate) fn query_error(error: PostgresError) -> QueryError {
    match error {
        PostgresError::Closed => QueryError::Closed,
        PostgresError::Timeout => QueryError::Timeout,
        PostgresError::Crowded => QueryError::Crowded,
        PostgresError::TooLarge => QueryError::TooLarge,
        PostgresError::Gone => QueryError::Gone,
        PostgresError::Unique { columns } => QueryError::Unique { columns },
        PostgresError::TransactionEnded => QueryError::TransactionEnded,
        unreachable @ (PostgresError::Unreachable(_)
        | PostgresError::UnsafeRole(_)
        | PostgresError::Pooled) => QueryError::Unreachable(unreachable.into()),
        // Inside a transaction it can't be prepared anew: the whole of it has to be tried again.
        outdated if outdated.is_outdated_plan() => QueryError::Conflict,
        PostgresError::Refused(error) => match error.as_db_error().and_then(refusal) {
            Some(known) => known,
            None => QueryError::Database(error),
        },
    }
}

fn refusal(error: &DbError) -> Option<QueryError> {
    Some(match *error.code() {
        SqlState::UNIQUE_VIOLATION => QueryError::Unique { columns: key_columns(error) },
        SqlState::FOREIGN_KEY_VIOLATION | SqlState::RESTRICT_VIOLATION => QueryError::ForeignKey,
        SqlState::NOT_NULL_VIOLATION => {
            QueryError::NotNull { column: error.column().unwrap_or_default().to_owned() }
        }
        SqlState::CHECK_VIOLATION => {
            QueryError::Check { constraint: error.constraint().unwrap_or_default().to_owned() }
        }
        SqlState::DISK_FULL => QueryError::Full,
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => QueryError::Conflict,
        SqlState::LOCK_NOT_AVAILABLE => QueryError::Busy,
        SqlState::READ_ONLY_SQL_TRANSACTION => QueryError::ReadOnly,
        SqlState::INSUFFICIENT_PRIVILEGE => QueryError::Denied,
        SqlState::IN_FAILED_SQL_TRANSACTION => QueryError::TransactionAborted,
        _ => return None,
    })
}

/// PostgreSQL names the columns only in the detail, in whatever language it speaks: `Key (title, state)=(a, b) …`.
fn key_columns(error: &DbError) -> Vec<String> {
    let named =
        error.detail().and_then(|detail| detail.split_once('(')?.1.split_once(")=(")).map(|(named, _)| named);
    let columns = named.into_iter().flat_map(|named| named.split(", "));
    columns.filter(|column| *column != TENANT_COLUMN).map(str::to_owned).collect()
}
