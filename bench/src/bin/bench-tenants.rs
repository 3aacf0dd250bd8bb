//! Tenantry's side of the benchmark: the application that is measured, with a slow report, and one migration more where that
//! is asked for.

#[path = "../notes.rs"]
mod notes;

use std::process::ExitCode;

use axum::routing::get;
use axum::{Json, Router};
use tenantry::db::migrate::Index;
use tenantry::prelude::*;

fn main() -> ExitCode {
    let app = notes::app().routes(Router::new().route("/report", get(report)));
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing for an argument: those are the program's own commands"
    )]
    let upgraded = std::env::var_os("BENCH_UPGRADED").is_some();
    if upgraded { app.migration(labels()).run() } else { app.run() }
}

/// The migration that a new version of the program brings.
fn labels() -> Migration {
    Migration::new("notes", "0002_labels")
        .add_column("notes_note", Column::varchar("label", 50).null())
        .create_index("notes_note", Index::on(["label"]))
}

/// `GET /report`: looks through every note of the tenant for a word that is in none.
async fn report(db: TenantDb) -> Result<Json<usize>, Failure> {
    let sql = "SELECT id FROM notes_note WHERE instr(body, ?) > 0";
    Ok(Json(db.raw(sql, vec!["in none".into()]).await?.len()))
}
