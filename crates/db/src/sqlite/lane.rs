//! What is open for one tenant's file, and the work that waits for it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::oneshot;

use super::connection::OpenConnection;
use super::file::{DataFile, FileLock};
use super::pool::EngineError;

/// The descriptors that a file takes when it is opened: its lock, itself, its log and the log's index.
pub(super) const FIRST_CONNECTION: usize = 4;

/// The descriptors that each further connection to an open file takes: the file again, and its log.
pub(super) const NEXT_CONNECTION: usize = 2;

/// The most reads that run on one file at a time.
pub(super) const READERS: usize = 3;

/// One piece of work on a connection. It gets the reason instead where none could be had.
pub(super) type Work = Box<dyn FnOnce(Result<&OpenConnection, EngineError>) -> After + Send>;

/// Work, and when to stop it.
pub(super) struct Job {
    pub(super) work: Work,
    /// Set when the caller is gone. The end of a transaction is run whether or not anyone waits for it.
    pub(super) cancelled: Arc<AtomicBool>,
    pub(super) deadline: Duration,
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
    Reads,
    Writes,
    /// Jobs of the lease that holds the writer.
    Lease,
}

/// Everything about one file.
pub(super) struct Lane {
    pub(super) file: Arc<DataFile>,
    pub(super) reads: VecDeque<Job>,
    pub(super) writes: VecDeque<Job>,
    pub(super) lease: VecDeque<Job>,
    pub(super) turn: Turn,
    pub(super) reading: usize,
    /// Idle connections.
    pub(super) readers: Vec<OpenConnection>,
    pub(super) writer: Option<OpenConnection>,
    pub(super) lock: Option<FileLock>,
    /// A job is opening the file for the first time; the others wait for it.
    pub(super) opening: bool,
    /// What this lane has taken of the pool's budget.
    pub(super) descriptors: usize,
    pub(super) last_used: u64,
    /// Whether the lane stands in the pool's queues of lanes with something to do.
    pub(super) in_reads: bool,
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

impl Lane {
    pub(super) fn new(file: Arc<DataFile>) -> Self {
        Self {
            file,
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            lease: VecDeque::new(),
            turn: Turn::Free,
            reading: 0,
            readers: Vec::new(),
            writer: None,
            lock: None,
            opening: false,
            descriptors: 0,
            last_used: 0,
            in_reads: false,
            in_writes: false,
            closed: Vec::new(),
        }
    }

    pub(super) fn queue(&mut self, queue: Queue) -> &mut VecDeque<Job> {
        match queue {
            Queue::Reads => &mut self.reads,
            Queue::Writes => &mut self.writes,
            Queue::Lease => &mut self.lease,
        }
    }

    /// Whether a read could start now, given a slot and descriptors.
    pub(super) fn can_read(&self) -> bool {
        !self.opening && !self.reads.is_empty() && self.reading < READERS
    }

    /// Whether a write could start now, given descriptors.
    pub(super) fn can_write(&self) -> bool {
        !self.opening
            && match self.turn {
                Turn::Free => !self.writes.is_empty(),
                Turn::Leased => !self.lease.is_empty(),
                Turn::Running => false,
            }
    }

    /// Whether nothing runs and no transaction is open, though something may wait.
    pub(super) fn is_at_rest(&self) -> bool {
        self.reading == 0 && self.turn == Turn::Free
    }

    /// Whether nothing runs, waits or is held.
    pub(super) fn is_idle(&self) -> bool {
        self.is_at_rest() && self.reads.is_empty() && self.writes.is_empty() && self.lease.is_empty()
    }

    /// The descriptors that the next job in `queue` takes beyond what the lane has.
    pub(super) fn cost(&self, queue: Queue) -> usize {
        let ready = match queue {
            Queue::Reads => !self.readers.is_empty(),
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
