//! How many threads writes get. To wake one costs about as much as a write does where the disk is quick, so a few writes
//! wait for those that run; but none for long behind one that hangs: a thread that has nothing to do keeps watch.

use std::time::{Duration, Instant};

use tenantry_core::TenantId;

use super::{State, WRITES};

/// The longest that a write waits while a thread could come for it: about what one takes on a slow disk.
const PATIENCE: Duration = Duration::from_millis(5);

/// How many writes may wait for each that runs: as many as a quick disk takes within that time.
const BACKLOG: usize = 16;

impl State {
    /// Whether a thread is to come for the next job.
    pub(in super::super) fn wants_thread(&self) -> bool {
        let mut reads = self.read_slots.iter().zip(&self.reads);
        reads.any(|(slots, lanes)| *slots > 0 && !lanes.is_empty()) || self.wants_writer()
    }

    fn wants_writer(&self) -> bool {
        let may_wait = if self.watched { BACKLOG * self.running_writes() } else { 0 };
        self.write_slots > 0 && self.writes.len() > may_wait
    }

    /// How long an idle thread is to keep watch over the writes that wait; `None`: there is no need to.
    pub(in super::super) fn watch(&self) -> Option<Duration> {
        (!self.watched && self.running_writes() > 0).then(|| {
            let waits = self.writes.front().map(|(_, since)| since.elapsed());
            PATIENCE.saturating_sub(waits.unwrap_or_default())
        })
    }

    /// Whether a write has waited for too long.
    pub(in super::super) fn write_is_late(&self) -> bool {
        self.writes.front().is_some_and(|(_, since)| since.elapsed() >= PATIENCE)
    }

    /// Puts a lane among those whose next write could start.
    pub(super) fn enlist_write(&mut self, key: TenantId) {
        self.writes.push_back((key, Instant::now()));
    }

    fn running_writes(&self) -> usize {
        WRITES - self.write_slots
    }
}
