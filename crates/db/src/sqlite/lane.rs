//! What is open for one tenant's file, and the work that waits for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tenantry_core::TenantId;
use tokio::sync::oneshot;
use tracing::Span;

use super::connection::OpenConnection;
use super::error::EngineError;
use super::file::{DataFile, FileLock};
use super::pace::{PACES, Pace};

/// The descriptors that a file takes when it is opened: its lock, itself, its log and the log's index.
pub(super) const FIRST_CONNECTION: usize = 4;

/// The descriptors that each further connection to an open file takes: the file again, and its log.
pub(super) const NEXT_CONNECTION: usize = 2;

/// The most reads that run on one file at a time.
pub(super) const READERS: usize = 3;

/// The most of them that are slow, so that a quick one always finds a connection.
const SLOW_READERS: usize = READERS - 1;

/// How many short reads make up for a long one. One alone does not count: its thread may have had to wait for a core.
const LONG_READ: u8 = 16;

/// The most that is remembered of them.
const MOST_LONG_READS: u8 = 4 * LONG_READ;

/// The most jobs that wait in one queue of a file: many more than requests are served at a time, and few enough that a
/// flood on one tenant is bounded.
const WAITING: usize = 1_024;

/// One piece of work on a connection. It gets the reason instead where none could be had. It is called again where its
/// answer was [`After::Again`].
pub(super) type Work = Box<dyn FnMut(Result<&OpenConnection, EngineError>) -> After + Send>;

/// Work, and when to stop it.
pub(super) struct Job {
    pub(super) work: Work,
    /// The caller's: what the log says of the job is said of its request.
    pub(super) span: Span,
    /// Set when the caller is gone. The end of a transaction is run whether or not anyone waits for it.
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) deadline: Duration,
    /// Whether it is taken in however many wait: the end of a transaction, which the others wait for.
    pub(super) essential: bool,
}

/// The work of a job that was not taken in, and why.
pub(super) struct Refused(pub(super) Work, pub(super) EngineError);

impl Refused {
    /// Tells whoever waits for it.
    pub(super) fn tell(mut self) {
        (self.0)(Err(self.1));
    }
}

/// What a job left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing: the connection is as it was.
    Nothing,
    /// An open transaction: the writer belongs to a lease now.
    Leased,
    /// The end of a lease: the writer is free again.
    Released,
    /// A read that outlived its slice and was stopped: it is to run again where there is more time.
    Again,
}

/// Whose turn it is to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nobody's.
    Free,
    /// A job is running on the writer.
    Running,
    /// A lease's, none of whose jobs is running just now.
    Leased,
}

/// Which of the lane's queues a job waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// Reads at one of the paces.
    Reads(Pace),
    Writes,
    /// Jobs of the lease that holds the writer.
    Lease,
}

/// Everything about one file.
pub(super) struct Lane {
    pub(super) file: Arc<DataFile>,
    pub(super) reads: [VecDeque<Job>; PACES],
    pub(super) writes: VecDeque<Job>,
    pub(super) lease: VecDeque<Job>,
    pub(super) turn: Turn,
    /// How many reads run at each pace.
    pub(super) reading: [usize; PACES],
    /// Idle connections.
    pub(super) readers: Vec<OpenConnection>,
    pub(super) writer: Option<OpenConnection>,
    pub(super) lock: Option<FileLock>,
    /// A job is opening the file for the first time; the others wait for it.
    pub(super) opening: bool,
    /// The file's log is too long: no job starts until those that run have ended, and it was written back.
    pub(super) held: bool,
    /// The job that writes the log back waits or runs.
    pub(super) writing_back: bool,
    /// What this lane has taken of the pool's budget.
    pub(super) descriptors: usize,
    /// The pool's count of uses at the last one.
    pub(super) last_used: u64,
    /// The use by which the lane stands among those with something open.
    pub(super) noted: Option<u64>,
    /// Grows with each read that took longer than a glance, and shrinks with each other: where it is large, reads do not
    /// try to run where they are asked for.
    pub(super) long_reads: u8,
    /// Whether the lane stands in the pool's queues of lanes with something to do.
    pub(super) in_reads: [bool; PACES],
    pub(super) in_writes: bool,
    /// Those who wait for the lane to be gone.
    pub(super) closed: Vec<oneshot::Sender<()>>,
}

