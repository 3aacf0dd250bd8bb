//! How long the job at hand has run, asked by SQLite itself every so many steps of its machine.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::pool::Shared;

/// How many steps of SQLite's machine pass between two looks at the clock: some 20 µs of work.
pub(super) const STEPS: i32 = 2_000;

/// The longest that a read may hold its slot: many times what a request's read takes, and well below what a person
/// notices.
const SLICE: Duration = Duration::from_millis(4);

/// The clock of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct JobClock(Arc<Mutex<Option<Running>>>);

/// What the clock knows of the job at hand.
#[derive(Debug)]
struct Running {
    started: Instant,
    deadline: Duration,
    cancelled: Arc<AtomicBool>,
    /// The pool whose slot the job holds; `None` for a write.
    slot: Option<Weak<Shared>>,
    gave_up_slot: bool,
    /// It was ended because too many reads had outlived their slices.
    crowded_out: bool,
}

impl JobClock {
    /// Starts the clock for a job that ends after `deadline`, or when its caller is gone.
    pub(super) fn start(&self, deadline: Duration, cancelled: Arc<AtomicBool>, slot: Option<Weak<Shared>>) {
        let running = Running {
            started: Instant::now(),
            deadline,
            cancelled,
            slot,
            gave_up_slot: false,
            crowded_out: false,
        };
        *self.lock() = Some(running);
    }

    /// Stops the clock; the answer is whether the job gave up its slot on the way.
    pub(super) fn stop(&self) -> bool {
        self.lock().take().is_some_and(|running| running.gave_up_slot)
    }

    /// Called by SQLite in the middle of its work: whether to stop it.
    pub(super) fn tick(&self) -> bool {
        let mut held = self.lock();
        let Some(running) = held.as_mut() else { return false };
        let elapsed = running.started.elapsed();
        if elapsed > SLICE
            && !running.gave_up_slot
            && let Some(pool) = running.slot.as_ref().and_then(Weak::upgrade)
        {
            running.gave_up_slot = pool.give_up_slot();
            running.crowded_out = !running.gave_up_slot;
        }
        running.crowded_out || elapsed > running.deadline || running.cancelled.load(Ordering::Relaxed)
    }

    /// Whether the job was ended because too many reads had outlived their slices.
    pub(super) fn crowded_out(&self) -> bool {
        self.lock().as_ref().is_some_and(|running| running.crowded_out)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
