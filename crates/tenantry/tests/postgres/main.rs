//! The ready server with tenants on PostgreSQL servers: commands, requests, servers that go away, processes that are
//! killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../../../db/tests/columns/administrator.rs"]
#[allow(dead_code, reason = "the tests of other crates use more of it")]
mod administrator;
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
