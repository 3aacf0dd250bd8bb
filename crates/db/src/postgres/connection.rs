//! One connection to a PostgreSQL server: how it is opened, what it keeps, and one statement in one flight.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use hashlink::LruCache;
use tenantry_core::TenantId;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, Row, RowStream, SimpleQueryMessage, Statement as Prepared};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancel::cancel;
use super::error::PostgresError;
use super::timeouts::Timeouts;
use super::url::PostgresUrl;
use crate::model::{Bound, Statement};

/// Named statements kept on each connection. Each costs the server its plan, some ten to a hundred kilobytes.
const STATEMENTS: usize = 256;

/// Tenants that one connection serves before it is replaced: the server's process keeps what it has learnt of each
/// one's tables, and never gives it back.
const TENANTS: usize = 200;

/// How long a connection may take to open, unless its URL says so.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it may take to prove that a connection is clean.
const PROOF_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes that the rows of one answer take: what one answer takes of the memory, all tenants lack.
pub(super) const MOST_BYTES: usize = 256 * 1_024 * 1_024;

/// Whether the role, or one that it may become, passes over what keeps tenants apart.
const IS_UNSAFE: &str = "SELECT bool_or(rolsuper OR rolbypassrls) FROM pg_roles \
                         WHERE pg_has_role(session_user, oid, 'MEMBER')";

/// What an application's own SQL may have left in the session is taken away: it can set anything by `set_config`, and
/// make temporary tables, which would come before another tenant's own. It stands in one message with the end of the
/// transaction, so that PgBouncer sends both to the same server process.
macro_rules! washed {
    ($end:literal) => {
        concat!($end, "; RESET ROLE; RESET ALL; DISCARD TEMP; SELECT pg_advisory_unlock_all()")
    };
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    RollBack,
}

impl End {
    fn sql(self, stained: bool) -> &'static str {
        match (self, stained) {
            (Self::Commit, false) => "COMMIT",
            (Self::RollBack, false) => "ROLLBACK",
            (Self::Commit, true) => washed!("COMMIT"),
            (Self::RollBack, true) => washed!("ROLLBACK"),
        }
    }
}

/// An open connection.
pub(super) struct Connection {
    client: Arc<Client>,
    url: PostgresUrl,
    statements: LruCache<String, Prepared>,
    tenants: HashSet<TenantId>,
    prepared: bool,
    /// What a transaction's beginning is followed by where the session can't have its own timeouts.
    timeouts: Option<String>,
    tls: MakeRustlsConnect,
    /// Something was sent whose answer has not come yet, or a transaction is open.
    dirty: bool,
    /// An application's own SQL has run since the session was last washed.
    stained: bool,
}

/// How a statement names its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// In full. It may be prepared once and kept.
    Full,
    /// As the application knows them, in the schema that the transaction looks into. It is never kept: the next tenant on
    /// this connection means other tables by the same names.
    Local,
}

/// What a statement comes back with: its rows, and how many it changed.
pub(super) type Answer = (Vec<Row>, u64);

/// What stands around a statement so that it runs as it should: the begin of a transaction with its local settings.
/// All of it is sent together with the statement and its end, in one flight.
pub(super) type Setting = str;

impl Connection {
    pub(super) async fn open(
        url: &PostgresUrl,
        tls: &MakeRustlsConnect,
        timeouts: Timeouts,
    ) -> Result<Self, PostgresError> {
        // What stands between us and the server where statements have no names (an old PgBouncer) refuses options.
        let options = url.prepared.then(|| timeouts.of_session());
        Ok(Self {
            client: Arc::new(connect(url, tls, options).await?),
            url: url.clone(),
            statements: LruCache::new(STATEMENTS),
            tenants: HashSet::new(),
            prepared: url.prepared,
            timeouts: (!url.prepared).then(|| timeouts.local()),
            tls: tls.clone(),
            dirty: false,
            stained: false,
        })
    }

    /// Whether it may serve another operation: it is open, nothing is under way on it, and it has not met too many
    /// tenants.
    pub(super) fn is_usable(&self) -> bool {
        !self.dirty && !self.client.is_closed() && self.tenants.len() <= TENANTS
    }

