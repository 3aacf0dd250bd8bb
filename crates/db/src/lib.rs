//! Tenantry's data layer: models, migrations, the directory, and [`TenantDb`], the only door to a tenant's data.

#[cfg(feature = "axum")]
mod extract;
pub mod model;
mod sqlite;
mod tenant_db;

pub use tenant_db::{Query, TenantDb};
