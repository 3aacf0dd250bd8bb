//! SQLite: one file for each tenant, opened when asked for, closed when it is the least used.
//!
//! A read that takes no more than a *glance*, as nearly all do, runs on the thread that asks for it, if the file is open
//! and nothing waits for it: the way to another thread and back costs more than the read. What outlives a glance is
//! stopped and starts anew in the queue; where it happened more than once of late, reads do not try. A step over a large
//! value can't be stopped, so that a read of some may take longer than a glance, once or twice.
//!
//! Other work for a file waits in that file's *lane*. A few threads take turns over the lanes, so that a tenant with much
//! to do waits for itself and not others for it:
//!
//! - A read needs one of as many *slots* as the machine has cores. A read that outlives its slice goes on, or runs again,
//!   at a slower *pace*, which has slots of its own: slow reports of any number of tenants stall no quick read, and a
//!   tenant's own not even its own (`pace.rs` has the reasons).
//! - A write waits for the disk rather than for a core, so it needs no slot; each file has one writer. A few writes share
//!   a thread while the disk is quick.
//! - So many jobs may wait in a lane and no more: a flood on one tenant is refused and is that tenant's alone.
//! - Open files live within a budget of descriptors. The least used is closed for the next; one in use never is.

mod clock;
mod connection;
#[cfg(feature = "testkit")]
pub(crate) mod count;
mod error;
mod file;
mod lane;
mod lease;
mod pace;
mod pool;
mod read;
mod schedule;
#[cfg(test)]
mod tests;
mod threads;
mod worker;

pub(crate) use connection::{is_full, is_sqlite, open_exclusively, settle, write_back};
pub(crate) use error::EngineError;
pub(crate) use file::{
    DataFile, FileLock, LockError, PARTIAL, beside, create_new_private, create_private, parts,
    remove_database,
};
pub(crate) use lease::Lease;
pub use pool::{FileStats, Synchronous};
pub(crate) use pool::{Pool, PoolConfig};
