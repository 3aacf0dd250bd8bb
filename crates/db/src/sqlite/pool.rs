//! The pool of open files, as the rest of the crate sees it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tenantry_core::TenantId;
use tokio::sync::oneshot;
use tracing::Span;

use super::connection::OpenConnection;
use super::error::EngineError;
use super::file::{DataFile, FileLock};
use super::lane::{After, FIRST_CONNECTION, Job, NEXT_CONNECTION, Queue, READERS, Work};
use super::lease::Lease;
use super::pace::{PACES, Pace};
use super::schedule::{Finished, State, WRITES};

/// How much a pool may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolConfig {
    /// File descriptors for tenants' files, four for an open one and two for each further connection to it.
    pub(crate) descriptors: usize,
    /// The longest that one operation may run.
    pub(crate) deadline: Duration,
    /// When a write counts as done.
    pub(crate) synchronous: Synchronous,
    /// How many bytes a file's log may have before it is written back at the price of a pause.
    pub(crate) log: u64,
}

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// When the disk has it: what was acknowledged survives a power cut.
    #[default]
    Full,
    /// When the operating system has it: what was acknowledged survives the end of the process, not a power cut.
    Normal,
}

/// The files that a process has open, and has had since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStats {
    /// Tenants' files that are open just now.
    pub open: usize,
    /// Files that were opened.
    pub openings: u64,
    /// Those that were closed again to make room for others.
    pub evictions: u64,
    /// The descriptors that open files take just now.
    pub descriptors: usize,
    /// The most that they may take.
    pub descriptors_limit: usize,
}

/// What a pool has done and holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolStats {
    /// Its files.
    pub(crate) files: FileStats,
    /// Operations whose caller went away before they ended, since the start.
    pub(crate) dropped: u64,
}

/// The open files of all tenants, and the threads that work on them. The threads end with the last handle.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Handle>);

struct Handle(Arc<Shared>);

/// What the threads share.
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) work: Condvar,
    pub(super) config: PoolConfig,
    pub(super) most_threads: usize,
    dropped: AtomicU64,
    #[cfg(feature = "testkit")]
    confused: AtomicBool,
}

/// The fewest descriptors that a pool works with: one file with all its connections.
const LEAST_DESCRIPTORS: usize = FIRST_CONNECTION + NEXT_CONNECTION * READERS;

impl Pool {
    pub(crate) fn new(mut config: PoolConfig) -> Self {
        let cores = thread::available_parallelism().map_or(2, usize::from).max(2);
        config.descriptors = config.descriptors.max(LEAST_DESCRIPTORS);
        Self(Arc::new(Handle(Arc::new(Shared {
            state: Mutex::new(State::new(cores, config.descriptors)),
            work: Condvar::new(),
            config,
            most_threads: cores * PACES + WRITES,
            dropped: AtomicU64::new(0),
            #[cfg(feature = "testkit")]
            confused: AtomicBool::new(false),
        }))))
    }

