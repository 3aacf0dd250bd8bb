//! The ready server: tenants with users, and no models but Tenantry's own. Its `demo` shows the notes example.

#[path = "../../../examples/notes/src/notes.rs"]
mod notes;

use std::process::ExitCode;

use tenantry::App;

fn main() -> ExitCode {
    App::new("tenantry").demo(notes::app()).run()
}
