//! The only door to a tenant's data.

mod engine_error;
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
pub use query::Query;
use transaction::Open;

/// The only door to a tenant's data, made only from a resolved, active tenant. Cheap to clone; it can't be re-bound
/// to another tenant.
#[derive(Clone, Debug)]
pub struct TenantDb {
    tenant: Tenant,
    file: Arc<DataFile>,
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
    /// The door to `file`, which is the data of `tenant`.
    pub(crate) fn new(tenant: Tenant, file: Arc<DataFile>, pool: Pool) -> Self {
        Self { tenant, file, route: Route::Pool(pool) }
    }

    /// The tenant whose data this is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
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
        match &self.route {
            Route::Pool(pool) => pool.read(&self.file, job).await.map_err(query_error),
            Route::Transaction(open) => self.run_in(open, job).await,
        }
    }

    /// Runs a job that writes with one statement.
    async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, QueryError> {
        match &self.route {
            Route::Pool(pool) => pool.write(&self.file, job).await.map_err(query_error),
            Route::Transaction(open) => self.run_in(open, job).await,
        }
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
