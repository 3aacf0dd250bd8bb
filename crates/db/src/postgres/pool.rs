//! The connections to one PostgreSQL server: opened within a budget, lent out, taken back only when they are clean.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenantry_core::TenantId;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::budget::{Budget, Database, Grant, Idle, Waiting};
use super::connection::{Answer, Connection, Setting, connect};
use super::counts::{Counts, ServerStats};
use super::error::PostgresError;
use super::glance::{Habit, Line, Lines};
use super::timeouts::Timeouts;
use super::tls::{self, TlsError};
use super::unique::UniqueIndexes;
use super::url::PostgresUrl;
use crate::model::Statement;

/// How long a server that could not be reached is left alone: who asks meanwhile hears so at once.
const RESPITE: Duration = Duration::from_millis(500);

/// How much of a server a pool may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerConfig {
    /// The most connections at a time.
    pub(crate) connections: usize,
    /// The longest that one operation may take, waiting for a connection included.
    pub(crate) deadline: Duration,
    /// The longest that the server lets a statement wait for a lock.
    pub(crate) lock: Duration,
}

/// One PostgreSQL server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Server(Arc<Shared>);

pub(super) struct Shared {
    url: PostgresUrl,
    tls: MakeRustlsConnect,
    config: ServerConfig,
    budget: Mutex<Budget>,
    lines: Lines,
    counts: Counts,
    /// When the server could last not be reached, if it has not been since.
    unreachable: Mutex<Option<Instant>>,
    /// Of the tables that tenants share there.
    unique: Arc<UniqueIndexes>,
    /// The last connection of a server that is being closed has gone.
    ended: Notify,
}

/// A connection that a tenant has for the time of an operation. Dropped, it goes back, unless something is still under
/// way on it that can't be ended.
pub(super) struct Lent(Option<Held>);

struct Held {
    server: Server,
    tenant: TenantId,
    database: Database,
    /// `None` while it is being opened.
    connection: Option<Box<Connection>>,
}

/// What comes of asking for a connection.
enum Asked {
    Lent(Lent),
    Waits(oneshot::Receiver<Lent>),
}

impl Server {
    /// The server at `url`. No connection is opened yet.
    ///
    /// # Errors
    /// Raised when the certificates that vouch for the server can't be had.
    pub(crate) fn new(url: PostgresUrl, config: ServerConfig) -> Result<Self, TlsError> {
        let tls = tls::connector(&url)?;
        let budget = Mutex::new(Budget::new(config.connections));
        let (unreachable, ended) = (Mutex::new(None), Notify::new());
        let (counts, unique) = (Counts::default(), Arc::default());
        // Where a session can't have its timeouts, one read could keep the others waiting for ever.
        let lines = Lines::new(if url.prepared { config.connections } else { 0 });
        Ok(Self(Arc::new(Shared { url, tls, config, budget, lines, counts, unreachable, unique, ended })))
    }

    /// Whether a connection can be opened within `patience`, and as a role that may be used. Where it can't be, who asks
    /// just after hears so at once.
    ///
    /// # Errors
    /// Raised when it can't.
    pub(crate) async fn check(&self, patience: Duration) -> Result<(), PostgresError> {
        let opening = Box::pin(Connection::open(&self.0.url, &self.0.tls, self.timeouts()));
        let opened = timeout(patience, opening).await.unwrap_or(Err(PostgresError::Unreachable(None)));
        self.note(&opened);
        opened.map(drop)
    }

    /// Remembers whether the server could be reached.
    fn note<T>(&self, opened: &Result<T, PostgresError>) {
        self.0.counts.opened(opened);
        let kept_from_all = opened.as_ref().is_err_and(PostgresError::is_of_server);
        *self.unreachable() = kept_from_all.then(Instant::now);
    }

    /// Whether it could not be reached a moment ago.
    pub(crate) fn is_left_alone(&self) -> bool {
        self.unreachable().is_some_and(|failed| failed.elapsed() < RESPITE)
    }

    fn unreachable(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        let ServerConfig { deadline, lock, .. } = self.0.config;
        Timeouts { statement: deadline, lock, idle: deadline }
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.0.config.deadline
    }

    pub(super) fn unique(&self) -> &Arc<UniqueIndexes> {
        &self.0.unique
    }

    pub(crate) fn stats(&self) -> ServerStats {
        let mut held = self.budget().stats();
        held.idle += self.0.lines.idle();
        self.0.counts.beside(held)
    }

    /// Lends `tenant` a connection to the database that the URL names, or to one of its own.
    pub(super) async fn lend(&self, tenant: TenantId, database: Database) -> Result<Lent, PostgresError> {
        let lent = self.lend_opened(tenant, database).await;
        self.0.counts.asked(&lent);
        lent
    }

    async fn lend_opened(&self, tenant: TenantId, database: Database) -> Result<Lent, PostgresError> {
        let lent = match self.ask(tenant, &database)? {
            Asked::Lent(lent) => lent,
            Asked::Waits(granted) => {
                let _counted = self.0.counts.wait();
                // Nobody answers once the server is being closed.
                granted.await.map_err(|_| PostgresError::Closed)?
            }
        };
        lent.opened().await
    }

    /// Runs a short read in the database that the URL names beside those of other tenants; `None` where that can't be, or
    /// it did not simply succeed: then it is to be run on a connection that is lent.
    pub(super) async fn glance(
        &self,
        tenant: TenantId,
        habit: &Arc<Habit>,
        setting: Option<&Setting>,
        statement: &Statement,
    ) -> Option<Answer> {
        self.0.lines.read(self, tenant, habit, setting, statement).await
    }

