//! How long a read may take, as far as is known: it begins as a quick one, and what outlives its slice is a slower one.
//!
//! Each pace has places of its own, so that a read never waits for one that takes more than ten times as long. Slow
//! reads are known only by having been slow: one that outlives its slice takes a place at the next pace and goes on; if
//! there is none, or its tenant has one already, it is stopped and runs again when its turn for such a place comes. What
//! it did by then is lost, and that is at most a ninth of what it then does. In return no read holds a place beyond its slice
//! (by more than a step of SQLite's machine, which is long only over a large value), no thread is held by a read that waits, and all that the slowest reads of any number of tenants can take are
//! the places of the slowest pace.

use std::time::Duration;

/// One of the paces, the quickest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace(usize);

/// For how long a read may run at each pace but the last, at which only its deadline ends it. The first is many times what
/// a request's read takes, and well below what a person notices.
const SLICES: [Duration; 3] =
    [Duration::from_millis(4), Duration::from_millis(40), Duration::from_millis(400)];

/// How many paces there are.
pub(super) const PACES: usize = SLICES.len() + 1;

impl Pace {
    /// That of a read of which nothing is known.
    pub(super) const QUICK: Self = Self(0);

    /// Every pace, the quickest first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..PACES).map(Self)
    }

    pub(super) fn index(self) -> usize {
        self.0
    }

    /// For how long a read may run at this pace; `None`: until its deadline.
    pub(super) fn slice(self) -> Option<Duration> {
        SLICES.get(self.0).copied()
    }

    /// The next slower one.
    pub(super) fn slower(self) -> Option<Self> {
        (self.0 + 1 < PACES).then_some(Self(self.0 + 1))
    }

    /// The next quicker one.
    pub(super) fn before(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}