    /// Whether something is under way on it, or a transaction open.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty && !self.client.is_closed()
    }

    pub(super) fn serve(&mut self, tenant: TenantId) {
        self.tenants.insert(tenant);
    }

    /// Whether it may serve one more tenant, and others after it.
    pub(super) fn has_room(&self) -> bool {
        self.tenants.len() < TENANTS
    }

    pub(super) fn has_served(&self, tenant: TenantId) -> bool {
        self.tenants.contains(&tenant)
    }

    /// What sends on it, for several reads at once: see [`Joints`](super::joint::Joints).
    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    /// A statement that was prepared before.
    pub(super) fn known(&mut self, sql: &str) -> Option<Prepared> {
        self.statements.get(sql).cloned()
    }

    /// Keeps a statement that was prepared.
    pub(super) fn keep(&mut self, sql: &str, prepared: &Prepared) {
        self.statements.insert(sql.to_owned(), prepared.clone());
    }

    /// Forgets a statement: its table may have changed.
    pub(super) fn forget(&mut self, sql: &str) {
        self.statements.remove(sql);
    }

    /// Notes that something was sent whose answer nobody waits for.
    pub(super) fn soil(&mut self) {
        self.dirty = true;
    }

    /// Runs a statement and gives its rows, and how many it changed. With a setting, it runs inside a transaction of
    /// its own that begins with the setting, all in one flight.
    pub(super) async fn run(
        &mut self,
        setting: Option<&Setting>,
        naming: Naming,
        statement: &Statement,
    ) -> Result<Answer, PostgresError> {
        self.dirty = true;
        let ran = match setting {
            None => self.alone(naming, statement).await,
            Some(setting) => self.within(setting, naming, statement).await,
        };
        // The server has answered for all that was sent, unless it was too much to listen to.
        self.dirty = self.stained || matches!(ran, Err(PostgresError::TooLarge));
        self.forget_if_outdated(&ran, statement);
        ran
    }

    /// Runs a statement in the transaction that is open.
    pub(super) async fn run_in_transaction(
        &mut self,
        naming: Naming,
        statement: &Statement,
    ) -> Result<Answer, PostgresError> {
        self.stained |= naming == Naming::Local;
        let ran = self.alone(naming, statement).await;
        self.forget_if_outdated(&ran, statement);
        ran
    }

    /// Begins a transaction. The connection counts as dirty until [`Connection::end`].
    pub(super) async fn begin(&mut self, begin: &Setting) -> Result<(), PostgresError> {
        self.dirty = true;
        let begin = timed(begin, self.timeouts.as_deref());
        Ok(self.client.batch_execute(&begin).await?)
    }

    /// Runs statements of this program's own without values, one after the other, outside of any transaction of ours.
    pub(super) async fn command(&mut self, sql: &str) -> Result<(), PostgresError> {
        self.dirty = true;
        let ran = self.client.batch_execute(sql).await;
        self.dirty = false;
        Ok(ran?)
    }

    /// Runs statements without values, one after the other, in the transaction that is open.
    pub(super) async fn script(&mut self, sql: &str) -> Result<(), PostgresError> {
        self.stained = true;
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Ends the transaction that is open. A commit that is refused ends it too.
    pub(super) async fn end(&mut self, end: End) -> Result<(), PostgresError> {
        let ended = self.client.batch_execute(end.sql(self.stained)).await;
        // What comes after a commit that is refused has not run.
        self.stained &= ended.is_err();
        self.dirty = self.stained;
        Ok(ended?)
    }

    /// Runs statements in the transaction that is open, all sent in one flight, and says how many rows they changed.
    pub(super) async fn run_all_in_transaction(
        &mut self,
        statements: &[Statement],
    ) -> Result<u64, PostgresError> {
        let mut prepared = Vec::with_capacity(statements.len());
        for statement in statements {
            prepared.push((self.prepare(Naming::Full, &statement.sql).await?, statement));
        }
        // Each sends what it has when it is first polled, which happens in this order.
        let sent = prepared.iter().map(|(prepared, statement)| self.send(prepared.as_ref(), statement));
        let answers = futures_util::future::join_all(sent).await;
        answers.into_iter().map(|answer| answer.map(|(_, changed)| changed)).sum()
    }

    async fn alone(&mut self, naming: Naming, statement: &Statement) -> Result<Answer, PostgresError> {
        let prepared = self.prepare(naming, &statement.sql).await?;
        self.send(prepared.as_ref(), statement).await
    }

    async fn within(
        &mut self,
        setting: &Setting,
        naming: Naming,
        statement: &Statement,
    ) -> Result<Answer, PostgresError> {
        let prepared = self.prepare(naming, &statement.sql).await?;
        // Each sends what it has when it is first polled, which happens in this order. The end of a transaction that
        // has failed is its undoing.
        let stained = naming == Naming::Local;
        let setting = timed(setting, self.timeouts.as_deref());
        let (begun, ran, ended) = tokio::join!(
            biased;
            self.client.batch_execute(&setting),
            self.send(prepared.as_ref(), statement),
            self.client.batch_execute(End::Commit.sql(stained)),
        );
        self.stained = stained && ended.is_err();
        begun?;
        let ran = ran?;
        ended?;
        Ok(ran)
    }

    /// Sends a statement with its values and collects what comes back.
    async fn send(
        &self,
        prepared: Option<&Prepared>,
        statement: &Statement,
    ) -> Result<Answer, PostgresError> {
        let stream = match prepared {
            Some(prepared) => self.client.query_raw(prepared, &statement.values).await?,
            None => self.client.query_typed_raw(&statement.sql, untyped(&statement.values)).await?,
        };
        collect(stream, MOST_BYTES).await
    }

    /// The statement by name, prepared now or before; `None` where it is to have no name.
    async fn prepare(&mut self, naming: Naming, sql: &str) -> Result<Option<Prepared>, PostgresError> {
        if !self.prepared || naming == Naming::Local {
            return Ok(None);
        }
        if let Some(known) = self.known(sql) {
            return Ok(Some(known));
        }
        let prepared = self.client.prepare(sql).await?;
        self.keep(sql, &prepared);
        Ok(Some(prepared))
    }

    /// Forgets a statement whose table has changed since it was prepared.
    fn forget_if_outdated(&mut self, ran: &Result<Answer, PostgresError>, statement: &Statement) {
        if ran.as_ref().is_err_and(PostgresError::is_outdated_plan) {
            self.forget(&statement.sql);
        }
    }

    /// Ends what is under way and proves that nothing of it is left; otherwise the connection stays dirty.
    pub(super) async fn clean(&mut self) {
        let proof = async {
            // Not through PgBouncer: before 1.18 it could be another's statement that ends, and since then PgBouncer itself
            // (https://github.com/pgbouncer/pgbouncer/issues/822). There the server's own timeouts end it.
            if self.prepared && cancel(&self.client.cancel_token(), &self.url, &self.tls).await.is_err() {
                return false;
            }
            // What was sent before is answered before this is. Without a transaction it is only a warning.
            self.client.batch_execute(End::RollBack.sql(true)).await.is_ok()
        };
        let proved = tokio::time::timeout(PROOF_TIMEOUT, proof).await.unwrap_or(false);
        (self.dirty, self.stained) = (!proved, !proved);
    }
}

