//! Counts what is done on tenants' files, as SQLite itself tells it: for tests that hold a request to what it may cost.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

/// What this process has done on tenants' files since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Connections that were opened.
    pub connections: u64,
    /// Statements that were begun, those of the engine itself among them.
    pub statements: u64,
}

// SQLite's hook takes a plain function, which has nowhere else to count.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
static STATEMENTS: AtomicU64 = AtomicU64::new(0);

/// What was counted until now.
#[must_use]
pub fn counted() -> Counted {
    Counted { connections: CONNECTIONS.load(Ordering::SeqCst), statements: STATEMENTS.load(Ordering::SeqCst) }
}

/// Counts a connection, and from now on its statements.
pub(super) fn count(connection: &mut Connection) -> rusqlite::Result<()> {
    CONNECTIONS.fetch_add(1, Ordering::SeqCst);
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count_statement))
}

fn count_statement(_: TraceEvent<'_>) {
    STATEMENTS.fetch_add(1, Ordering::SeqCst);
}
