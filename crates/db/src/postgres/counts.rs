//! What a server's pool holds, and what it has done since the process's start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::error::PostgresError;

/// What one role's connections to a PostgreSQL server are doing just now, and have done since the process's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// The most connections at a time.
    pub limit: usize,
    /// Connections that are open, or being opened.
    pub open: usize,
    /// Those of them that nobody uses.
    pub idle: usize,
    /// Operations that wait for one.
    pub waiting: usize,
    /// Connections that were opened.
    pub opened: u64,
    /// Attempts to open one that failed.
    pub failed: u64,
    /// Idle connections to one database that were closed to make room for one to another.
    pub made_room: u64,
    /// Waits for a connection that have ended, in vain too.
    pub waits: u64,
    /// How long those took together.
    pub waited: Duration,
    /// Operations that were refused since too many of their tenant waited already.
    pub crowded: u64,
    /// Operations that got no connection since the server could not be reached, or did not let us in.
    pub unreachable: u64,
    /// Connections that were proved clean, and kept, after an operation on them was dropped half-way.
    pub cleaned: u64,
    /// Connections that were closed after that, since they could not be.
    pub discarded: u64,
}

/// The counts.
#[derive(Default)]
pub(super) struct Counts {
    opened: AtomicU64,
    failed: AtomicU64,
    waits: AtomicU64,
    /// In microseconds.
    waited: AtomicU64,
    crowded: AtomicU64,
    unreachable: AtomicU64,
    cleaned: AtomicU64,
    discarded: AtomicU64,
}

/// A wait for a connection, counted when it ends: also when whoever waited has gone.
pub(super) struct Wait<'a> {
    counts: &'a Counts,
    begun: Instant,
}

impl Counts {
    /// A connection was opened, or was not.
    pub(super) fn opened<T, E>(&self, opened: &Result<T, E>) {
        increase(if opened.is_ok() { &self.opened } else { &self.failed });
    }

    /// An operation asked for a connection, and got it or not.
    pub(super) fn asked<T>(&self, outcome: &Result<T, PostgresError>) {
        match outcome {
            Err(PostgresError::Crowded) => increase(&self.crowded),
            Err(error) if error.is_of_server() => increase(&self.unreachable),
            _ => {}
        }
    }

    /// A connection whose operation was dropped half-way was proved clean, or was not.
    pub(super) fn proved(&self, clean: bool) {
        increase(if clean { &self.cleaned } else { &self.discarded });
    }

    /// A wait that begins now.
    pub(super) fn wait(&self) -> Wait<'_> {
        Wait { counts: self, begun: Instant::now() }
    }

    /// The counts beside what the budget holds.
    pub(super) fn beside(&self, held: ServerStats) -> ServerStats {
        let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ServerStats {
            opened: now(&self.opened),
            failed: now(&self.failed),
            waits: now(&self.waits),
            waited: Duration::from_micros(now(&self.waited)),
            crowded: now(&self.crowded),
            unreachable: now(&self.unreachable),
            cleaned: now(&self.cleaned),
            discarded: now(&self.discarded),
            ..held
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let waited = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        increase(&self.counts.waits);
        self.counts.waited.fetch_add(waited, Ordering::Relaxed);
    }
}

fn increase(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}