/// How to sign in, and how long that may take.
pub(super) fn signing_in(url: &PostgresUrl) -> (Config, Duration) {
    let mut config = url.config.clone();
    let patience = config.get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
    config.connect_timeout(patience);
    if config.get_application_name().is_none() {
        config.application_name("tenantry");
    }
    (config, patience)
}

/// Signs in, as a role that may be used. The session has the `options`.
pub(super) async fn connect(
    url: &PostgresUrl,
    tls: &MakeRustlsConnect,
    options: Option<String>,
) -> Result<Client, PostgresError> {
    let (mut config, patience) = signing_in(url);
    if let Some(options) = options {
        config.options(options);
    }
    let opening = async {
        let (client, driver) = config.connect(tls.clone()).await.map_err(PostgresError::connecting)?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection to a database server broke off");
            }
        });
        refuse_unsafe(&client, url.user()).await?;
        Ok(client)
    };
    tokio::time::timeout(patience, opening).await.unwrap_or(Err(PostgresError::Unreachable(None)))
}

/// A transaction's beginning, and the timeouts in it where the session has none.
fn timed<'a>(begin: &'a Setting, timeouts: Option<&str>) -> Cow<'a, str> {
    timeouts.map_or(Cow::Borrowed(begin), |timeouts| format!("{begin}; {timeouts}").into())
}

/// Fails closed: a role that can't be looked up is as good as an unsafe one.
pub(super) async fn refuse_unsafe(client: &Client, role: &str) -> Result<(), PostgresError> {
    let answered = client.simple_query(IS_UNSAFE).await?;
    let safe = answered.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("f"),
        _ => false,
    });
    if safe { Ok(()) } else { Err(PostgresError::UnsafeRole(role.to_owned())) }
}

/// The rows of an answer, which take at most so many bytes.
pub(super) async fn collect(stream: RowStream, most: usize) -> Result<Answer, PostgresError> {
    let mut stream = std::pin::pin!(stream);
    let (mut rows, mut room) = (Vec::new(), most);
    while let Some(row) = stream.try_next().await? {
        let size = size_of::<Row>() + row.raw_size_bytes();
        room = room.checked_sub(size).ok_or(PostgresError::TooLarge)?;
        rows.push(row);
    }
    Ok((rows, stream.rows_affected().unwrap_or(0)))
}

/// Values whose types the server is to infer.
fn untyped(values: &[Bound]) -> impl ExactSizeIterator<Item = (&Bound, Type)> {
    values.iter().map(|value| (value, Type::UNKNOWN))
}
