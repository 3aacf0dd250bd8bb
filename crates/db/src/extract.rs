//! Lets an axum handler take a [`TenantDb`] as an argument: the trait's impl must stand beside the type.

use axum_core::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use crate::TenantDb;

/// What a client gets where a handler asks for a tenant's data and no layer has found a tenant: a fault of the
/// program, not of the request, so the text says nothing about tenants.
const NOT_UNDER_A_TENANT_LAYER: (StatusCode, &str) =
    (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");

impl<S: Send + Sync> FromRequestParts<S> for TenantDb {
    type Rejection = (StatusCode, &'static str);

    /// # Errors
    /// Raised when the route is not under a layer that resolves tenants.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(NOT_UNDER_A_TENANT_LAYER)
    }
}
