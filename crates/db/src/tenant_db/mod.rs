//! The only door to a tenant's data.

mod gate;
mod postgres;
mod postgres_error;
mod query;
mod raw;
mod retry;
mod sqlite;
mod sqlite_error;
mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod write;

use std::sync::{Arc, Weak};

use tenantry_core::Tenant;

use crate::model::{Dialect, Model, ModelMeta, QueryError, Row};

pub(crate) use gate::Gate;
pub use query::Query;
pub(crate) use sqlite_error::query_error;
pub(crate) use store::{Begun, Store};
use transaction::Open;

/// The only door to a tenant's data, made only from a resolved, active tenant. Cheap to clone; it can't be re-bound
/// to another tenant.
#[derive(Clone, Debug)]
pub struct TenantDb {
    tenant: Tenant,
    store: Store,
    gate: Arc<Gate>,
    /// The transaction in which all operations run; `None`: each runs in one of its own. Weak: a transaction ends with
    /// the future that began it, whoever holds a clone.
    transaction: Option<Weak<Open>>,
}

impl TenantDb {
    /// The door to `store`, which holds the data of `tenant`, behind `gate`.
    pub(crate) fn new(tenant: Tenant, store: Store, gate: Arc<Gate>) -> Self {
        Self { tenant, store, gate, transaction: None }
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
    /// What was applied stands beside the data, which is asked at the first use, after each change of the tenant that the
    /// directory hears of, and when a second has passed; a write to a SQLite file asks in its own transaction too.
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

    /// For which database, and for what of it, statements are made.
    fn dialect(&self) -> Dialect<'_> {
        self.store.dialect()
    }
}
