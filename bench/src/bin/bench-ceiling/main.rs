//! The ceiling: the notes example's handlers on one SQLite file or one PostgreSQL database, with no tenancy at all.
//!
//! Accept loop, request id, security headers, limits and deadline are Tenantry's own, so that the difference between
//! the two sides is what tenancy costs. All else is what one would write for speed.

#![allow(
    clippy::disallowed_macros,
    reason = "there is no tenant here: a connection for each thread is a ceiling's own"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever started it reads its address there, and why it stopped"
)]

mod file;
mod note;
mod server;
mod store;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use tenantry::web::http::{
    BodyLimitsLayer, DeadlineLayer, Failure, Limits, RequestIdLayer, SecurityHeadersLayer, TrustedProxies,
    listen, serve,
};
use tokio::signal::unix::{SignalKind, signal};
use tower::util::MapResponseLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::note::{NewNote, Note};
use crate::store::Store;

#[tokio::main]
async fn main() -> ExitCode {
    // A URL has a password in it, which is nothing for an argument.
    #[expect(clippy::disallowed_methods, reason = "the one thing that this program is told")]
    let Some(place) = std::env::var_os("BENCH_CEILING") else {
        eprintln!("BENCH_CEILING names no file, and no database by a URL");
        return ExitCode::from(2);
    };
    match run(&place).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(place: &OsStr) -> Result<(), Box<dyn std::error::Error>> {
    // As Tenantry's own log with LOG_LEVEL=warn, which the other side runs with.
    let warnings = Targets::new().with_default(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(warnings).with(lines).try_init()?;
    let store = Arc::new(Store::open(place).await?);
    let listener = listen(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let mut terminate = signal(SignalKind::terminate())?;
    println!("serving one database on http://{}/", listener.local_addr()?);
    let limits = Limits::default();
    serve(listener, site(store, &limits), limits, async move {
        terminate.recv().await;
    })
    .await;
    Ok(())
}

fn site(store: Arc<Store>, limits: &Limits) -> Router {
    Router::new()
        .route("/notes", get(list).post(add))
        .route("/notes/{id}", get(show))
        .with_state(store)
        .layer((BodyLimitsLayer::new(limits), DeadlineLayer::new(limits), DefaultBodyLimit::disable()))
        .layer((
            RequestIdLayer::new(TrustedProxies::default()),
            SecurityHeadersLayer::new(Duration::ZERO),
            MapResponseLayer::new(IntoResponse::into_response),
            CatchPanicLayer::new(),
        ))
}

/// `GET /notes`: the 20 newest.
async fn list(State(store): State<Arc<Store>>) -> Result<Json<Vec<Note>>, Failure> {
    Ok(Json(store.newest().await?))
}

/// `POST /notes` adds one.
async fn add(
    State(store): State<Arc<Store>>,
    Json(new): Json<NewNote>,
) -> Result<(StatusCode, Json<Note>), Failure> {
    Ok((StatusCode::CREATED, Json(store.insert(new).await?)))
}

/// `GET /notes/{id}`.
async fn show(State(store): State<Arc<Store>>, Path(id): Path<i64>) -> Result<Json<Note>, Failure> {
    Ok(Json(store.find(id).await?))
}
