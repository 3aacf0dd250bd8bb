//! The only door to a tenant's data.

mod engine_error;
mod gate;
mod query;
mod raw;
pub(crate) mod run;
#[cfg(test)]
mod tests;
mod transaction;
mod write;

use std::sync::{Arc, Weak};

use rusqlite::Connection;
use tenantry_core::Tenant;

use crate::model::{Model, ModelMeta, QueryError, Row};
use crate::sqlite::{DataFile, Pool};

pub(crate) use engine_error::query_error;
pub(crate) use gate::Gate;
pub use query::Query;
use transaction::Open;

/// The only door to a tenant's data, made only from a resolved, active tenant. Cheap to clone; it can't be re-bound
/// to another tenant.
#[derive(Clone, Debug)]
pub struct TenantDb {
    tenant: Tenant,
    file: Arc<DataFile>,
    gate: Arc<Gate>,
    route: Route,
}

/// Where this door's operations run.
#[derive(Clone, Debug)]
enum Route {
    /// Each in a transaction of its own.
    Pool(Pool),
    /// All in the one that is open. Weak: the transaction ends with the future that began it, whoever holds a clone.
    Transaction(Weak<Open>),
}

impl TenantDb {
    /// The door to `file`, which is the data of `tenant`, behind `gate`.
    pub(crate) fn new(tenant: Tenant, file: Arc<DataFile>, gate: Arc<Gate>, pool: Pool) -> Self {
        Self { tenant, file, gate, route: Route::Pool(pool) }
    }

    /// The tenant whose data this is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Whether the data is known to be of a version that this program serves: no query is needed to say so.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.gate.is_open()
    }

    /// Ready once the data is known to be of a version that this program serves. Every operation waits for this by itself,
    /// so that nothing is read from other data or written into it; it is asked for where something is to be done before.
    ///
    /// What was applied stands beside the data, which is asked once, and again after each change of the tenant that the
    /// directory hears of.
    ///
    /// # Errors
    /// [`QueryError::Version`] when the data is behind this program, or ahead of it by a migration that was not declared
    /// [additive](crate::migrate::Migration::additive). Raised also when the data can't be read.
    pub async fn ready(&self) -> Result<(), QueryError> {
        self.gate.pass().await
    }

    /// A query over the rows of model `M`.
    pub fn query<M: Model>(&self) -> Query<'_, M> {
        Query::new(self, M::META)
    }

    /// A query over the rows of a model that is known only by its metadata. Its conditions are made of
    /// [`ModelMeta::column`].
    pub fn rows(&self, model: &'static ModelMeta) -> Query<'_, Row> {
        Query::new(self, model)
    }

    /// Runs a job that only reads, perhaps several times.
    async fn read<T: Send + 'static>(
        &self,
        job: impl Fn(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, QueryError> {
        let outcome = match &self.route {
            Route::Pool(pool) => {
                if !self.gate.is_open() {
                    self.gate.pass().await?;
                }
                pool.read(&self.file, job).await.map_err(query_error)
            }
            Route::Transaction(open) => self.run_in(open, job).await,
        };
        match outcome {
            Err(QueryError::Database(_)) => self.explained(outcome).await,
            told => told,
        }
    }

    /// Runs a job that writes with one statement.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, QueryError> {
        let outcome = match &self.route {
            Route::Pool(pool) => {
                if !self.gate.is_open() {
                    self.gate.pass().await?;
                }
                pool.write(&self.file, job).await.map_err(query_error)
            }
            Route::Transaction(open) => self.run_in(open, job).await,
        };
        match outcome {
            Err(QueryError::Database(_)) => self.explained(outcome).await,
            told => told,
        }
    }

    /// The outcome of an operation that failed as if a table or a column were another one: it may have met data that was
    /// migrated a moment ago.
    async fn explained<T>(&self, outcome: Result<T, QueryError>) -> Result<T, QueryError> {
        self.gate.look_again().await?;
        outcome
    }

    async fn run_in<T: Send + 'static>(
        &self,
        open: &Weak<Open>,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, QueryError> {
        let open = open.upgrade().ok_or(QueryError::TransactionEnded)?;
        open.run(job).await
    }
}
