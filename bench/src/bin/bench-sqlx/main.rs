//! What a skilled user writes with sqlx: a schema for each tenant by `SET search_path`, or shared rows by a policy.
//!
//! It is here to be compared with, and nothing to copy: the first way leaves a tenant's setting on a connection that goes
//! back to the pool, and is right only as long as nobody forgets to set it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever started it reads its address there, and why it stopped"
)]

mod note;
#[path = "../bench-ceiling/serving.rs"]
mod serving;

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use sqlx_core::query_as::query_as;
use sqlx_postgres::{PgPool, PgPoolOptions};

use crate::note::Isolation;

/// As many as the ceiling has.
const CONNECTIONS: u32 = 8;

/// What all requests share.
struct Site {
    pool: PgPool,
    isolation: Isolation,
    /// By host, as it was at the start: a tenant's key, and its schema.
    tenants: HashMap<String, Tenant>,
}

struct Tenant {
    key: i64,
    schema: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a URL has a password in it, which is nothing for an argument"
    )]
    let [url, isolation] = ["BENCH_SQLX", "BENCH_SQLX_ISOLATION"].map(std::env::var);
    let isolation = isolation?.parse()?;
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(&url?).await?;
    let rows = query_as::<_, (String, i64, String)>("SELECT host, key, schema_name FROM public.tenant");
    let rows = rows.fetch_all(&pool).await?.into_iter();
    let tenants = rows.map(|(host, key, schema)| (host, Tenant { key, schema })).collect();
    let site = Arc::new(Site { pool, isolation, tenants });
    serving::run(Router::new().route("/notes", get(list)).with_state(site)).await
}

/// `GET /notes`: the 20 newest of the host's tenant.
async fn list(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let Some(tenant) = site.tenants.get(host) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let notes = match site.isolation {
        Isolation::Schema => note::in_schema(&site.pool, &tenant.schema).await,
        Isolation::Row => note::in_rows(&site.pool, tenant.key).await,
    };
    match notes {
        Ok(notes) => Json(notes).into_response(),
        Err(error) => {
            eprintln!("error: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
