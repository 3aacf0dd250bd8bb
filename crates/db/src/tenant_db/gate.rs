//! Whether a tenant's data is of a version that this program serves: asked of the data itself, and then known.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::{QueryError, VersionError};

/// How long a refusal is known: data that was brought up to date must be served within a second, also where whoever did
/// it was killed before the directory heard of it.
const KNOWN: Duration = Duration::from_millis(500);

/// How long it is known that the data can be served, when nothing is heard: whoever migrates it may be killed before the
/// directory hears of it. What is written to a SQLite file asks in its own transaction.
const TRUSTED: Duration = Duration::from_secs(1);

/// A look at the data, which is an error where this program can't serve it.
pub(super) type Look = Pin<Box<dyn Future<Output = Result<(), QueryError>> + Send>>;

/// What stands before one tenant's data. Open, it costs a look at the clock.
pub(crate) struct Gate {
    look: Box<dyn Fn() -> Look + Send + Sync>,
    made: Instant,
    /// Milliseconds after it was made until which it is open; 0: it is closed.
    open_until: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Grows with each [`Gate::void`], so that what was seen before it is not kept after it.
    round: u64,
    refused: Option<(VersionError, Instant)>,
}

impl Gate {
    /// The gate before the data that `look` looks at. Nothing is known of it yet.
    pub(crate) fn new(look: impl Fn() -> Look + Send + Sync + 'static) -> Self {
        let (made, open_until) = (Instant::now(), AtomicU64::new(0));
        Self { look: Box::new(look), made, open_until, seen: Mutex::default() }
    }

    /// A gate before data without a ledger.
    #[cfg(test)]
    pub(crate) fn unguarded() -> Self {
        Self::new(|| Box::pin(std::future::ready(Ok(()))))
    }

    /// Forgets what is known: something was heard of the tenant, perhaps of its version.
    pub(crate) fn void(&self) {
        let mut seen = self.seen();
        seen.round += 1;
        seen.refused = None;
        self.open_until.store(0, Ordering::Release);
    }

    /// Whether the data is known to be served by this program.
    pub(crate) fn is_open(&self) -> bool {
        self.now() < self.open_until.load(Ordering::Acquire)
    }

    /// Ready once it is known whether the data can be served.
    pub(crate) async fn pass(&self) -> Result<(), QueryError> {
        while !self.is_open() {
            let round = self.begin()?;
            let outcome = (self.look)().await;
            if self.keep(round, &outcome) {
                return outcome;
            }
        }
        Ok(())
    }

    /// Why the data is not served, seen anew, whatever is known.
    pub(crate) async fn look_again(&self) -> Result<(), VersionError> {
        let round = self.seen().round;
        let outcome = (self.look)().await;
        self.keep(round, &outcome);
        match outcome {
            Err(QueryError::Version(refused)) => Err(refused),
            _ => Ok(()),
        }
    }

    /// The round for a look; the refusal that is known, if it may still be right.
    fn begin(&self) -> Result<u64, VersionError> {
        let mut seen = self.seen();
        match &mut seen.refused {
            Some((refused, since)) if since.elapsed() < KNOWN => return Err(refused.clone()),
            // The others are told the same until this look is over.
            Some((_, since)) => *since = Instant::now(),
            None => {}
        }
        Ok(seen.round)
    }

    /// Keeps what a look has seen, unless something was heard since it began: whether it was kept.
    fn keep(&self, round: u64, outcome: &Result<(), QueryError>) -> bool {
        let mut seen = self.seen();
        if seen.round != round {
            return false;
        }
        let refused = match outcome {
            Ok(()) => None,
            Err(QueryError::Version(refused)) => Some((refused.clone(), Instant::now())),
            // What could not be looked at is as it was.
            Err(_) => return true,
        };
        let trusted = u64::try_from(TRUSTED.as_millis()).unwrap_or(u64::MAX);
        let until = if refused.is_none() { self.now() + trusted } else { 0 };
        self.open_until.store(until, Ordering::Release);
        seen.refused = refused;
        true
    }

    fn now(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("open", &self.is_open()).finish_non_exhaustive()
    }
}
