//! Short reads of several tenants, under way at once on a few connections.
//!
//! A connection that is lent to one operation idles while its answer is on the way. A read of one statement needs none of
//! its own: it names its tables in full, is a transaction by itself and leaves nothing, so that such reads can be sent one
//! behind the other. What one tenant asks for then delays others, so the server ends it after [`LONGEST`]. Whatever does
//! not simply succeed here is asked once more on a connection of its own.

use std::borrow::Cow;
use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use hashlink::LruCache;
use tenantry_core::TenantId;
use tokio::runtime::Handle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Statement as Prepared};

use super::connection::{Answer, Setting, collect};
use super::error::PostgresError;
use super::flights::Flights;
use super::pool::{Server, Shared};
use super::timeouts::Timeouts;
use crate::model::Statement;

/// How long one read may keep the others on its line waiting.
const LONGEST: Duration = Duration::from_millis(50);

/// The most lines to a server.
const LINES: usize = 8;

/// One line for so many connections of the budget.
const CONNECTIONS_PER_LINE: usize = 4;

/// Named statements kept on a line: a few for each of its tenants, where a server has a thousand. Each costs the server its plan,
/// some ten kilobytes and more.
const STATEMENTS: usize = 1_024;

/// Tenants that a line serves before it is replaced: more than its share of those that a server has, since the server's
/// process reads the catalogue and plans for each of them anew.
const TENANTS: usize = 500;

/// The most reads under way on a line.
const ON_A_LINE: usize = 32;

/// The most of them that are one tenant's.
const OF_A_TENANT: usize = 4;

/// The most bytes that the rows of an answer take here: a larger one would delay others by its size.
const MOST_BYTES: usize = 1_024 * 1_024;

/// How many reads of a tenant go their own way after one that took too long.
const APART: usize = 64;

/// How long a transaction may wait on a line for its end, which is sent when its answer has come: this program may be busy.
const IDLE: Duration = Duration::from_secs(2);

/// The timeouts of a line's session.
const TIMEOUTS: Timeouts = Timeouts { statement: LONGEST, lock: LONGEST, idle: IDLE };

/// The lines to a server. A tenant's reads all take the same one, which then knows its statements.
pub(super) struct Lines(Box<[Mutex<Place>]>);

/// Where a line is, or could be.
enum Place {
    Empty,
    Opening,
    Open(Arc<Line>),
    /// The server is being closed.
    Closed,
}

/// A connection on which several reads are under way.
pub(super) struct Line {
    client: Client,
    known: Mutex<Known>,
    under_way: AtomicUsize,
    flights: Flights,
    /// Whether a transaction is open whose end was not sent. It changes only where something is sent.
    open: AtomicBool,
    /// Whose budget it is part of.
    server: Weak<Shared>,
}

/// What a line's session has learnt.
struct Known {
    statements: LruCache<String, Prepared>,
    tenants: HashSet<TenantId>,
}

/// What is known of one tenant's reads.
#[derive(Default)]
pub(super) struct Habit {
    under_way: AtomicUsize,
    /// How many of the next reads go their own way.
    apart: AtomicUsize,
}

/// The right to one read on a line. It ends when the answer has come, though nobody may wait for it any more.
struct Permit {
    line: Arc<Line>,
    habit: Arc<Habit>,
    answered: bool,
}

impl Lines {
    /// For a server to which there may be so many connections.
    pub(super) fn new(connections: usize) -> Self {
        let lines = (connections / CONNECTIONS_PER_LINE).min(LINES);
        Self((0..lines).map(|_| Mutex::new(Place::Empty)).collect())
    }

    /// A tenant's line, opened for later where there is none, or one that has had enough tenants: that one ends with the last
    /// read on it.
    fn of(&self, tenant: TenantId, server: &Server) -> Option<Arc<Line>> {
        let index = usize::try_from(tenant.get().unsigned_abs()).ok()?.checked_rem(self.0.len())?;
        let mut place = lock(&self.0[index]);
        match &*place {
            Place::Open(line) if line.serves(tenant) => return Some(Arc::clone(line)),
            Place::Empty | Place::Open(_) => {}
            Place::Opening | Place::Closed => return None,
        }
        *place = Place::Empty;
        if server.may_open_line() {
            *place = Place::Opening;
            let server = server.clone();
            tokio::spawn(async move { server.open_line(index).await });
        }
        None
    }

    /// Puts a line in its place, unless the server has been closed meanwhile.
    pub(super) fn opened(&self, index: usize, line: Option<Line>) {
        let mut place = lock(&self.0[index]);
        if !matches!(*place, Place::Closed) {
            *place = line.map_or(Place::Empty, |line| Place::Open(Arc::new(line)));
        }
    }

    /// Ends each line with the last read on it, and opens no other.
    pub(super) fn close(&self) {
        for place in &self.0 {
            *lock(place) = Place::Closed;
        }
    }

    /// How many lines have nothing under way.
    pub(super) fn idle(&self) -> usize {
        let idle = |place: &&Mutex<Place>| match &*lock(place) {
            Place::Open(line) => line.under_way.load(Ordering::Relaxed) == 0,
            _ => false,
        };
        self.0.iter().filter(idle).count()
    }

