//! A session with a directory on a PostgreSQL server. It is opened anew where it was lost, and where the server did not say
//! whether it kept a change, it is asked once it can be.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tenantry_core::OpaqueName;
use tokio::runtime::{Builder, Handle, Runtime};

use super::{DirectoryError, LONGEST_UNSEEN};
use crate::migrate::chain;
use crate::model::Bound;
use crate::postgres::{Direct, DirectWay, PostgresError, PostgresUrl, Rows};

/// Processes tell each other so that something has changed.
const LISTEN: &str = "LISTEN tenantry";

/// How each session begins. Its names are those of the directory's schema and of no other. It ends what hangs, and the
/// server finds out within half a minute that a machine is gone, whose sessions would hold their locks on and on.
const SETTINGS: [(&str, &str); 10] = [
    ("search_path", "tenantry"),
    ("statement_timeout", "60s"),
    ("lock_timeout", "10s"),
    // Shorter than others wait for a lock: what a machine that is gone has begun is over by then.
    ("idle_in_transaction_session_timeout", "5s"),
    ("idle_session_timeout", "0"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "25s"),
    ("client_min_messages", "error"),
];

/// How long an answer is waited for, but for a change's, which waits for others' changes first.
const LOOK_PATIENCE: Duration = Duration::from_secs(3);

/// More than the server waits for a lock.
const CHANGE_PATIENCE: Duration = Duration::from_secs(15);

/// How long a server that went away at a change's end is waited for, to be asked what came of it. By then nobody is served.
const SETTLE_PATIENCE: Duration = LONGEST_UNSEEN;

/// For all of a large directory.
const WHOLE_PATIENCE: Duration = Duration::from_secs(60);

/// Called, from any thread, when something may have changed.
pub(super) type Told = Arc<dyn Fn() + Send + Sync>;

/// The way to a directory on a server, which a process's sessions share.
pub(super) struct Way {
    direct: DirectWay,
    place: String,
    background: Background,
    /// Whose changes of several steps this process does.
    claims: Mutex<BTreeSet<OpaqueName>>,
}

/// What runs the connections: the threads of the directory only wait for them.
struct Background(Option<Runtime>);

/// A session, which is opened when it is first needed.
pub(super) struct Remote {
    way: Arc<Way>,
    /// Who wants to hear of changes, if anybody does.
    told: Option<Told>,
    direct: Option<Direct>,
    /// How many connections there have been.
    connections: u64,
    /// The claims whose locks the connection holds.
    held: BTreeSet<OpaqueName>,
}

/// A transaction.
pub(super) struct RemoteTx<'s> {
    way: &'s Way,
    direct: &'s Direct,
    patience: Duration,
    /// The connection's number.
    pub(super) connection: u64,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Only to read.
    Look,
    /// To read all there is.
    LookAtAll,
    /// To change what stands in the tables, while nobody else does.
    Change,
    /// To make the tables.
    Make,
}

impl Way {
    pub(super) fn new(url: &PostgresUrl) -> Result<Arc<Self>, DirectoryError> {
        let place = url.to_string();
        let unusable = |why: String| DirectoryError::Unreachable { place: place.clone(), why };
        let direct = DirectWay::new(url, &SETTINGS).map_err(|error| unusable(error.to_string()))?;
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(1).thread_name("tenantry-remote").enable_all();
        let runtime = runtime.build().map_err(DirectoryError::NoThread)?;
        let (background, claims) = (Background(Some(runtime)), Mutex::default());
        Ok(Arc::new(Self { direct, place, background, claims }))
    }

    /// Waits for what a connection is to do. What takes longer than `patience` is as if the connection were lost.
    fn wait<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, PostgresError> {
        let gone = || PostgresError::Unreachable(None);
        let handle = self.background.handle().ok_or_else(gone)?;
        handle.block_on(async { tokio::time::timeout(patience, work).await.unwrap_or_else(|_| Err(gone())) })
    }

    /// A moment, after which a server may be back.
    #[expect(clippy::disallowed_methods, reason = "no event tells that a server is back")]
    fn pause(&self) {
        std::thread::sleep(Duration::from_millis(100));
    }

