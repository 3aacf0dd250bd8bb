//! The only door to a tenant's data.

use std::sync::Arc;

use tenantry_core::Tenant;

use crate::sqlite::{DataFile, Lease, Pool};

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
    /// All in the one that is open.
    Transaction(Arc<Lease>),
}

impl TenantDb {
    /// The tenant whose data this is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }
}
