//! Who gets the next connection: a server's budget, shared fairly between the tenants that ask for one.
//!
//! A tenant holds at most its share of the budget, which leaves one connection free for whoever comes next; where more
//! wait than there are connections, tenants take turns. So one that floods waits for itself.
//!
//! A server's process that has worked on a tenant's tables knows them; one that meets them first reads the catalogue and plans,
//! and knows them from then on. So where many tenants wait, a connection that comes back goes to one that it
//! has served before: each comes to serve some of the tenants, and none has to know them all.
//!
//! To open a connection costs some hundred times what a query does. So nobody who has one already takes the place of
//! another's that was used a moment ago: with a database for each tenant they would do so to each other without end.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tenantry_core::TenantId;
use tokio::sync::oneshot;

use super::connection::Connection;
use super::counts::ServerStats;
use super::pool::Lent;

/// Which database of the server a connection leads to: the one that its URL names, or a tenant's own.
pub(super) type Database = Option<Box<str>>;

/// A connection that nobody uses.
pub(super) struct Idle {
    connection: Box<Connection>,
    database: Database,
    since: Instant,
}

/// How long a connection is idle before it makes room for a tenant that has one already.
const UNUSED: Duration = Duration::from_secs(5);

/// Someone who waits for a connection.
pub(super) struct Waiting {
    pub(super) database: Database,
    pub(super) answer: oneshot::Sender<Lent>,
}

/// How many operations of one tenant may wait for a connection.
const MOST_WAITING: usize = 1_000;

/// How often a tenant is passed over for others whom the connection knows.
const MOST_PASSED_OVER: usize = 32;

/// How many of those who wait are looked at for one whom the connection knows.
const MOST_LOOKED_AT: usize = 64;

/// What is lent out, idle and waited for.
pub(super) struct Budget {
    /// The most connections at a time.
    most: usize,
    /// Open ones, those that are being opened or proved clean included.
    open: usize,
    /// The longest idle first.
    idle: VecDeque<Idle>,
    /// The tenants that hold a connection or wait for one.
    tenants: HashMap<TenantId, Demand>,
    /// Those of them that wait, in the order of their turns.
    turns: VecDeque<TenantId>,
    /// How often the first of them was passed over.
    passed_over: usize,
    /// Nobody gets any more.
    closed: bool,
    /// Idle connections that were closed to make room, since the start.
    made_room: u64,
}

/// What one tenant has and wants.
#[derive(Default)]
struct Demand {
    held: usize,
    waiting: VecDeque<Waiting>,
}

/// What a tenant that asks for a connection gets.
pub(super) enum Grant {
    /// One that was idle.
    Connection(Box<Connection>),
    /// The right to open one. Others that lead elsewhere are closed for it.
    Room,
}

impl Idle {
    pub(super) fn new(connection: Box<Connection>, database: Database) -> Self {
        Self { connection, database, since: Instant::now() }
    }

    /// Whether it may be closed to make room for a tenant that holds so many.
    fn makes_room(&self, held: usize) -> bool {
        held == 0 || self.since.elapsed() >= UNUSED
    }
}