/// Connections and a lock that are to be let go of, outside of the pool's mutex: closing one may write to the disk.
#[derive(Default)]
pub(super) struct Closing {
    pub(super) connections: Vec<OpenConnection>,
    pub(super) lock: Option<FileLock>,
    /// Those who wait for it.
    pub(super) heard: Vec<oneshot::Sender<()>>,
}

impl Closing {
    /// Closes the connections, lets go of the lock, and says so.
    pub(super) fn close(self) {
        drop(self.connections);
        drop(self.lock);
        for waiting in self.heard {
            // Who asked may have gone meanwhile: nothing is owed to it then.
            let _ = waiting.send(());
        }
    }
}

impl Job {
    /// Writes a file's log back and empties it. What a reader in another process still needs stays.
    fn write_back(tenant: TenantId) -> Self {
        let work = Box::new(move |connection: Result<&OpenConnection, EngineError>| {
            if let Err(error) = connection.and_then(|connection| Ok(connection.write_back()?)) {
                tracing::debug!(%error, tenant_id = tenant.get(), "a log could not be written back just now");
            }
            After::Nothing
        });
        // No request asked for it.
        let span = Span::none();
        Self { work, span, cancelled: Arc::default(), deadline: Duration::MAX, essential: true }
    }
}

impl Lane {
    pub(super) fn new(file: Arc<DataFile>) -> Self {
        Self {
            file,
            reads: Default::default(),
            writes: VecDeque::new(),
            lease: VecDeque::new(),
            turn: Turn::Free,
            reading: [0; PACES],
            readers: Vec::new(),
            writer: None,
            lock: None,
            opening: false,
            held: false,
            writing_back: false,
            descriptors: 0,
            last_used: 0,
            noted: None,
            long_reads: 0,
            in_reads: [false; PACES],
            in_writes: false,
            closed: Vec::new(),
        }
    }

    pub(super) fn queue(&mut self, queue: Queue) -> &mut VecDeque<Job> {
        match queue {
            Queue::Reads(pace) => &mut self.reads[pace.index()],
            Queue::Writes => &mut self.writes,
            Queue::Lease => &mut self.lease,
        }
    }

    /// Whether one more job may wait in a queue. Those whose callers are gone make room.
    pub(super) fn has_room(&mut self, queue: Queue) -> bool {
        let queue = self.queue(queue);
        if queue.len() >= WAITING {
            queue.retain(|job| !job.cancelled.load(Ordering::Relaxed));
        }
        queue.len() < WAITING
    }

    /// Whether there is a job in a queue whose caller still waits. Those before it are dropped.
    pub(super) fn has_next(&mut self, queue: Queue) -> bool {
        let queue = self.queue(queue);
        while queue.front().is_some_and(|job| job.cancelled.load(Ordering::Relaxed)) {
            queue.pop_front();
        }
        !queue.is_empty()
    }

    /// How many reads run.
    pub(super) fn running_reads(&self) -> usize {
        self.reading.iter().sum()
    }

    /// Whether a read could start at a pace now, given a place and descriptors.
    pub(super) fn can_read(&self, pace: Pace) -> bool {
        !self.opening
            && !self.held
            && !self.reads[pace.index()].is_empty()
            && self.running_reads() < READERS
            && (pace == Pace::QUICK || (self.may_be_at(pace) && self.slow_reads() < SLOW_READERS))
    }

