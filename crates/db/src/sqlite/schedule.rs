//! Which job runs next: lanes take turns, reads need a slot, files live within the budget of descriptors.

mod room;
mod watch;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use tenantry_core::TenantId;
use tokio::sync::oneshot;

use super::connection::OpenConnection;
use super::error::EngineError;
use super::file::{DataFile, FileLock};
use super::lane::{After, Closing, Job, Lane, Queue, Refused, Turn};
use super::pace::{PACES, Pace};
use super::pool::FileStats;

/// The most writes that run at a time, each waiting for the disk more than for a core.
pub(super) const WRITES: usize = 16;

/// The pool's state, behind its one mutex.
pub(super) struct State {
    lanes: HashMap<TenantId, Lane>,
    /// Lanes whose next read at each pace could start.
    reads: [VecDeque<TenantId>; PACES],
    /// Lanes whose next write could start, and since when.
    writes: VecDeque<(TenantId, Instant)>,
    /// An idle thread sees to it that no write waits for long.
    pub(super) watched: bool,
    /// Lanes that wait for descriptors, or for one that does.
    starved: Vec<TenantId>,
    /// What was taken out of lanes to make room, and is closed before anything else is opened.
    evicted: Vec<Closing>,
    /// How many files were, since the start.
    evictions: u64,
    /// How many files were opened, since the start.
    openings: u64,
    /// Lanes with something open, by a use of each that is not always its last: a use itself costs nothing here, and
    /// whoever looks for the least used puts right what it meets.
    by_use: BTreeSet<(u64, TenantId)>,
    uses: u64,
    /// The places that are free at each pace.
    read_slots: [usize; PACES],
    write_slots: usize,
    descriptors: usize,
    pub(super) idle_threads: usize,
    pub(super) threads: usize,
    /// Nothing new is taken in: every file is being closed.
    pub(super) closing: bool,
    /// Nobody is left to give the pool work: the threads end.
    pub(super) stopping: bool,
}

/// A job, with what it needs to run.
pub(super) struct Task {
    pub(super) key: TenantId,
    pub(super) file: Arc<DataFile>,
    pub(super) queue: Queue,
    pub(super) job: Job,
    /// The connection to run on; `None`: one is to be opened.
    pub(super) connection: Option<OpenConnection>,
    /// Whether the file's lock is to be taken first.
    pub(super) first: bool,
    /// Files to close first, so that the budget holds.
    pub(super) evicted: Vec<Closing>,
    /// The descriptors that were set aside for what is to be opened.
    pub(super) cost: usize,
}

/// What is known of a job after it has run.
pub(super) struct Finished {
    pub(super) key: TenantId,
    pub(super) queue: Queue,
    pub(super) after: After,
    /// The connection, unless it could not be had or can't be used again.
    pub(super) connection: Option<OpenConnection>,
    /// The descriptors that are free again where there is no connection.
    pub(super) lost: usize,
    /// The job itself, where it is to run again.
    pub(super) again: Option<Job>,
    /// A write, or a transaction, has ended and left a log that is too long.
    pub(super) long_log: bool,
    /// It was a read that took longer than a glance.
    pub(super) long_read: bool,
}

