//! An application made with Tenantry: notes, a list of its own for each tenant, and the whole command line.

mod notes;

use std::process::ExitCode;

fn main() -> ExitCode {
    notes::app().run()
}
