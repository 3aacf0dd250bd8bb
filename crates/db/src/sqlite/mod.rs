//! SQLite: one file for each tenant, opened when asked for, closed when the least used.

mod pool;

pub(crate) use pool::{DataFile, EngineError, Lease, Pool};
