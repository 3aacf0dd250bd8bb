//! What a load balancer asks: whether the process lives, and whether it can serve.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tenantry_db::Instance;

use super::InstanceRoutes;
use super::error::Refusal;

/// `/healthz` and `/readyz`. They precede the check of the host: a load balancer asks by address.
pub(super) fn routes(instance: Instance) -> InstanceRoutes {
    let ready = get(ready).with_state(instance);
    InstanceRoutes::new().route("/healthz", get(async || "ok\n")).route("/readyz", ready)
}

/// 200 while it is known whom to serve, 503 otherwise. It asks no database: nobody can flood one with it.
async fn ready(State(instance): State<Instance>) -> Response {
    match instance.directory().check() {
        Ok(()) => "ready\n".into_response(),
        Err(error) => Refusal::caused_by(StatusCode::SERVICE_UNAVAILABLE, error).into_response(),
    }
}
