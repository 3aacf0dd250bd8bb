//! Room for open files within the budget of descriptors, and connections lent and given back.

use tenantry_core::TenantId;

use super::super::connection::OpenConnection;
use super::super::file::DataFile;
use super::super::lane::{After, Closing, Queue, Turn};
use super::super::pace::Pace;
use super::{Finished, State};

impl State {
    /// Lends a connection to a read that runs on the thread that asks for it; `None`: it must go through
    /// the queue, where it gives way to those who wait for descriptors.
    pub(in super::super) fn lend(&mut self, key: TenantId, file: &DataFile) -> Option<OpenConnection> {
        if file.is_closed() || self.closing || !self.starved.is_empty() {
            return None;
        }
        let lane = self.lanes.get_mut(&key).filter(|lane| lane.can_lend())?;
        let connection = lane.readers.pop()?;
        lane.reading[Pace::QUICK.index()] += 1;
        Some(connection)
    }

    #[cfg(test)]
    pub(in super::super) fn waits_for_room(&self) -> bool {
        !self.starved.is_empty()
    }

    /// Takes back what was lent; what is to be closed comes out.
    pub(in super::super) fn take_back(&mut self, done: Finished) -> Option<Closing> {
        let key = done.key;
        self.put_back(done);
        let closing = self.forget_if_done(key);
        self.enlist_starved();
        self.enlist(key);
        closing
    }

    /// Sees to it that the next job in a lane's queue has the descriptors it needs, and says how many, by closing the
    /// least used files. One in use is never closed; one whose jobs all wait, for descriptors perhaps, may be.
    pub(super) fn make_room(&mut self, key: TenantId, queue: Queue) -> Option<usize> {
        let mut in_use = Vec::new();
        let room = loop {
            let cost = self.lanes.get(&key)?.cost(queue);
            if self.descriptors >= cost {
                break Some(cost);
            }
            let Some((noted, least_used)) = self.by_use.pop_first() else { break None };
            let Some(lane) = self.lanes.get_mut(&least_used) else { continue };
            if lane.last_used != noted {
                lane.noted = Some(lane.last_used);
                self.by_use.insert((lane.last_used, least_used));
            } else if lane.is_at_rest() {
                lane.noted = None;
                self.evicted.push(lane.take_open());
                self.evictions += 1;
                self.descriptors += std::mem::take(&mut lane.descriptors);
                if lane.is_idle() {
                    self.lanes.remove(&least_used);
                }
            } else {
                in_use.push((noted, least_used));
            }
        };
        self.by_use.extend(in_use);
        room
    }

    /// Gives a lane back what one of its jobs had.
    pub(super) fn put_back(&mut self, done: Finished) {
        let Some(lane) = self.lanes.get_mut(&done.key) else { return };
        self.uses += 1;
        lane.last_used = self.uses;
        if done.connection.is_none() {
            lane.descriptors -= done.lost;
            self.descriptors += done.lost;
        }
        if let Queue::Reads(pace) = done.queue {
            lane.reading[pace.index()] -= 1;
            lane.note_read(done.long_read);
            lane.readers.extend(done.connection);
        } else {
            lane.writer = done.connection;
            let still_leased = match done.after {
                After::Leased => true,
                After::Released => false,
                After::Nothing | After::Again => done.queue == Queue::Lease,
            };
            lane.turn = if still_leased { Turn::Leased } else { Turn::Free };
            lane.log_is(done.long_log);
        }
        lane.write_back_if_due();
    }

    /// Forgets a lane that holds nothing, and one that was closed and has nothing left to do.
    pub(super) fn forget_if_done(&mut self, key: TenantId) -> Option<Closing> {
        let lane = self.lanes.get_mut(&key)?;
        let ending = lane.file.is_closed() || self.closing;
        if !lane.is_idle() || (lane.lock.is_some() && !ending) {
            return None;
        }
        let mut closing = lane.take_open();
        closing.heard = std::mem::take(&mut lane.closed);
        self.descriptors += lane.descriptors;
        if let Some(noted) = lane.noted {
            self.by_use.remove(&(noted, key));
        }
        self.lanes.remove(&key);
        Some(closing)
    }
}
