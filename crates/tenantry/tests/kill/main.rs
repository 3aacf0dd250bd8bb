//! kill -9 at every single change of a file: each change of the instance is then done, or never happened.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod alone;
mod beside;
#[path = "../../../db/tests/kill/durable.rs"]
mod durability;
mod durable;
#[path = "../../../db/tests/kill/harness.rs"]
mod harness;
mod process;
#[path = "../common/server.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod server;

use process::Program;

const SERVER: Program = Program {
    path: env!("CARGO_BIN_EXE_tenantry"),
    variables: &[("DJANGO_SUPERUSER_PASSWORD", "Tenant-pass-1"), ("DB_LEGACY", "legacy.sqlite3")],
};