    fn error(&self, error: PostgresError) -> DirectoryError {
        match error {
            PostgresError::Pooled => DirectoryError::Pooled(self.place.clone()),
            PostgresError::Unreachable(_) | PostgresError::UnsafeRole(_) | PostgresError::Gone => {
                DirectoryError::Unreachable { place: self.place.clone(), why: chain(&error) }
            }
            full if full.is_full_disk() => DirectoryError::Full,
            // Others' changes had the lock for too long.
            waited if waited.is_lock_timeout() => DirectoryError::Crowded,
            _ => DirectoryError::Database(error.into()),
        }
    }

    /// Whose changes this process does.
    pub(super) fn claims(&self) -> std::sync::MutexGuard<'_, BTreeSet<OpaqueName>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote {
    /// A session, of whose loss and of others' changes `told` is told.
    pub(super) fn new(way: &Arc<Way>, told: Option<Told>) -> Self {
        Self { way: Arc::clone(way), told, direct: None, connections: 0, held: BTreeSet::new() }
    }

    /// Runs `work` as one transaction. Where it fails, nothing has changed.
    pub(super) fn within<T, E: From<DirectoryError>>(
        &mut self,
        purpose: Purpose,
        work: impl FnOnce(&RemoteTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let id = self.begin(purpose)?;
        let Some(direct) = &self.direct else { return Err(DirectoryError::Closed.into()) };
        let tx =
            RemoteTx { way: &self.way, direct, patience: purpose.patience(), connection: self.connections };
        let done = match work(&tx) {
            Ok(done) => done,
            Err(error) => {
                self.roll_back();
                return Err(error);
            }
        };
        match self.way.wait(purpose.patience(), direct.ask(purpose.end())) {
            Ok(_) => Ok(done),
            Err(error) if is_lost(&error) => {
                self.direct = None;
                Ok(self.settle(id.as_deref(), error).map(|()| done)?)
            }
            Err(error) => {
                self.roll_back();
                Err(self.way.error(error).into())
            }
        }
    }

    /// Begins a transaction, and says which it is, where it is to change anything. Nothing has been done there when the
    /// connection turns out to be lost: then it is opened anew.
    fn begin(&mut self, purpose: Purpose) -> Result<Option<String>, DirectoryError> {
        let mut kept = self.is_open();
        loop {
            if !kept {
                self.open()?;
            }
            let begun = self.tend().and_then(|()| self.ask(purpose.patience(), purpose.beginning()));
            match begun {
                Ok(id) => return Ok(id),
                Err(error) if is_lost(&error) && kept => kept = false,
                Err(error) => {
                    self.roll_back();
                    return Err(self.way.error(error));
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        self.direct.as_ref().is_some_and(Direct::is_open)
    }

    fn connect(&mut self) -> Result<(), DirectoryError> {
        if self.is_open() { Ok(()) } else { self.open() }
    }

    fn open(&mut self) -> Result<(), DirectoryError> {
        self.direct = None;
        self.held.clear();
        let told = self.told.clone();
        let listens = told.is_some();
        let opening = self.way.direct.open(move || told.iter().for_each(|told| told()));
        let opened = self.way.wait(WHOLE_PATIENCE, opening);
        self.direct = Some(opened.map_err(|error| self.way.error(error))?);
        self.connections += 1;
        // Before anything is read: what changes after that is heard of.
        if listens && let Err(error) = self.ask(LOOK_PATIENCE, LISTEN) {
            self.direct = None;
            return Err(self.way.error(error));
        }
        Ok(())
    }

    fn ask(&self, patience: Duration, sql: &str) -> Result<Option<String>, PostgresError> {
        let direct = self.direct.as_ref().ok_or(PostgresError::Unreachable(None))?;
        self.way.wait(patience, direct.ask(sql))
    }

    fn roll_back(&mut self) {
        if self.ask(LOOK_PATIENCE, "ROLLBACK").is_err() {
            self.direct = None;
        }
    }

    /// Asks whether a change was kept whose end was lost with the connection. It is over once the next one may begin.
    fn settle(&mut self, id: Option<&str>, lost: PostgresError) -> Result<(), DirectoryError> {
        let lost = self.way.error(lost);
        let Some(id) = id else { return Err(lost) };
        let asked =
            format!("BEGIN; SELECT NULL FROM instance FOR UPDATE; SELECT pg_xact_status('{id}'); COMMIT");
        let begun = Instant::now();
        while begun.elapsed() < SETTLE_PATIENCE {
            if self.open().is_err() {
                self.way.pause();
                continue;
            }
            match self.ask(CHANGE_PATIENCE, &asked).ok().flatten().as_deref() {
                Some("committed") => return Ok(()),
                Some("aborted") => return Err(lost),
                _ => self.direct = None,
            }
        }
        Err(DirectoryError::InDoubt)
    }
}

/// Claims: the locks that say that this process lives, for each change of several steps that it does.
impl Remote {
    /// Whether any are to be held.
    pub(super) fn has_claims(&self) -> bool {
        !self.way.claims().is_empty()
    }

    /// Makes a claim; whether nobody has it, this process included.
    pub(super) fn claim(&mut self, name: &OpaqueName) -> Result<bool, DirectoryError> {
        if self.way.claims().contains(name) {
            return Ok(false);
        }
        self.connect()?;
        let locked = self.lock(name);
        if locked.is_err() {
            // The lock may be held all the same, and ends with the connection.
            self.direct = None;
        }
        let got = locked.map_err(|error| self.way.error(error))?;
        if got {
            self.way.claims().insert(name.clone());
        }
        Ok(got)
    }

    /// Holds the locks of all claims and of no others, on a connection that is new as well.
    pub(super) fn tend(&mut self) -> Result<(), PostgresError> {
        if self.told.is_some() {
            return Ok(());
        }
        let claims = self.way.claims().clone();
        for ended in self.held.difference(&claims).cloned().collect::<Vec<_>>() {
            self.run("SELECT pg_advisory_unlock(hashtextextended($1, 0))", &ended)?;
            self.held.remove(&ended);
        }
        for lost in claims.difference(&self.held).cloned().collect::<Vec<_>>() {
            // Who has it now has taken the change over, and its next step here will find that.
            self.lock(&lost)?;
        }
        Ok(())
    }

    /// Holds on to what is claimed while there is nothing else to do.
    pub(super) fn keep_up(&mut self) {
        if self.connect().is_ok() && self.tend().is_err() {
            self.direct = None;
        }
    }

    fn lock(&mut self, name: &OpaqueName) -> Result<bool, PostgresError> {
        let rows = self.run("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name)?;
        let got = rows.first().and_then(|row| row.first()) == Some(&Bound::Bool(true));
        if got {
            self.held.insert(name.clone());
        }
        Ok(got)
    }

    fn run(&self, sql: &str, name: &OpaqueName) -> Result<Rows, PostgresError> {
        let direct = self.direct.as_ref().ok_or(PostgresError::Unreachable(None))?;
        let values = [Bound::Text(name.to_string())];
        Ok(self.way.wait(LOOK_PATIENCE, direct.run(sql, &values))?.0)
    }
}

impl RemoteTx<'_> {
    /// Runs a statement and gives its rows, and how many it changed.
    pub(super) fn run(&self, sql: &str, values: &[Bound]) -> Result<(Rows, u64), DirectoryError> {
        self.way.wait(self.patience, self.direct.run(sql, values)).map_err(|error| self.way.error(error))
    }

    /// Runs statements without values.
    pub(super) fn script(&self, sql: &str) -> Result<(), DirectoryError> {
        let ran = self.way.wait(self.patience, self.direct.ask(sql));
        ran.map(drop).map_err(|error| self.way.error(error))
    }
}

impl Purpose {
    /// A change waits here until no other is under way, and gives its number, by which its outcome can be asked for.
    fn beginning(self) -> &'static str {
        match self {
            Self::Look | Self::LookAtAll => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Self::Change => {
                "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_current_xact_id()::text FROM instance FOR UPDATE"
            }
            Self::Make => {
                "BEGIN ISOLATION LEVEL READ COMMITTED; \
                 SELECT NULL FROM pg_advisory_xact_lock(hashtextextended('tenantry directory', 0))"
            }
        }
    }

    fn end(self) -> &'static str {
        if self == Self::Change { "NOTIFY tenantry; COMMIT" } else { "COMMIT" }
    }

    fn patience(self) -> Duration {
        match self {
            Self::Look => LOOK_PATIENCE,
            Self::Change => CHANGE_PATIENCE,
            Self::LookAtAll | Self::Make => WHOLE_PATIENCE,
        }
    }
}

impl Background {
    fn handle(&self) -> Option<&Handle> {
        self.0.as_ref().map(Runtime::handle)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Whoever drops it may be within a runtime of its own, where nothing may be waited for.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whether the connection is gone, so that nobody said what came of what was asked last.
fn is_lost(error: &PostgresError) -> bool {
    matches!(error, PostgresError::Unreachable(_))
}
