//! A door to a tenant's data comes from `Instance::tenant_db` alone: it can't be made up, turned to another tenant, or
//! reached past, and neither can the names that lead to it.

use std::sync::Arc;

use tenantry_core::{HostName, OpaqueName, Slug, Tenant, TenantId, TenantRecord};
use tenantry_db::directory::Directory;
use tenantry_db::postgres::Door;
use tenantry_db::sqlite::Pool;
use tenantry_db::{Instance, TenantDb};

fn made_up(record: Arc<TenantRecord>) -> (Tenant, Slug, HostName, OpaqueName, TenantId) {
    (Tenant(record), Slug("x".into()), HostName("x".into()), OpaqueName("x".into()), TenantId(1))
}

fn turned(mut mine: TenantDb, theirs: TenantDb, tenant: Tenant) -> TenantDb {
    mine.tenant = tenant;
    mine.store = theirs.store;
    TenantDb { ..mine }
}

fn made(tenant: Tenant, inner: TenantDb) {
    TenantDb::new(tenant, inner.store.clone(), inner.gate.clone());
}

fn opened() {
    Directory::open(panic!(), "me", |_| {});
}

fn reached(instance: Instance) {
    instance.0.pool;
}

fn main() {}
