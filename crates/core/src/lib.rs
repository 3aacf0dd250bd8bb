//! Tenantry's vocabulary as types: each is made by parsing, and once made is right.
//!
//! A value moves one way, and each step needs the type that the step before it made:
//! [`HostName`] (canonical) → [`TenantKey`] (a claim) → [`Tenant`] (active). What follows, the door to a tenant's
//! data, is in `tenantry-db`. Nothing here does I/O.

mod alias;
#[cfg(feature = "axum")]
mod extract;
mod host;
mod host_pattern;
mod name;
mod placement;
mod slug;
mod status;
mod tenant;
mod text;

pub use alias::{Alias, AliasError};
pub use host::{HostError, HostName};
pub use host_pattern::{HostPattern, HostPatternError};
pub use name::{TenantName, TenantNameError};
pub use placement::{
    Isolation, IsolationError, OpaqueName, OpaqueNameError, Placement, RowKey, SchemaName, SchemaNameError,
};
pub use slug::{Slug, SlugError};
pub use status::{Restored, Status, StatusError, Transition, TransitionError};
pub use tenant::{NotServing, Tenant, TenantId, TenantKey, TenantRecord};