impl State {
    /// With as many places for reads at each pace as the machine has cores.
    pub(super) fn new(cores: usize, descriptors: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            reads: Default::default(),
            writes: VecDeque::new(),
            watched: false,
            starved: Vec::new(),
            evicted: Vec::new(),
            evictions: 0,
            openings: 0,
            by_use: BTreeSet::new(),
            uses: 0,
            read_slots: [cores; PACES],
            write_slots: WRITES,
            descriptors,
            idle_threads: 0,
            threads: 0,
            closing: false,
            stopping: false,
        }
    }

    /// What is open within a budget of so many descriptors, and was.
    pub(super) fn stats(&self, descriptors: usize) -> FileStats {
        FileStats {
            open: self.lanes.values().filter(|lane| lane.lock.is_some()).count(),
            openings: self.openings,
            evictions: self.evictions,
            descriptors: descriptors.saturating_sub(self.descriptors),
            descriptors_limit: descriptors,
        }
    }

    /// Puts a job in its lane's queue. A job of a file that is closed comes back, and one too many.
    pub(super) fn submit(
        &mut self,
        key: TenantId,
        file: &Arc<DataFile>,
        queue: Queue,
        job: Job,
    ) -> Result<(), Refused> {
        if queue != Queue::Lease && (file.is_closed() || self.closing) {
            return Err(Refused(job.work, EngineError::Closed));
        }
        let lane = self.lanes.entry(key).or_insert_with(|| Lane::new(Arc::clone(file)));
        if !job.essential && !lane.has_room(queue) {
            return Err(Refused(job.work, EngineError::Crowded));
        }
        lane.queue(queue).push_back(job);
        self.enlist(key);
        Ok(())
    }

    /// The next job to run.
    pub(super) fn next(&mut self) -> Option<Task> {
        self.next_read(Pace::QUICK).or_else(|| self.next_write()).or_else(|| {
            // Threads are scarce only where the system gives none: the quickest come first then.
            Pace::all().find_map(|pace| self.next_read(pace))
        })
    }

    fn next_read(&mut self, pace: Pace) -> Option<Task> {
        while self.read_slots[pace.index()] > 0
            && let Some(key) = self.reads[pace.index()].pop_front()
        {
            if let Some(task) = self.start_read(key, pace) {
                return Some(task);
            }
        }
        None
    }

    fn next_write(&mut self) -> Option<Task> {
        while self.write_slots > 0
            && let Some((key, _)) = self.writes.pop_front()
        {
            if let Some(task) = self.start_write(key) {
                return Some(task);
            }
        }
        None
    }

    /// Moves a read that has outlived its slice on to the pace `to`; `false`: there is no place for it, or others wait.
    pub(super) fn slow_down(&mut self, key: TenantId, to: Pace) -> bool {
        let (Some(from), Some(lane)) = (to.before(), self.lanes.get_mut(&key)) else { return false };
        let others_wait =
            self.read_slots[to.index()] <= self.reads[to.index()].len() || !self.starved.is_empty();
        if others_wait || !lane.may_go_on(to) {
            return false;
        }
        lane.reading[from.index()] -= 1;
        lane.reading[to.index()] += 1;
        self.read_slots[from.index()] += 1;
        self.read_slots[to.index()] -= 1;
        self.enlist(key);
        true
    }

    /// A thread could not be started. Without any other, the jobs that wait come out, to be refused.
    pub(super) fn thread_not_started(&mut self) -> Vec<Job> {
        self.threads -= 1;
        if self.threads > 0 {
            return Vec::new();
        }
        let queues = self.lanes.values_mut().flat_map(|lane| {
            lane.reads.iter_mut().chain([&mut lane.writes, &mut lane.lease]).map(std::mem::take)
        });
        let stranded = queues.flatten().collect();
        self.lanes.retain(|_, lane| lane.lock.is_some());
        stranded
    }

    /// The first to open a file has done so, or has failed to: the others need not wait for it any longer.
    pub(super) fn opened(&mut self, key: TenantId, lock: Option<FileLock>) {
        self.openings += u64::from(lock.is_some());
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.opening = false;
            lane.lock = lock;
        }
        self.enlist(key);
    }

    /// Takes back what a job ran with; what is to be closed comes out, and a job that can't run again.
    pub(super) fn finish(&mut self, mut done: Finished) -> (Vec<Closing>, Option<Refused>) {
        match done.queue {
            Queue::Reads(pace) => self.read_slots[pace.index()] += 1,
            Queue::Writes | Queue::Lease => self.write_slots += 1,
        }
        let (key, queue, again) = (done.key, done.queue, done.again.take());
        self.put_back(done);
        let refused = again.and_then(|job| self.run_again(key, queue, job).err());
        let mut closing = std::mem::take(&mut self.evicted);
        closing.extend(self.forget_if_done(key));
        self.enlist_starved();
        self.enlist(key);
        (closing, refused)
    }

    /// Lets a read that was stopped at the end of its slice wait for a place where it has more time.
    fn run_again(&mut self, key: TenantId, queue: Queue, job: Job) -> Result<(), Refused> {
        let slower = match queue {
            Queue::Reads(pace) => pace.slower().map(Queue::Reads),
            Queue::Writes | Queue::Lease => None,
        };
        let (Some(slower), Some(lane)) = (slower, self.lanes.get_mut(&key)) else {
            return Err(Refused(job.work, EngineError::Timeout));
        };
        if lane.file.is_closed() || self.closing {
            return Err(Refused(job.work, EngineError::Closed));
        }
        if !lane.has_room(slower) {
            return Err(Refused(job.work, EngineError::Crowded));
        }
        lane.queue(slower).push_back(job);
        Ok(())
    }

    /// Ends the use of a file: what waits comes out, to be refused; `gone` hears when nothing of it is open.
    pub(super) fn close(&mut self, key: TenantId, gone: oneshot::Sender<()>) -> (Vec<Job>, Option<Closing>) {
        let Some(lane) = self.lanes.get_mut(&key) else {
            // The receiver may have lost interest: nothing is owed to it then.
            let _ = gone.send(());
            return (Vec::new(), None);
        };
        lane.file.close();
        lane.closed.push(gone);
        let mut refused: Vec<Job> = lane.reads.iter_mut().flat_map(|reads| reads.drain(..)).collect();
        refused.extend(lane.writes.drain(..));
        let closing = self.forget_if_done(key);
        self.enlist_starved();
        (refused, closing)
    }

    /// The keys of all lanes, open or waiting to be.
    pub(super) fn keys(&self) -> Vec<TenantId> {
        self.lanes.keys().copied().collect()
    }

    fn enlist(&mut self, key: TenantId) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        for pace in Pace::all() {
            if lane.can_read(pace) && !lane.in_reads[pace.index()] {
                lane.in_reads[pace.index()] = true;
                self.reads[pace.index()].push_back(key);
            }
        }
        if lane.can_write() && !lane.in_writes {
            lane.in_writes = true;
            self.enlist_write(key);
        }
    }

    fn enlist_starved(&mut self) {
        for key in std::mem::take(&mut self.starved) {
            self.enlist(key);
        }
    }

    fn start_read(&mut self, key: TenantId, pace: Pace) -> Option<Task> {
        let lane = self.lanes.get_mut(&key)?;
        lane.in_reads[pace.index()] = false;
        if !lane.can_read(pace) {
            return None;
        }
        let task = self.start(key, Queue::Reads(pace))?;
        self.read_slots[pace.index()] -= 1;
        Some(task)
    }

    fn start_write(&mut self, key: TenantId) -> Option<Task> {
        let lane = self.lanes.get_mut(&key)?;
        lane.in_writes = false;
        if !lane.can_write() {
            return None;
        }
        let queue = if lane.turn == Turn::Leased { Queue::Lease } else { Queue::Writes };
        let task = self.start(key, queue)?;
        self.write_slots -= 1;
        Some(task)
    }

    /// Takes the next job out of a queue, with the descriptors that it needs.
    fn start(&mut self, key: TenantId, queue: Queue) -> Option<Task> {
        let lane = self.lanes.get_mut(&key)?;
        if !lane.has_next(queue) {
            // Nobody waits for what was there. A lane of which nothing is open would be met by nobody else.
            if lane.is_idle() && lane.lock.is_none() && !lane.opening {
                self.lanes.remove(&key);
            }
            return None;
        }
        let gives_way = !self.starved.is_empty() && lane.gives_way(queue);
        let cost = if gives_way { None } else { self.make_room(key, queue) };
        let Some(cost) = cost else {
            self.starved.push(key);
            return None;
        };
        let lane = self.lanes.get_mut(&key)?;
        let job = lane.queue(queue).pop_front()?;
        self.descriptors -= cost;
        lane.descriptors += cost;
        if lane.noted.is_none() {
            lane.noted = Some(lane.last_used);
            self.by_use.insert((lane.last_used, key));
        }
        let first = lane.lock.is_none();
        lane.opening = first;
        let connection = if let Queue::Reads(pace) = queue {
            lane.reading[pace.index()] += 1;
            lane.readers.pop()
        } else {
            lane.turn = Turn::Running;
            lane.writer.take()
        };
        let file = Arc::clone(&lane.file);
        let evicted = if cost > 0 { std::mem::take(&mut self.evicted) } else { Vec::new() };
        self.enlist(key);
        Some(Task { key, file, queue, job, connection, first, evicted, cost })
    }
}
