//! Transactions: several operations, all kept or none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::store::Way;
use super::{Begun, Store, TenantDb};
use crate::model::QueryError;

/// A transaction that is open. Dropped, it rolls back.
#[derive(Debug)]
pub(super) struct Open {
    begun: Begun,
    /// An operation failed or was dropped half-way, so that nothing may be kept.
    spoiled: AtomicBool,
    /// The database undid it because of what another transaction did at the same time.
    clashed: AtomicBool,
}

/// An operation that is under way, in a transaction of its own or in one that is open. That one is spoiled unless the
/// operation ends well.
pub(super) struct Operation<'a> {
    db: &'a TenantDb,
    open: Option<Arc<Open>>,
    succeeded: bool,
}

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
        self.work_in(&open, work).await
    }

    /// Runs `work` in a transaction that has begun, and ends that.
    pub(super) async fn work_in<T, E, W>(&self, open: &Arc<Open>, work: W) -> Result<T, E>
    where
        W: AsyncFnOnce(Self) -> Result<T, E>,
        E: From<QueryError>,
    {
        let door = Self { transaction: Some(Arc::downgrade(open)), ..self.clone() };
        match work(door).await {
            Ok(done) => {
                open.commit().await?;
                Ok(done)
            }
            Err(error) => {
                // The error of `work` is the one to report; a transaction that can't roll back ends with its lease.
                let _ = open.begun.roll_back().await;
                Err(error)
            }
        }
    }

    /// Begins an operation, once it is known that the data is of a version that is served.
    ///
    /// # Errors
    /// Raised when the data is not served by this program, when the transaction that it would be part of has ended, and
    /// when an earlier part of that has failed.
    pub(super) async fn operation(&self) -> Result<Operation<'_>, QueryError> {
        let open = match &self.transaction {
            None => {
                if !self.gate.is_open() {
                    self.gate.pass().await?;
                }
                None
            }
            Some(transaction) => {
                let open = transaction.upgrade().ok_or(QueryError::TransactionEnded)?;
                open.refuse_spoiled()?;
                Some(open)
            }
        };
        Ok(Operation { db: self, open, succeeded: false })
    }

    /// Whether this door is that of a transaction.
    pub(super) fn is_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    pub(super) async fn begin(&self) -> Result<Open, QueryError> {
        if self.is_transaction() {
            return Err(QueryError::NestedTransaction);
        }
        self.ready().await?;
        match self.store.begin().await {
            Ok(begun) => Ok(Open { begun, spoiled: AtomicBool::new(false), clashed: AtomicBool::new(false) }),
            // As at the end of an operation: the data may have been migrated a moment ago.
            Err(QueryError::Database(error)) => {
                self.gate.look_again().await?;
                Err(QueryError::Database(error))
            }
            Err(error) => Err(error),
        }
    }
}

impl Operation<'_> {
    pub(super) fn way(&self) -> Way<'_> {
        self.open.as_ref().map_or_else(|| self.db.store.way(), |open| open.begun.way())
    }

    /// Ends it: what failed spoils the transaction. What failed as if a table or a column were another one may have met
    /// data that was migrated a moment ago, which is then said.
    pub(super) async fn end<T>(mut self, outcome: Result<T, QueryError>) -> Result<T, QueryError> {
        self.succeeded = outcome.is_ok();
        if let Some(open) = &self.open {
            open.note(&outcome);
        }
        if matches!(outcome, Err(QueryError::Database(_))) && self.can_look_again() {
            self.db.gate.look_again().await?;
        }
        outcome
    }

    /// Whether to look at the data takes no connection that a transaction on a server may have to give back first.
    fn can_look_again(&self) -> bool {
        self.open.is_none() || matches!(self.db.store, Store::Sqlite { .. })
    }
}

impl Drop for Operation<'_> {
    fn drop(&mut self) {
        if let Some(open) = &self.open
            && !self.succeeded
        {
            open.spoiled.store(true, Ordering::Release);
        }
    }
}

impl Open {
    async fn commit(&self) -> Result<(), QueryError> {
        if let Err(spoiled) = self.refuse_spoiled() {
            // What can't be rolled back ends with its connection.
            let _ = self.begun.roll_back().await;
            return Err(spoiled);
        }
        let committed = self.begun.commit().await;
        self.note(&committed);
        committed
    }

    /// Whether the database undid it because of what another transaction did at the same time: begun again, it may succeed.
    pub(super) fn has_clashed(&self) -> bool {
        self.clashed.load(Ordering::Acquire)
    }

    fn note<T>(&self, outcome: &Result<T, QueryError>) {
        if matches!(outcome, Err(QueryError::Conflict)) {
            self.clashed.store(true, Ordering::Release);
        }
    }

    fn refuse_spoiled(&self) -> Result<(), QueryError> {
        if self.spoiled.load(Ordering::Acquire) { Err(QueryError::TransactionAborted) } else { Ok(()) }
    }
}