    /// A pool with room for a test's files, and deadlines that only a hang reaches.
    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        let deadline = Duration::from_secs(60);
        Self::new(PoolConfig { descriptors: 200, deadline, synchronous: Synchronous::Normal, log: u64::MAX })
    }

    /// Runs `job` on the file's one connection that writes, each statement a transaction of its own; on a guarded file
    /// all in one, in which the guard is asked first.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        file: &Arc<DataFile>,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, EngineError> {
        let written = Arc::clone(file);
        self.run(file, Queue::Writes, move |connection| {
            let done = if written.is_guarded() {
                connection.in_one(|db| {
                    written.ask_guard(db)?;
                    Ok(job(db)?)
                })
            } else {
                job(&connection.db).map_err(Into::into)
            };
            (done, After::Nothing)
        })
        .await
    }

    /// Begins a transaction (BEGIN IMMEDIATE) once the writer is free.
    pub(crate) async fn begin(&self, file: &Arc<DataFile>) -> Result<Lease, EngineError> {
        let (pool, leased) = (self.clone(), Arc::clone(file));
        self.run(file, Queue::Writes, move |connection| match connection.begin(|db| leased.ask_guard(db)) {
            // Dropped if nobody waits for it any more, which ends the transaction.
            Ok(()) => (Ok(Lease::new(pool, leased)), After::Leased),
            Err(error) => (Err(error), After::Nothing),
        })
        .await
    }

    /// Ends the use of a tenant's file, and waits until nothing of it is open here, unless it was just now being closed to
    /// make room: that ends within moments, and the file's lock tells.
    pub(crate) async fn close(&self, tenant: TenantId) {
        // An error means that the sender is gone, and with it the lane.
        let _ = self.begin_close(tenant).await;
    }

    /// Ends the use of a tenant's file. Operations that wait are refused, those that run end; then it is closed, which
    /// the answer tells.
    pub(crate) fn begin_close(&self, tenant: TenantId) -> oneshot::Receiver<()> {
        let shared = self.shared();
        let state = shared.lock();
        let mut closed = shared.close(state, vec![shared.key(tenant)]);
        closed.remove(0)
    }

    /// Closes every file. Nothing can be opened afterwards.
    pub(crate) async fn close_all(&self) {
        let shared = self.shared();
        let closed = {
            let mut state = shared.lock();
            state.closing = true;
            // Under the same lock: a file whose last job ends from now on is closed by whoever ran it.
            let keys = state.keys();
            shared.close(state, keys)
        };
        for gone in closed {
            // An error means that the sender is gone, and with it the lane.
            let _ = gone.await;
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let shared = self.shared();
        let files = shared.lock().stats(shared.config.descriptors);
        PoolStats { files, dropped: shared.dropped.load(Ordering::Relaxed) }
    }

    /// How many threads work on tenants' files.
    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.shared().lock().threads
    }

    /// Whether a file can't be opened until another is closed.
    #[cfg(test)]
    pub(crate) fn waits_for_room(&self) -> bool {
        self.shared().lock().waits_for_room()
    }

    /// The most threads that ever do.
    #[cfg(test)]
    pub(crate) fn most_threads(&self) -> usize {
        self.shared().most_threads
    }

    /// Plants a bug: from now on files are kept without regard to the tenant. For the test that must then fail.
    #[cfg(feature = "testkit")]
    pub(crate) fn confuse_tenants(&self) {
        self.shared().confused.store(true, Ordering::Relaxed);
    }

    /// Runs `job` in its lane, once, and waits for what comes out of it. A caller who stops waiting stops the job.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        file: &Arc<DataFile>,
        queue: Queue,
        job: impl FnOnce(&OpenConnection) -> (Result<T, EngineError>, After) + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        let (mut answer, mut once) = (Some(answer), Some(job));
        let work = move |connection: Result<&OpenConnection, EngineError>| {
            let (outcome, after) = match (connection, once.take()) {
                (Ok(connection), Some(job)) => job(connection),
                (Err(error), _) => (Err(error), After::Nothing),
                (Ok(_), None) => return After::Nothing,
            };
            // Nobody may wait any more: then the outcome is dropped here, a lease included.
            drop(answer.take().map(|answer| answer.send(outcome)));
            after
        };
        self.wait_for(file, queue, Box::new(work), answered).await
    }

    /// Puts work in its lane and waits for its answer. A caller who stops waiting stops the work.
    pub(super) async fn wait_for<T>(
        &self,
        file: &Arc<DataFile>,
        queue: Queue,
        work: Work,
        answered: oneshot::Receiver<Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let mut waiting = Waiting::new(self.shared());
        let cancelled = Arc::clone(&waiting.cancelled);
        let deadline = self.shared().config.deadline;
        let job = Job { work, span: Span::current(), cancelled, deadline, essential: false };
        self.submit(file, queue, job);
        let outcome = answered.await;
        waiting.done = true;
        outcome.unwrap_or_else(|gone| Err(EngineError::panicked(Box::new(gone.to_string()))))
    }

    /// Puts a job in its lane without waiting for it.
    pub(super) fn submit(&self, file: &Arc<DataFile>, queue: Queue, job: Job) {
        let shared = self.shared();
        let mut state = shared.lock();
        let refused = state.submit(shared.key(file.tenant()), file, queue, job).err();
        shared.wake(state);
        if let Some(refused) = refused {
            refused.tell();
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the use of files: what waits is refused, and each receiver hears when nothing of its file is open.
    fn close(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        keys: Vec<TenantId>,
    ) -> Vec<oneshot::Receiver<()>> {
        let (mut receivers, mut refused, mut closing) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            let (gone, closed) = oneshot::channel();
            let (jobs, now) = state.close(key, gone);
            receivers.push(closed);
            refused.extend(jobs);
            closing.extend(now);
        }
        self.wake(state);
        for mut job in refused {
            (job.work)(Err(EngineError::Closed));
        }
        for closing in closing {
            closing.close();
        }
        receivers
    }

    pub(super) fn opened(self: &Arc<Self>, key: TenantId, lock: Option<FileLock>) {
        let mut state = self.lock();
        state.opened(key, lock);
        self.wake(state);
    }

    pub(super) fn finish(&self, done: Finished) {
        let (closing, refused) = self.lock().finish(done);
        for closed in closing {
            closed.close();
        }
        if let Some(refused) = refused {
            refused.tell();
        }
    }

    /// A read has outlived its slice: whether it has a place at the pace `to` now, and its own is another's.
    pub(super) fn slow_down(self: &Arc<Self>, key: TenantId, to: Pace) -> bool {
        let mut state = self.lock();
        let moved = state.slow_down(key, to);
        self.wake(state);
        moved
    }

    #[cfg(feature = "testkit")]
    pub(super) fn key(&self, tenant: TenantId) -> TenantId {
        if self.confused.load(Ordering::Relaxed) { TenantId::new(0) } else { tenant }
    }

    #[cfg(not(feature = "testkit"))]
    #[allow(clippy::unused_self, reason = "the other form, with a planted bug, uses it")]
    pub(super) fn key(&self, tenant: TenantId) -> TenantId {
        tenant
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().stopping = true;
        self.0.work.notify_all();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("stats", &self.stats()).finish()
    }
}

impl Synchronous {
    pub(super) fn as_pragma(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }
}

/// Someone who waits for an operation. Dropped before the answer came, it stops the operation and counts it.
struct Waiting<'a> {
    pool: &'a Shared,
    cancelled: Arc<AtomicBool>,
    done: bool,
}

impl<'a> Waiting<'a> {
    fn new(pool: &'a Shared) -> Self {
        Self { pool, cancelled: Arc::new(AtomicBool::new(false)), done: false }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.cancelled.store(true, Ordering::Relaxed);
            self.pool.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