    /// Reads; `None` where that can't be, or did not simply succeed.
    pub(super) async fn read(
        &self,
        server: &Server,
        tenant: TenantId,
        habit: &Arc<Habit>,
        setting: Option<&Setting>,
        statement: &Statement,
    ) -> Option<Answer> {
        if habit.goes_apart() {
            return None;
        }
        let line = self.of(tenant, server)?;
        let mut permit = Permit::new(line, Arc::clone(habit))?;
        let read = permit.line.read(setting, statement).await;
        // After one that was too large the rest is still to come.
        permit.answered = !matches!(read, Err(PostgresError::TooLarge));
        read.inspect_err(|error| {
            permit.line.forget(&statement.sql);
            if takes_long(error) {
                habit.apart.store(APART, Ordering::Relaxed);
            }
        })
        .ok()
    }
}

fn takes_long(error: &PostgresError) -> bool {
    matches!(error, PostgresError::Timeout | PostgresError::TooLarge)
        || error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

impl Line {
    /// A line on a connection whose session has the [`Line::options`].
    pub(super) fn new(client: Client, server: Weak<Shared>) -> Self {
        let known = Known { statements: LruCache::new(STATEMENTS), tenants: HashSet::new() };
        let (known, flights) = (Mutex::new(known), Flights::new());
        let (under_way, open) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { client, known, under_way, flights, open, server }
    }

    /// The options of a line's session.
    pub(super) fn options() -> String {
        TIMEOUTS.of_session()
    }

    /// Whether it serves this tenant: what the server's process learns of one it never forgets.
    fn serves(&self, tenant: TenantId) -> bool {
        let tenants = &mut lock(&self.known).tenants;
        let known = tenants.contains(&tenant) || (tenants.len() < TENANTS && tenants.insert(tenant));
        known && !self.client.is_closed()
    }

    fn forget(&self, sql: &str) {
        lock(&self.known).statements.remove(sql);
    }

    async fn read(&self, setting: Option<&Setting>, statement: &Statement) -> Result<Answer, PostgresError> {
        let prepared = self.prepare(&statement.sql).await?;
        let read =
            async { collect(self.client.query_raw(&prepared, &statement.values).await?, MOST_BYTES).await };
        match setting {
            None => self.in_one(read).await,
            Some(setting) => self.within(setting, read).await,
        }
    }

    /// Reads in a transaction that begins with `setting`. Its end goes with the beginning of the next one, if that is sent before
    /// the answer has come: the server answers each thing that it is sent by itself, which costs both sides more than a commit.
    async fn within(
        &self,
        setting: &Setting,
        read: impl Future<Output = Result<Answer, PostgresError>>,
    ) -> Result<Answer, PostgresError> {
        let flight = async {
            // The end of a transaction that has failed is its undoing.
            let begin: Cow<'_, Setting> =
                if self.opens() { setting.into() } else { format!("COMMIT; {setting}").into() };
            tokio::join!(biased; self.client.batch_execute(&begin), read)
        };
        let mut flight = pin!(flight);
        let (number, done) = self.flights.send(flight.as_mut()).await;
        let (begun, read) = match done {
            Some(done) => done,
            None => flight.await,
        };
        self.flights.send_if_last(number, pin!(self.end())).await;
        begun?;
        read
    }

    /// Notes that a transaction is opened; `false` where another was open.
    fn opens(&self) -> bool {
        !self.open.swap(true, Ordering::Relaxed)
    }

    /// Sends the end of the transaction that is open, if one is. Nobody waits for its answer.
    async fn end(&self) {
        if self.open.swap(false, Ordering::Relaxed) {
            let mut end = pin!(self.client.batch_execute("COMMIT"));
            poll_fn(|context| {
                let _ = end.as_mut().poll(context);
                Poll::Ready(())
            })
            .await;
        }
    }

    async fn prepare(&self, sql: &str) -> Result<Prepared, PostgresError> {
        let known = lock(&self.known).statements.get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let prepared = self.in_one(self.client.prepare(sql)).await?;
        lock(&self.known).statements.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    /// Runs `flight`, which sends all that it has when it is first polled, with nothing of anyone else's in between, outside
    /// of any transaction.
    async fn in_one<T>(&self, flight: impl Future<Output = T>) -> T {
        let flight = async {
            self.end().await;
            flight.await
        };
        let mut flight = pin!(flight);
        match self.flights.send(flight.as_mut()).await {
            (_, Some(done)) => done,
            (_, None) => flight.await,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(shared) = self.server.upgrade() {
            Server::of(shared).line_ended();
        }
    }
}

impl Habit {
    fn goes_apart(&self) -> bool {
        let less = |apart: usize| apart.checked_sub(1);
        self.apart.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Permit {
    /// Where neither the line nor the tenant has too many already.
    fn new(line: Arc<Line>, habit: Arc<Habit>) -> Option<Self> {
        take(&line.under_way, ON_A_LINE)?;
        if take(&habit.under_way, OF_A_TENANT).is_none() {
            line.under_way.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self { line, habit, answered: false })
    }
}

fn take(count: &AtomicUsize, most: usize) -> Option<usize> {
    let more = |count: usize| (count < most).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.answered
            && !self.line.client.is_closed()
            && let Ok(runtime) = Handle::try_current()
        {
            // What this one counted for, that one does until then.
            let waiting =
                Self { line: Arc::clone(&self.line), habit: Arc::clone(&self.habit), answered: true };
            runtime.spawn(async move {
                // Its answer comes after all that was sent before.
                let _ = waiting.line.in_one(waiting.line.client.batch_execute("")).await;
                drop(waiting);
            });
            return;
        }
        self.line.under_way.fetch_sub(1, Ordering::Relaxed);
        self.habit.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