impl Budget {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            open: 0,
            idle: VecDeque::new(),
            tenants: HashMap::new(),
            turns: VecDeque::new(),
            passed_over: 0,
            closed: false,
            made_room: 0,
        }
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// What it holds just now, and nothing of what else is counted.
    pub(super) fn stats(&self) -> ServerStats {
        ServerStats {
            limit: self.most,
            open: self.open,
            idle: self.idle.len(),
            waiting: self.tenants.values().map(|demand| demand.waiting.len()).sum(),
            made_room: self.made_room,
            ..ServerStats::default()
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Lends to `tenant` now, if it holds less than its share. Those who wait hold theirs already, or there is nothing to
    /// be had: whatever comes back goes to them first.
    pub(super) fn lend(&mut self, tenant: TenantId, database: &Database) -> Option<Grant> {
        let (held, new) = self.tenants.get(&tenant).map_or((0, 1), |demand| (demand.held, 0));
        if held >= self.share(self.tenants.len() + new) {
            return None;
        }
        self.grant(tenant, database)
    }

    /// Puts someone in its tenant's queue, and says whether there was room.
    pub(super) fn wait(&mut self, tenant: TenantId, waiting: Waiting) -> bool {
        let demand = self.tenants.entry(tenant).or_default();
        if demand.waiting.len() >= MOST_WAITING {
            return false;
        }
        if demand.waiting.is_empty() {
            self.turns.push_back(tenant);
        }
        demand.waiting.push_back(waiting);
        true
    }

    /// Takes back what a tenant had; `None`: its connection is gone.
    pub(super) fn put_back(&mut self, tenant: TenantId, idle: Option<Idle>) {
        if let Some(demand) = self.tenants.get_mut(&tenant) {
            demand.held -= 1;
        }
        self.forget_if_done(tenant);
        match idle {
            Some(idle) if !self.closed => self.idle.push_back(idle),
            _ => self.open -= 1,
        }
    }

    /// Takes room for a connection that nobody is lent, where there is some that nobody has.
    pub(super) fn take_room(&mut self) -> bool {
        let room = !self.closed && self.open < self.most;
        self.open += usize::from(room);
        room
    }

    /// Gives the room of such a connection back.
    pub(super) fn give_room(&mut self) {
        self.open -= 1;
    }

    /// The next who waits and may have a connection, with what it gets.
    pub(super) fn next(&mut self) -> Option<(TenantId, Waiting, Grant)> {
        self.let_known_go_first();
        for _ in 0..self.turns.len() {
            if self.idle.is_empty() && self.open >= self.most {
                return None;
            }
            let tenant = self.turns.pop_front()?;
            let share = self.share(self.tenants.len());
            let demand = self.tenants.get_mut(&tenant)?;
            // Who has gone meanwhile waits no more.
            while demand.waiting.front().is_some_and(|waiting| waiting.answer.is_closed()) {
                demand.waiting.pop_front();
            }
            let (held, first) = (demand.held, demand.waiting.front());
            let database = first.map(|waiting| waiting.database.clone());
            let has = held < share && database.is_some_and(|database| self.has(tenant, held, &database));
            let demand = self.tenants.get_mut(&tenant)?;
            let first = if has { demand.waiting.pop_front() } else { None };
            if !demand.waiting.is_empty() {
                self.turns.push_back(tenant);
            }
            let Some(first) = first else {
                self.forget_if_done(tenant);
                continue;
            };
            let grant = self.grant(tenant, &first.database)?;
            return Some((tenant, first, grant));
        }
        None
    }

    /// Whether someone waits who could have a connection that `tenant` holds: itself, or a tenant that has none.
    pub(super) fn is_sought_beside(&self, tenant: TenantId) -> bool {
        let could_have = |other: &TenantId| {
            *other == tenant || self.tenants.get(other).is_some_and(|demand| demand.held == 0)
        };
        self.turns.iter().any(could_have)
    }

    /// Lets a tenant have the next turn whom an idle connection has served before, unless the one whose turn it is was passed
    /// over so often already.
    fn let_known_go_first(&mut self) {
        if self.idle.is_empty() {
            return;
        }
        let is_known = |tenant: &TenantId| {
            let waiting = self.tenants.get(tenant).and_then(|demand| demand.waiting.front());
            waiting.is_some_and(|waiting| self.idle_that_served(*tenant, &waiting.database).is_some())
        };
        let known = match self.passed_over {
            MOST_PASSED_OVER.. => None,
            _ => self.turns.iter().take(MOST_LOOKED_AT).position(is_known).filter(|index| *index > 0),
        };
        self.passed_over = known.map_or(0, |_| self.passed_over + 1);
        if let Some(tenant) = known.and_then(|index| self.turns.remove(index)) {
            self.turns.push_front(tenant);
        }
    }

    /// Lets nobody have anything any more: who waits hears so, what is idle is closed.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.turns.clear();
        self.tenants.retain(|_, demand| {
            demand.waiting.clear();
            demand.held > 0
        });
        self.open -= self.idle.len();
        self.idle.clear();
    }

    /// How many connections a tenant may hold where this many hold some or wait. One is left for whoever comes next.
    fn share(&self, tenants: usize) -> usize {
        ((self.most - 1) / tenants.max(1)).max(1)
    }

    fn forget_if_done(&mut self, tenant: TenantId) {
        if self.tenants.get(&tenant).is_some_and(|demand| demand.held == 0 && demand.waiting.is_empty()) {
            self.tenants.remove(&tenant);
        }
    }

    /// Whether there is a connection, or room for one, for a tenant that holds so many.
    fn has(&self, tenant: TenantId, held: usize, database: &Database) -> bool {
        self.open < self.most
            || self.best_idle(tenant, database).is_some()
            || self.idle.front().is_some_and(|idle| idle.makes_room(held))
    }

    fn grant(&mut self, tenant: TenantId, database: &Database) -> Option<Grant> {
        let held = self.tenants.get(&tenant).map_or(0, |demand| demand.held);
        let grant = match self.best_idle(tenant, database).and_then(|index| self.idle.remove(index)) {
            Some(idle) => Grant::Connection(idle.connection),
            None if self.open < self.most => {
                self.open += 1;
                Grant::Room
            }
            None => {
                // The longest idle of another database makes room.
                self.idle.pop_front_if(|idle| idle.makes_room(held))?;
                self.made_room += 1;
                Grant::Room
            }
        };
        self.tenants.entry(tenant).or_default().held += 1;
        Some(grant)
    }

    /// An idle connection to the database: one that has served the tenant before, whose statements the server has
    /// planned there already, or else the last used one, so that the others can grow old and be closed. One that has met
    /// enough tenants comes last: it does not outlive another, and those whom it knows would have to be met anew.
    fn best_idle(&self, tenant: TenantId, database: &Database) -> Option<usize> {
        let leads_there = |idle: &Idle| idle.database == *database;
        let with_room = |idle: &Idle| leads_there(idle) && idle.connection.has_room();
        self.idle_that_served(tenant, database)
            .or_else(|| self.idle.iter().rposition(with_room))
            .or_else(|| self.idle.iter().rposition(leads_there))
    }

    /// The last used of those that have served the tenant before.
    fn idle_that_served(&self, tenant: TenantId, database: &Database) -> Option<usize> {
        let served = |idle: &Idle| idle.database == *database && idle.connection.has_served(tenant);
        self.idle.iter().rposition(served)
    }
}
