//! Transactions that are begun again where the database undid them because of another one's.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::TenantDb;
use crate::model::QueryError;

/// The longest pause before the second attempt; before each further one it may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause before any attempt.
const LONGEST_PAUSE: Duration = Duration::from_millis(640);

impl TenantDb {
    /// Runs `work` in a transaction as [`TenantDb::transaction`] does, and again, at most `attempts` times in all, while the
    /// database undoes it because of what another transaction did at the same time: both changed the same row (40001), or
    /// each waited for the other (40P01).
    ///
    /// Nothing is left of an attempt that was undone, but **the closure runs again from its start**: what it does beside the
    /// transaction (a mail, a counter in memory) it does again. Each attempt has a clone of it. Before each further attempt
    /// there is a pause of random length, at most 10 ms at first and 640 ms in the end, so that two who clashed do not come
    /// back at the same time.
    ///
    /// An error of any other kind is returned at once. On SQLite writers wait for each other, none is undone, and the
    /// closure runs once.
    ///
    /// ```
    /// # use std::num::NonZeroU32;
    /// # use tenantry_db::{TenantDb, model::{Auto, Model, QueryError}};
    /// # #[derive(Model)]
    /// # #[model(app = "shop", crate = "tenantry_db")]
    /// # struct Stock { #[field(primary_key)] id: Auto<i64>, left: i64 }
    /// async fn take_one(db: &TenantDb, id: i64) -> Result<i64, QueryError> {
    ///     let attempts = NonZeroU32::new(5).unwrap_or(NonZeroU32::MIN);
    ///     db.transaction_with_retry(attempts, async |tx| {
    ///         let stock = tx.query::<Stock>().filter(Stock::ID.eq(id)).one().await?;
    ///         let left = stock.left - 1;
    ///         tx.update(&Stock { left, ..stock }).await?;
    ///         Ok(left)
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`TenantDb::transaction`]; that of the last attempt, where each was undone ([`QueryError::Conflict`], or what
    /// `work` made of it).
    pub async fn transaction_with_retry<T, E, W>(&self, attempts: NonZeroU32, work: W) -> Result<T, E>
    where
        W: AsyncFnOnce(Self) -> Result<T, E> + Clone,
        E: From<QueryError>,
    {
        let mut attempt = 1;
        loop {
            let open = Arc::new(self.begin().await?);
            let outcome = self.work_in(&open, work.clone()).await;
            if outcome.is_ok() || !open.has_clashed() || attempt == attempts.get() {
                return outcome;
            }
            // It has ended. Its connection goes back before the pause.
            drop((open, outcome));
            rest(pause(attempt)).await;
            attempt += 1;
        }
    }
}

/// How long to wait after so many attempts: anything up to twice as long as after the one before.
fn pause(attempt: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt - 1)).min(LONGEST_PAUSE);
    let mut random = [0; 4];
    // Without randomness the longest pause is as right as any.
    match getrandom::fill(&mut random) {
        Ok(()) => longest.mul_f64(f64::from(u32::from_ne_bytes(random)) / f64::from(u32::MAX)),
        Err(_) => longest,
    }
}

#[expect(clippy::disallowed_methods, reason = "that the others are done is no event that anyone hears of")]
async fn rest(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound_and_differ() {
        for (attempt, longest) in [(1, 10), (2, 20), (3, 40), (7, 640), (8, 640), (u32::MAX, 640)] {
            let pauses: Vec<Duration> = (0..50).map(|_| pause(attempt)).collect();
            assert!(
                pauses.iter().all(|pause| *pause <= Duration::from_millis(longest)),
                "{attempt}: {pauses:?}"
            );
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{attempt}: {pauses:?}");
        }
    }
}
