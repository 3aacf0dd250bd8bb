//! The tests of instances that are about the directory, with the directory on a PostgreSQL server: the same bodies.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod common;
#[path = "../instance/creating.rs"]
mod creating;
#[path = "../instance/faults.rs"]
mod faults;
mod lost_end;
#[path = "../instance/out_of_sight.rs"]
mod out_of_sight;
mod server;
mod sharing;
#[path = "../instance/statuses.rs"]
mod statuses;
#[path = "../instance/two_processes.rs"]
mod two_processes;
