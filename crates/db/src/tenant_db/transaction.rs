//! Transactions: several operations, all kept or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::{Route, TenantDb, query_error};
use crate::model::QueryError;
use crate::sqlite::Lease;

/// A transaction that is open. Dropped, it rolls back.
#[derive(Debug)]
pub(super) struct Open {
    lease: Lease,
    /// An operation failed or was dropped half-way, so that nothing may be kept.
    spoiled: AtomicBool,
}

/// Spoils the transaction unless its operation succeeds.
struct Spoil<'o>(&'o Open, bool);

impl TenantDb {
    /// Runs `work` in a transaction: what it did is kept when it returns `Ok`, and undone when it returns an error,
    /// panics or is dropped.
    ///
    /// The closure gets a door of its own; what goes through another door is not part of the transaction, and waits
    /// for its end if it writes. On every database the first operation that fails in the database undoes all: if
    /// `work` returns `Ok` all the same, the answer is [`QueryError::TransactionAborted`].
    ///
    /// ```
    /// # use tenantry_db::{TenantDb, model::{Auto, Model, QueryError}};
    /// # #[derive(Model)]
    /// # #[model(app = "notes", crate = "tenantry_db")]
    /// # struct Note { #[field(primary_key)] id: Auto<i64>, title: String }
    /// async fn add_two(db: &TenantDb) -> Result<(), QueryError> {
    ///     db.transaction(async |tx| {
    ///         tx.insert(Note { id: Auto::unset(), title: "one".to_owned() }).await?;
    ///         tx.insert(Note { id: Auto::unset(), title: "two".to_owned() }).await?;
    ///         Ok(())
    ///     })
    ///     .await
    /// }
    /// ```
    ///
    /// # Errors
    /// The error of `work`. Raised also when this door is that of a transaction already, when an operation's error was
    /// ignored, or when the database can't begin or commit.
    pub async fn transaction<T, E, W>(&self, work: W) -> Result<T, E>
    where
        W: AsyncFnOnce(Self) -> Result<T, E>,
        E: From<QueryError>,
    {
        let open = Arc::new(self.begin().await?);
        let door = Self { route: Route::Transaction(Arc::downgrade(&open)), ..self.clone() };
        match work(door).await {
            Ok(done) => {
                open.commit().await?;
                Ok(done)
            }
            Err(error) => {
                // The error of `work` is the one to report; a transaction that can't roll back ends with its lease.
                let _ = open.lease.roll_back().await;
                Err(error)
            }
        }
    }

    /// Whether this door is that of a transaction.
    pub(super) fn is_transaction(&self) -> bool {
        matches!(self.route, Route::Transaction(_))
    }

    async fn begin(&self) -> Result<Open, QueryError> {
        match &self.route {
            Route::Pool(pool) => {
                self.ready().await?;
                let begun = pool.begin(&self.file).await;
                Ok(Open { lease: begun.map_err(query_error)?, spoiled: AtomicBool::new(false) })
            }
            Route::Transaction(_) => Err(QueryError::NestedTransaction),
        }
    }
}

impl Open {
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, QueryError> {
        self.refuse_spoiled()?;
        let mut spoil = Spoil(self, true);
        let outcome = self.lease.run(job).await;
        spoil.1 = outcome.is_err();
        outcome.map_err(query_error)
    }

    async fn commit(&self) -> Result<(), QueryError> {
        if let Err(spoiled) = self.refuse_spoiled() {
            // What can't be rolled back ends with its lease.
            let _ = self.lease.roll_back().await;
            return Err(spoiled);
        }
        self.lease.commit().await.map_err(query_error)
    }

    fn refuse_spoiled(&self) -> Result<(), QueryError> {
        if self.spoiled.load(Ordering::Acquire) { Err(QueryError::TransactionAborted) } else { Ok(()) }
    }
}

impl Drop for Spoil<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.spoiled.store(true, Ordering::Release);
        }
    }
}
