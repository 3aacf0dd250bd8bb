//! HTTP: the accept loop, and the way from a request's bytes to a tenant, in layers that also stand alone.
//!
//! [`Edge`] puts the layers in their order. From the outside in: [`RequestIdLayer`], [`SecurityHeadersLayer`], the panic
//! catcher, [`HeadLimitLayer`], the public routes (`/healthz`, `/readyz`, the style sheet and the like), [`HostLayer`], [`BodyLimitsLayer`],
//! [`DeadlineLayer`], [`TenantLayer`].

mod accept;
mod assets;
mod claims;
mod connection;
mod count;
mod deadline;
mod edge;
mod error;
mod head;
mod health;
mod host;
mod instance_routes;
mod layered;
mod limits;
mod metrics;
mod origin;
mod proxies;
mod request_id;
mod same_origin;
mod security;
mod serve;
mod tenant;

pub(crate) use accept::{Chosen, choose};
pub(crate) use assets::{ADMIN_SCRIPT, ADMIN_STYLE, HTMX, ICON, OPTIONS_SCRIPT, STYLE};
pub use assets::{STYLE_SHEET, favicon};
pub use claims::{PathPrefix, PathPrefixError, Resolvers};
pub use count::{RequestCountLayer, RequestCounts};
pub use deadline::DeadlineLayer;
pub use edge::Edge;
pub use error::{Failure, Refusal};
pub use head::HeadLimitLayer;
pub use host::{ClientAddress, HostLayer, HostRules};
pub use instance_routes::InstanceRoutes;
pub use layered::Layered;
pub use limits::{BodyLimitsLayer, Limits};
pub use metrics::metrics;
pub use origin::{Origin, Scheme};
pub use proxies::{TrustedProxies, TrustedProxiesError};
pub use request_id::{REQUEST_ID, RequestId, RequestIdLayer};
pub use same_origin::{CrossSite, Evidence, evidence, same_origin};
pub use security::SecurityHeadersLayer;
pub use serve::{InFlight, ServeError, Site, Stopped, listen, serve};
pub use tenant::{MountPath, TenantLayer};