    /// Whether what one operation sends may follow what another has sent before, whose answer is still to come.
    pub(super) fn takes_several(&self) -> bool {
        self.0.url.prepared
    }

    /// Whether someone waits who could have what `tenant` holds.
    pub(super) fn is_sought_beside(&self, tenant: TenantId) -> bool {
        self.budget().is_sought_beside(tenant)
    }

    /// The server whose line it was.
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Whether there is room for a line, which then is the caller's.
    pub(super) fn may_open_line(&self) -> bool {
        !self.is_left_alone() && self.budget().take_room()
    }

    /// Opens a line, for which there is room.
    pub(super) async fn open_line(&self, index: usize) {
        let shared = &self.0;
        let opened = Box::pin(connect(&shared.url, &shared.tls, Some(Line::options()))).await;
        self.note(&opened);
        let line = opened.ok().map(|client| Line::new(client, Arc::downgrade(shared)));
        if line.is_none() {
            self.line_ended();
        }
        shared.lines.opened(index, line);
    }

    /// Gives the room of a line back.
    pub(super) fn line_ended(&self) {
        self.budget().give_room();
        self.lend_on();
    }

    /// Ends every use of the server: operations that run end, others are refused, every connection is closed.
    pub(crate) async fn close(&self) {
        self.budget().close();
        self.0.lines.close();
        loop {
            let ended = self.0.ended.notified();
            if self.budget().open() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// Runs statements without values, one after the other, in the database that the URL names or in one of a tenant's
    /// own. All of them happen or none, where they can be in a transaction at all.
    pub(crate) async fn command(
        &self,
        tenant: TenantId,
        database: Option<&str>,
        sql: &str,
    ) -> Result<(), PostgresError> {
        let database = database.map(Into::into);
        let mut lent = self.lend(tenant, database).await?;
        lent.connection()?.command(sql).await
    }

    fn ask(&self, tenant: TenantId, database: &Database) -> Result<Asked, PostgresError> {
        let mut budget = self.budget();
        if budget.is_closed() {
            return Err(PostgresError::Closed);
        }
        if let Some(grant) = budget.lend(tenant, database) {
            return Ok(Asked::Lent(Lent::new(self.clone(), tenant, database.clone(), grant)));
        }
        let (answer, granted) = oneshot::channel();
        let room = budget.wait(tenant, Waiting { database: database.clone(), answer });
        if room { Ok(Asked::Waits(granted)) } else { Err(PostgresError::Crowded) }
    }

    /// Takes a connection back, and lends to those who wait.
    fn put_back(&self, tenant: TenantId, idle: Option<Idle>) {
        self.budget().put_back(tenant, idle);
        self.lend_on();
    }

    /// Lends what has come back to those who wait.
    fn lend_on(&self) {
        loop {
            let Some((tenant, waiting, grant)) = self.budget().next() else { break };
            let lent = Lent::new(self.clone(), tenant, waiting.database, grant);
            if let Err(mut unwanted) = waiting.answer.send(lent)
                && let Some(held) = unwanted.0.take()
            {
                // Who waited has gone just now. What it would have had goes back here and not by its drop, which would
                // come back to this very function, ever deeper.
                let idle = held.connection.map(|connection| Idle::new(connection, held.database));
                self.budget().put_back(tenant, idle);
            }
        }
        let budget = self.budget();
        if budget.is_closed() && budget.open() == 0 {
            self.0.ended.notify_waiters();
        }
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.0.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self, database: Option<&str>) -> Result<Connection, PostgresError> {
        let shared = &self.0;
        if self.is_left_alone() {
            return Err(PostgresError::Unreachable(None));
        }
        let timeouts = self.timeouts();
        let opened = match database {
            // Boxed: it is some 16 kB large, and rare.
            None => Box::pin(Connection::open(&shared.url, &shared.tls, timeouts)).await,
            Some(name) => {
                let url = shared.url.on_database(name);
                Box::pin(Connection::open(&url, &shared.tls, timeouts)).await
            }
        };
        self.note(&opened);
        opened
    }
}

impl Lent {
    fn new(server: Server, tenant: TenantId, database: Database, grant: Grant) -> Self {
        let connection = match grant {
            Grant::Connection(connection) => Some(connection),
            Grant::Room => None,
        };
        Self(Some(Held { server, tenant, database, connection }))
    }

    /// With a connection that works: the one it has, or a new one.
    async fn opened(mut self) -> Result<Self, PostgresError> {
        let Some(held) = &mut self.0 else { return Err(PostgresError::Closed) };
        if held.connection.as_ref().is_none_or(|connection| !connection.is_usable()) {
            held.connection = None;
            held.connection = Some(Box::new(held.server.open(held.database.as_deref()).await?));
        }
        let tenant = held.tenant;
        self.connection()?.serve(tenant);
        Ok(self)
    }

    /// The connection.
    ///
    /// # Errors
    /// Raised when it has been given back, which only its drop does.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, PostgresError> {
        self.0.as_mut().and_then(|held| held.connection.as_deref_mut()).ok_or(PostgresError::Closed)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(Held { server, tenant, database, connection }) = self.0.take() else { return };
        match (connection, Handle::try_current()) {
            (Some(connection), _) if connection.is_usable() => {
                server.put_back(tenant, Some(Idle::new(connection, database)));
            }
            (Some(mut connection), Ok(runtime)) if connection.is_dirty() => {
                // Who asked has gone in the middle. The tenant goes on holding the connection until it is clean.
                runtime.spawn(async move {
                    connection.clean().await;
                    let clean = connection.is_usable();
                    server.0.counts.proved(clean);
                    server.put_back(tenant, clean.then_some(Idle::new(connection, database)));
                });
            }
            _ => server.put_back(tenant, None),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.0.url)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
