//! The ready server: tenants with users, and no models but Tenantry's own. Its `demo` shows the notes example.

#[path = "../../../examples/notes/src/notes.rs"]
mod notes;

use std::process::ExitCode;

use axum::response::Redirect;
use axum::routing::get;
use axum::{Extension, Router};
use tenantry::App;
use tenantry::web::http::{MountPath, favicon};

fn main() -> ExitCode {
    let routes = Router::new().route("/", get(to_admin)).route("/favicon.ico", get(favicon));
    App::new("tenantry").routes(routes).demo(notes::app()).run()
}

/// A tenant's site is nothing but its admin here.
async fn to_admin(Extension(mount): Extension<MountPath>) -> Redirect {
    Redirect::to(&format!("{}/admin/", mount.as_str()))
}
