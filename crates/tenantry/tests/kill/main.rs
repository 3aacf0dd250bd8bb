//! kill -9 at every single change of a file: each change of the instance is then done, or never happened.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod alone;
#[path = "../../../db/tests/kill/harness.rs"]
mod harness;
mod process;

use process::Program;

const SERVER: Program = Program {
    path: env!("CARGO_BIN_EXE_tenantry"),
    variables: &[("DJANGO_SUPERUSER_PASSWORD", "Tenant-pass-1"), ("DB_LEGACY", "legacy.sqlite3")],
};
