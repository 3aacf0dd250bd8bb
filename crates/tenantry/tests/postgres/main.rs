//! The ready server with tenants on PostgreSQL servers: commands, requests, servers that go away, processes that are
//! killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod adopting;
mod checking;
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod fleet;
mod killed;
mod metrics;
mod place;
mod preparing;
mod proxy;
mod serving;
mod sharing;
mod vacuum;
