//! How often signing in may fail: at each account, and from each address.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenantry_core::TenantId;

use super::people::Username;
use super::{Token, TokenHash};

/// At one account, ten times at once and then once in five minutes: nobody guesses a password that the validators let
/// pass at 300 a day, and who has forgotten which of a few it was finds it.
const ACCOUNT: Rule = Rule { at_once: 10, every: Duration::from_mins(5) };

/// From one address, a hundred times at once and then once in six seconds: an office shares one.
const ADDRESS: Rule = Rule { at_once: 100, every: Duration::from_secs(6) };

/// How many cells each row of a table has, of eight bytes. While 1,000 keys fail too often, one in 4,000 others is taken
/// for one of them; while 20,000 do, one in 15.
const CELLS: usize = 65_536;

/// How many rows a table has. A key is counted in a cell of each, and the least says how often it failed at most.
const ROWS: usize = 2;

/// Counts how often signing in has failed, and refuses to try again too soon: for each account of each tenant, and for
/// each address. Cheap to clone; clones count together.
///
/// It takes 2 MiB however many names and addresses are tried, and forgets none of them before its time: where more fail
/// at once than there is room for, it refuses some who have not failed. Each process of the server counts by itself.
///
/// ```
/// use tenantry_core::TenantId;
/// use tenantry_web::auth::{Account, Throttle};
///
/// let throttle = Throttle::default();
/// let ada = Account::of_tenant(TenantId::new(1), "ada");
/// for _ in 0..10 {
///     // Dropped, an attempt has failed.
///     assert!(throttle.attempt(&ada, None).is_ok());
/// }
/// let refused = throttle.attempt(&ada, None).unwrap_err();
/// assert!(refused.wait.as_secs() <= 300);
/// // The same name is another account at another tenant.
/// throttle.attempt(&Account::of_tenant(TenantId::new(2), "ada"), None)?.give_back();
/// # Ok::<(), tenantry_web::auth::Throttled>(())
/// ```
#[derive(Clone, Debug)]
pub struct Throttle(Arc<Counts>);

/// Whom someone says to be, as far as failures are counted: the same name is one account at each tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// `None`: an operator's.
    tenant: Option<TenantId>,
    name: String,
    session: Option<TokenHash>,
}

/// Someone tries to sign in. It counts as failed unless it is given back.
#[derive(Debug)]
#[must_use = "dropped, it has failed"]
pub struct Attempt {
    counts: Arc<Counts>,
    account: Taken,
    address: Option<Taken>,
}

/// Raised when signing in has failed too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing in has failed too often; the next attempt is in {} s", wait.as_secs())]
pub struct Throttled {
    /// When the next attempt may be made: whole seconds, at least one.
    pub wait: Duration,
}

#[derive(Debug)]
struct Counts {
    /// The tables count milliseconds from here.
    start: Instant,
    accounts: Mutex<Table>,
    addresses: Mutex<Table>,
}

/// So many at once, and one more each time that so long has passed.
#[derive(Clone, Copy, Debug)]
struct Rule {
    at_once: u32,
    every: Duration,
}

/// A count-min sketch of leaky buckets: each cell holds until when it is filled with failures, in milliseconds. The
/// hashes are keyed anew in each process, so that nobody chooses names that share another's cells.
#[derive(Debug)]
struct Table {
    rule: Rule,
    rows: [Row; ROWS],
}

#[derive(Debug)]
struct Row {
    hasher: RandomState,
    filled_until: Vec<u64>,
}

/// What one attempt has put into a table's cells: which, and how much.
#[derive(Debug)]
struct Taken([(usize, u64); ROWS]);

impl Default for Throttle {
    fn default() -> Self {
        Self(Arc::new(Counts {
            start: Instant::now(),
            accounts: Mutex::new(Table::new(ACCOUNT)),
            addresses: Mutex::new(Table::new(ADDRESS)),
        }))
    }
}

impl Throttle {
    /// Lets someone try to sign in, from this address if it is known.
    ///
    /// # Errors
    /// Raised when it has failed too often at the account or from the address; nothing is counted then.
    pub fn attempt(&self, account: &Account, from: Option<IpAddr>) -> Result<Attempt, Throttled> {
        let now = self.0.now();
        let address = match from {
            Some(address) => Some(lock(&self.0.addresses).take(&network(address), now)?),
            None => None,
        };
        match lock(&self.0.accounts).take(account, now) {
            Ok(account) => Ok(Attempt { counts: Arc::clone(&self.0), account, address }),
            Err(throttled) => {
                if let Some(address) = address {
                    lock(&self.0.addresses).give_back(&address);
                }
                Err(throttled)
            }
        }
    }
}

impl Account {
    /// The user of a tenant with this name, whether there is one or not.
    #[must_use]
    pub fn of_tenant(tenant: TenantId, name: &str) -> Self {
        Self { tenant: Some(tenant), name: Username::normalised(name).into_owned(), session: None }
    }

    /// The operator with this name, whether there is one or not.
    #[must_use]
    pub fn of_operator(name: &str) -> Self {
        Self { tenant: None, name: name.to_owned(), session: None }
    }

    /// The same where the browser has a session of this very account that is good: it has failures of its own, so that
    /// others who guess keep nobody out for whom a browser can vouch.
    #[must_use]
    pub fn with_session(self, session: &Token) -> Self {
        Self { session: Some(session.hash()), ..self }
    }
}

