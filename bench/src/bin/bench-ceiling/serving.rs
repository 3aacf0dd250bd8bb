//! The HTTP around the handlers that Tenantry's are compared with: its own accept loop and layers, without its tenancy.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use tenantry::web::http::{
    BodyLimitsLayer, DeadlineLayer, Limits, RequestIdLayer, SecurityHeadersLayer, TrustedProxies, listen,
    serve,
};
use tokio::signal::unix::{SignalKind, signal};
use tower::util::MapResponseLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Serves on a free port, which the first line says, until the process is told to end.
pub(crate) async fn run(routes: Router) -> Result<(), Box<dyn Error>> {
    // As Tenantry's own log with LOG_LEVEL=warn, which the other side runs with.
    let warnings = Targets::new().with_default(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(warnings).with(lines).try_init()?;
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let mut terminate = signal(SignalKind::terminate())?;
    println!("serving on http://{}/", listener.local_addr()?);
    let limits = Limits::default();
    serve(listener, around(routes, &limits), limits, async move {
        terminate.recv().await;
    })
    .await;
    Ok(())
}

fn around(routes: Router, limits: &Limits) -> Router {
    routes
        .layer((BodyLimitsLayer::new(limits), DeadlineLayer::new(limits), DefaultBodyLimit::disable()))
        .layer((
            RequestIdLayer::new(TrustedProxies::default()),
            SecurityHeadersLayer::new(Duration::ZERO),
            MapResponseLayer::new(IntoResponse::into_response),
            CatchPanicLayer::new(),
        ))
}
