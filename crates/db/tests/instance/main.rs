//! Instances through their public door, on real files: tenants are made, changed, migrated, purged, and none ever
//! gets what is another's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

mod claiming;
mod common;
mod creating;
mod damaged;
mod doors;
mod faults;
mod migrating;
mod on_access;
mod opening;
mod out_of_sight;
mod purging;
mod raw_sql;
mod statuses;
mod two_processes;
mod unreadable;
mod versions;
