//! Tenants on a PostgreSQL server: the same application, the same promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod audit;
mod claiming;
#[path = "../instance/common.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod common;
mod expressions;
mod living;
mod rows;
mod server;
mod steps;
mod templates;
