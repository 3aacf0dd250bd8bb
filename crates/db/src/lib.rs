//! Tenantry's data layer: models, migrations, the directory, and [`TenantDb`], the only door to a tenant's data.

pub mod directory;
#[cfg(feature = "axum")]
mod extract;
mod instance;
pub mod lifecycle;
pub mod migrate;
pub mod model;
mod places;
mod postgres;
pub mod servers;
mod sqlite;
mod tenant_db;

pub use instance::{Instance, InstanceConfig, OpenError, Role, ServerTrouble, Stats};
pub use places::{Exposed, Location, PlaceError, PostgresServer, UnknownPlace};
pub use postgres::{PostgresUrl, PostgresUrlError, ServerStats};
pub use sqlite::{FileStats, Synchronous};
pub use tenant_db::{Query, TenantDb};

/// What only tests need.
#[cfg(feature = "testkit")]
pub mod testkit {
    pub use crate::sqlite::count::{Counted, counted};
}