impl Attempt {
    /// It has not failed: the password was right, or could not be checked.
    pub fn give_back(self) {
        lock(&self.counts.accounts).give_back(&self.account);
        if let Some(address) = &self.address {
            lock(&self.counts.addresses).give_back(address);
        }
    }
}

impl Counts {
    fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }
}

impl Table {
    fn new(rule: Rule) -> Self {
        let row = || Row { hasher: RandomState::new(), filled_until: vec![0; CELLS] };
        Self { rule, rows: std::array::from_fn(|_| row()) }
    }

    /// Counts one failure, unless there were too many.
    fn take(&mut self, key: &impl Hash, now: u64) -> Result<Taken, Throttled> {
        let every = millis(self.rule.every);
        let cells = self.rows.each_ref().map(|row| row.cell(key));
        let filled_until = (0..ROWS).map(|row| self.rows[row].filled_until[cells[row]]).min().unwrap_or(0);
        let next = filled_until.max(now) + every;
        let most = now + every * u64::from(self.rule.at_once);
        if next > most {
            return Err(Throttled { wait: Duration::from_secs((next - most).div_ceil(1_000)) });
        }
        let mut taken = cells.map(|cell| (cell, 0));
        for (row, (cell, amount)) in self.rows.iter_mut().zip(&mut taken) {
            // A cell that others have filled further says nothing of this key, and stays.
            *amount = next.saturating_sub(row.filled_until[*cell]);
            row.filled_until[*cell] += *amount;
        }
        Ok(Taken(taken))
    }

    fn give_back(&mut self, taken: &Taken) {
        for (row, (cell, amount)) in self.rows.iter_mut().zip(&taken.0) {
            row.filled_until[*cell] -= amount;
        }
    }
}

impl Row {
    fn cell(&self, key: &impl Hash) -> usize {
        let hash = self.hasher.hash_one(key);
        usize::try_from(hash % CELLS as u64).unwrap_or(0)
    }
}

/// Whoever has an IPv6 address has all of its network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(Rule { at_once: 3, every: Duration::from_secs(1) })
    }

    fn wait(table: &mut Table, key: u32, now: u64) -> Option<u64> {
        table.take(&key, now).err().map(|throttled| throttled.wait.as_secs())
    }

    #[test]
    fn so_many_fail_at_once_and_one_more_each_time() {
        let mut table = table();
        assert_eq!([0; 5].map(|now| wait(&mut table, 7, now)), [None, None, None, Some(1), Some(1)]);
        assert_eq!(
            [999, 1_000, 1_001, 2_000].map(|now| wait(&mut table, 7, now)),
            [Some(1), None, Some(1), None]
        );
        assert_eq!([60_000; 4].map(|now| wait(&mut table, 7, now)), [None, None, None, Some(1)]);
        assert_eq!(wait(&mut table, 8, 0), None, "another");
    }

    #[test]
    fn what_is_given_back_was_never_taken() {
        let mut table = table();
        for now in 0..100 {
            let taken = table.take(&7, now).unwrap();
            table.give_back(&taken);
        }
        let [one, two] = [(); 2].map(|()| table.take(&7, 100).unwrap());
        table.give_back(&one);
        assert_eq!([101; 3].map(|now| wait(&mut table, 7, now)), [None, None, Some(1)]);
        table.give_back(&two);
        assert_eq!([102; 2].map(|now| wait(&mut table, 7, now)), [None, Some(1)]);
    }

    #[test]
    fn others_who_fail_keep_hardly_anybody_out() {
        let mut table = table();
        for key in 0..10_000 {
            for _ in 0..4 {
                let _ = table.take(&key, 0);
            }
        }
        let kept_out = (10_000..11_000).filter(|key| wait(&mut table, *key, 0).is_some()).count();
        // Each row's cell is one of the 10,000 with 14 %: both are with 2 %.
        assert!(kept_out < 60, "{kept_out}");
        assert!((0..10_000).all(|key| wait(&mut table, key, 0).is_some()), "nobody is forgotten");
    }

    #[test]
    fn an_address_of_the_new_kind_is_its_network() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected.parse::<IpAddr>().unwrap(), "{address}");
        }
    }

    #[test]
    fn an_account_is_one_tenant_s_however_its_name_is_typed_and_a_session_vouches_for_itself() {
        let [acme, globex] = [1, 2].map(TenantId::new);
        let ada = Account::of_tenant(acme, "ada");
        assert_eq!(ada, Account::of_tenant(acme, "ａｄａ"));
        let session = Token::generate().unwrap();
        let others = [
            Account::of_tenant(globex, "ada"),
            Account::of_operator("ada"),
            Account::of_tenant(acme, "Ada"),
            ada.clone().with_session(&session),
        ];
        assert!(others.iter().all(|other| *other != ada));
    }

    #[test]
    fn an_address_fails_at_every_account_together() {
        let throttle = Throttle::default();
        let attempt = |number: i64, address: &str| {
            let account = Account::of_tenant(TenantId::new(number), "ada");
            throttle.attempt(&account, Some(address.parse().unwrap()))
        };
        for number in 0..100 {
            drop(attempt(number, "192.0.2.7").unwrap());
        }
        assert!(attempt(100, "192.0.2.7").is_err());
        assert!(attempt(100, "192.0.2.8").is_ok());
        // What an account refuses is not counted against the address.
        for _ in 0..200 {
            drop(attempt(7, "192.0.2.9"));
        }
        assert!(attempt(8, "192.0.2.9").is_ok());
    }
}
