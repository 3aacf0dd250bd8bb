//! Tenantry's side of the benchmark: the notes example as it is, with one route more, a slow report.

#[path = "../../../examples/notes/src/notes.rs"]
mod notes;

use std::process::ExitCode;

use axum::routing::get;
use axum::{Json, Router};
use tenantry::prelude::*;

fn main() -> ExitCode {
    notes::app().routes(Router::new().route("/report", get(report))).run()
}

/// `GET /report`: looks through every note of the tenant for a word that is in none.
async fn report(db: TenantDb) -> Result<Json<usize>, Failure> {
    let sql = "SELECT id FROM notes_note WHERE instr(body, ?) > 0";
    Ok(Json(db.raw(sql, vec!["in none".into()]).await?.len()))
}
