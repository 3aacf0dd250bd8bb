//! The ceiling: the notes example's handlers on one SQLite file or one PostgreSQL database, with no tenancy at all.
//!
//! Accept loop, request id, security headers, limits and deadline are Tenantry's own, so that the difference between
//! the two sides is what tenancy costs. All else is what one would write for speed.
//!
//! For comparison it also serves a database for each host, by nothing but a connection to each.

#![allow(
    clippy::disallowed_macros,
    reason = "there is no tenant here: a connection for each thread is a ceiling's own"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever started it reads its address there, and why it stopped"
)]

mod databases;
mod file;
mod note;
mod server;
mod serving;
mod store;

use std::ffi::OsStr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use tenantry::web::http::Failure;

use crate::note::{NewNote, Note};
use crate::store::Store;

#[tokio::main]
async fn main() -> ExitCode {
    // A URL has a password in it, which is nothing for an argument.
    #[expect(clippy::disallowed_methods, reason = "what this program is told")]
    let [place, databases] = ["BENCH_CEILING", "BENCH_DATABASES"].map(std::env::var_os);
    let ran = match (place, databases) {
        (Some(place), None) => run(&place).await,
        (None, Some(databases)) => run_databases(&databases).await,
        _ => {
            eprintln!(
                "BENCH_CEILING names no file, and no database by a URL; nor does BENCH_DATABASES several"
            );
            return ExitCode::from(2);
        }
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(place: &OsStr) -> Result<(), Box<dyn std::error::Error>> {
    let store = Arc::new(Store::open(place).await?);
    let routes =
        Router::new().route("/notes", get(list).post(add)).route("/notes/{id}", get(show)).with_state(store);
    serving::run(routes).await
}

async fn run_databases(databases: &OsStr) -> Result<(), Box<dyn std::error::Error>> {
    serving::run(databases::routes(databases.to_str().ok_or("a URL is text")?).await?).await
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