    /// Whether a read that runs at the pace before may go on at this one.
    pub(super) fn may_go_on(&self, pace: Pace) -> bool {
        let slow_already = pace.before() != Some(Pace::QUICK);
        self.may_be_at(pace) && (slow_already || self.slow_reads() < SLOW_READERS)
    }

    /// One tenant has one place at each of the slow paces.
    fn may_be_at(&self, pace: Pace) -> bool {
        self.reading[pace.index()] == 0
    }

    fn slow_reads(&self) -> usize {
        self.running_reads() - self.reading[Pace::QUICK.index()]
    }

    /// Whether a read may run on the thread that asks for it: short by all one knows, and out of nobody's turn.
    pub(super) fn can_lend(&self) -> bool {
        !self.held
            && self.long_reads <= LONG_READ
            && self.reads[Pace::QUICK.index()].is_empty()
            && self.running_reads() < READERS
    }

    /// Remembers whether a read took longer than a glance.
    pub(super) fn note_read(&mut self, long: bool) {
        self.long_reads = if long {
            (self.long_reads + LONG_READ).min(MOST_LONG_READS)
        } else {
            self.long_reads.saturating_sub(1)
        };
    }

    /// Whether a write could start now, given descriptors.
    pub(super) fn can_write(&self) -> bool {
        !self.opening
            && match self.turn {
                Turn::Free => !self.writes.is_empty() && (!self.held || self.writing_back),
                Turn::Leased => !self.lease.is_empty(),
                Turn::Running => false,
            }
    }

    /// Reads that overlap keep SQLite from ever beginning the log anew, so that it would grow until the disk is full,
    /// everyone's. When it is too long, it is written back while nothing runs on the file.
    pub(super) fn log_is(&mut self, too_long: bool) {
        // Tried once, and again after the next write: another process may be in the way.
        let tried = std::mem::take(&mut self.writing_back);
        self.held = too_long && !tried;
    }

    pub(super) fn write_back_if_due(&mut self) {
        if self.held && self.is_at_rest() && !self.writing_back {
            self.writing_back = true;
            self.writes.push_front(Job::write_back(self.file.tenant()));
        }
    }

    /// Whether nothing runs and no transaction is open, though something may wait.
    pub(super) fn is_at_rest(&self) -> bool {
        self.running_reads() == 0 && self.turn == Turn::Free
    }

    /// Whether the next job in a queue is not to be started while others wait for descriptors. A file in use is never
    /// closed, so it has to come to rest. Beside a slow read it won't soon, and what is quick goes on. In a transaction it
    /// does so by going on, a read beside it included, which may be a part of that.
    pub(super) fn gives_way(&self, queue: Queue) -> bool {
        let slow = matches!(queue, Queue::Reads(pace) if pace != Pace::QUICK);
        !self.is_at_rest() && self.turn != Turn::Leased && (slow || self.slow_reads() == 0)
    }

    /// Whether nothing runs, waits or is held.
    pub(super) fn is_idle(&self) -> bool {
        self.is_at_rest()
            && self.reads.iter().all(VecDeque::is_empty)
            && self.writes.is_empty()
            && self.lease.is_empty()
    }

    /// The descriptors that the next job in `queue` takes beyond what the lane has.
    pub(super) fn cost(&self, queue: Queue) -> usize {
        let ready = match queue {
            Queue::Reads(_) => !self.readers.is_empty(),
            Queue::Writes | Queue::Lease => self.writer.is_some(),
        };
        match (ready, self.lock.is_some()) {
            (true, _) => 0,
            (false, true) => NEXT_CONNECTION,
            (false, false) => FIRST_CONNECTION,
        }
    }

    /// Takes all that is open; the lane is as new.
    pub(super) fn take_open(&mut self) -> Closing {
        let mut connections = std::mem::take(&mut self.readers);
        connections.extend(self.writer.take());
        Closing { connections, lock: self.lock.take(), heard: Vec::new() }
    }
}
