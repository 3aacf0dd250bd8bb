//! The pool's threads: when one starts, sleeps and wakes.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;

use super::error::EngineError;
use super::pool::Shared;
use super::schedule::{State, Task};
use super::worker;

impl Shared {
    /// The next job for a thread; `None`: the pool is stopped, the thread may end.
    pub(super) fn wait_for_task(self: &Arc<Self>) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.next() {
                self.wake(state);
                return Some(task);
            }
            if state.stopping {
                state.threads -= 1;
                return None;
            }
            state.idle_threads += 1;
            state = self.rest(state);
            state.idle_threads -= 1;
        }
    }

    /// Sleeps until there may be a job: until woken, or a write has waited for too long.
    fn rest<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        while let Some(patience) = state.watch() {
            state.watched = true;
            let woken = self.work.wait_timeout(state, patience);
            let (next, waited) = woken.unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.watched = false;
            if !waited.timed_out() || state.write_is_late() || state.stopping {
                return state;
            }
        }
        self.work.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that a thread comes for the next job, if there is one.
    pub(super) fn wake(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        if !state.wants_thread() {
            return;
        }
        if state.idle_threads > 0 {
            self.work.notify_one();
        } else if state.threads < self.most_threads && !state.stopping {
            state.threads += 1;
            drop(state);
            self.start_thread();
        }
    }

    fn start_thread(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        let started =
            thread::Builder::new().name("tenantry-sqlite".to_owned()).spawn(move || worker::run(&shared));
        if let Err(error) = started {
            tracing::error!(%error, "a thread for SQLite could not be started; the others go on");
            let stranded = self.lock().thread_not_started();
            for mut job in stranded {
                (job.work)(Err(EngineError::NoThread));
            }
        }
    }
}
