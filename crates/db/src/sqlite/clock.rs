//! How long the job at hand has run, asked by SQLite itself every so many steps of its machine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tenantry_core::TenantId;

use super::pace::Pace;
use super::pool::Shared;

/// How many steps of SQLite's machine pass between two looks at the clock: some microseconds of work, unless a step is
/// over a large value, in the middle of which nothing stops SQLite.
pub(super) const STEPS: i32 = 250;

/// The clock of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct JobClock(Arc<Mutex<Option<Running>>>);

/// What the clock knows of the job at hand.
#[derive(Debug)]
struct Running {
    started: Instant,
    deadline: Duration,
    /// Set when the caller is gone; `None`: the caller waits on this very thread.
    cancelled: Option<Arc<AtomicBool>>,
    /// The place that a read has.
    place: Option<Place>,
    /// It was stopped at the end of its slice, and is to run again.
    outlived: bool,
}

/// A read's place in the pool.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) pool: Weak<Shared>,
    pub(super) key: TenantId,
    pub(super) pace: Pace,
}

impl JobClock {
    /// Starts the clock for a job that ends after `deadline`, or when its caller is gone; a read also at the end of its
    /// slice, where it can't have more.
    pub(super) fn start(&self, deadline: Duration, cancelled: Arc<AtomicBool>, place: Option<Place>) {
        self.begin(Running {
            started: Instant::now(),
            deadline,
            cancelled: Some(cancelled),
            place,
            outlived: false,
        });
    }

    /// Starts the clock for a job whose caller waits on this very thread.
    pub(super) fn start_here(&self, deadline: Duration) {
        self.begin(Running {
            started: Instant::now(),
            deadline,
            cancelled: None,
            place: None,
            outlived: false,
        });
    }

    fn begin(&self, running: Running) {
        *self.lock() = Some(running);
    }

    /// Stops the clock; the answer is the pace at which a read ran in the end.
    pub(super) fn stop(&self) -> Option<Pace> {
        Some(self.lock().take()?.place?.pace)
    }

    /// Stops the clock of a job that began by [`JobClock::start_here`]; whether it took longer than it may.
    pub(super) fn stop_here(&self) -> bool {
        self.lock().take().is_some_and(|running| running.started.elapsed() > running.deadline)
    }

    /// Whether the job was stopped at the end of its slice.
    pub(super) fn outlived(&self) -> bool {
        self.lock().as_ref().is_some_and(|running| running.outlived)
    }

    /// Called by SQLite in the middle of its work: whether to stop it.
    pub(super) fn tick(&self) -> bool {
        let mut held = self.lock();
        let Some(running) = held.as_mut() else { return false };
        let elapsed = running.started.elapsed();
        let cancelled = running.cancelled.as_ref().is_some_and(|gone| gone.load(Ordering::Relaxed));
        if elapsed > running.deadline || cancelled {
            return true;
        }
        if running.place.as_ref().is_some_and(|place| place.pace != Pace::QUICK) {
            // What is slow lets whoever waits for the core have it, instead of keeping it for a slice of the system's.
            thread::yield_now();
        }
        running.outlived |= running.place.as_mut().is_some_and(|place| !place.has_time(elapsed));
        running.outlived
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether a read that has run for `elapsed` may go on, at a slower pace perhaps.
    fn has_time(&mut self, elapsed: Duration) -> bool {
        let (Some(slice), Some(slower)) = (self.pace.slice(), self.pace.slower()) else { return true };
        if elapsed <= slice {
            return true;
        }
        let moved = self.pool.upgrade().is_some_and(|pool| pool.slow_down(self.key, slower));
        if moved {
            self.pace = slower;
        }
        moved
    }
}
