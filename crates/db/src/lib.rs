//! Tenantry's data layer: models, migrations, the directory, and [`TenantDb`], the only door to a tenant's data.

pub mod directory;
#[cfg(feature = "axum")]
mod extract;
pub mod migrate;
pub mod model;
mod sqlite;
mod tenant_db;

pub use tenant_db::TenantDb;
