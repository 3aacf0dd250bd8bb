//! What PostgreSQL and the way to it report, as the rest of the crate tells it apart.

use std::error::Error;
use std::io;

use tokio_postgres::error::{Severity, SqlState};

/// Raised when an operation could not be run on a PostgreSQL server, or failed there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostgresError {
    /// The server can't be reached, does not let us in, or has ended the connection.
    #[error("the database server can't be reached")]
    Unreachable(#[source] Option<tokio_postgres::Error>),
    /// The role that signs in may pass over what keeps tenants apart.
    #[error(
        "the role {0} is a superuser or bypasses row-level security, or may become one that does: name another"
    )]
    UnsafeRole(String),
    /// What answers hands its connections on to many, and none of them lasts for who needs one for itself.
    #[error("what answers there is a pooler such as PgBouncer: name the server itself")]
    Pooled,
    /// The tenant's database or schema is not there.
    #[error("the tenant's data is not there")]
    Gone,
    /// The server refused a value that is there already, in a shared table.
    #[error("another row has the same {}", columns.join(", "))]
    Unique {
        /// The columns that must be unique, together.
        columns: Vec<String>,
    },
    /// The server refused the statement.
    #[error("the database refused")]
    Refused(#[source] Box<tokio_postgres::Error>),
    /// The operation ran past its deadline, waiting for a connection included.
    #[error("the operation took too long")]
    Timeout,
    /// Too many operations of this tenant wait for a connection already.
    #[error("too many operations wait for the tenant's data")]
    Crowded,
    /// The rows of an answer take too much memory.
    #[error("the answer is too large")]
    TooLarge,
    /// The tenant is not active any more.
    #[error("the tenant's data is closed")]
    Closed,
    /// The transaction has ended.
    #[error("the transaction has ended")]
    TransactionEnded,
}

impl PostgresError {
    /// What kept a connection from being opened.
    pub(super) fn connecting(error: tokio_postgres::Error) -> Self {
        match error.code() {
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => Self::Gone,
            _ => Self::Unreachable(Some(error)),
        }
    }

    /// Whether it keeps everyone from the server, and not only one tenant.
    pub(super) fn is_of_server(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::UnsafeRole(_))
    }

    /// The code that the server gave, if it was the server that refused.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Refused(error) => error.code(),
            _ => None,
        }
    }

    /// Whether a statement was prepared before its table changed, so that it must be prepared anew.
    pub(crate) fn is_outdated_plan(&self) -> bool {
        // The code has other reasons too. What the server calls its own function is in no language.
        let Self::Refused(error) = self else { return false };
        error.as_db_error().is_some_and(|refusal| {
            *refusal.code() == SqlState::FEATURE_NOT_SUPPORTED
                && refusal.routine() == Some("RevalidateCachedQuery")
        })
    }

    /// The unique index that refused, where the server says no more of it.
    pub(super) fn untold_index(&self) -> Option<&str> {
        let Self::Refused(error) = self else { return None };
        let refusal = error.as_db_error()?;
        let untold = *refusal.code() == SqlState::UNIQUE_VIOLATION && refusal.detail().is_none();
        refusal.constraint().filter(|_| untold)
    }

    /// Whether the server's disk is full.
    pub(crate) fn is_full_disk(&self) -> bool {
        self.code() == Some(&SqlState::DISK_FULL)
    }

    /// Whether a lock could not be had in time.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        self.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether it is for want of a database that a statement names.
    pub(crate) fn is_missing_database(&self) -> bool {
        self.code() == Some(&SqlState::INVALID_CATALOG_NAME)
    }

    /// Whether it is for want of a table: perhaps of the whole schema.
    pub(super) fn is_missing_table(&self) -> bool {
        self.code() == Some(&SqlState::UNDEFINED_TABLE)
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            let source = error.source();
            let of_connection = error.is_closed() || source.is_some_and(<dyn Error>::is::<io::Error>);
            return if of_connection {
                Self::Unreachable(Some(error))
            } else {
                Self::Refused(Box::new(error))
            };
        };
        // What is fatal ends the connection: a server that is stopped (57P01), one with no connection left (53300).
        if matches!(refusal.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
            return Self::Unreachable(Some(error));
        }
        if *refusal.code() == SqlState::QUERY_CANCELED {
            Self::Timeout
        } else {
            Self::Refused(Box::new(error))
        }
    }
}
