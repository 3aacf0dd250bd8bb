//! What of the directory this process goes by, in figures.

use std::time::Duration;

use super::Directory;

/// What of the directory a process goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectoryStats {
    /// The number of the last change that this process has read.
    pub generation: i64,
    /// For how long it has not been known whether there is a newer one.
    pub unseen: Duration,
    /// Tenants whose entries can be read, in any status.
    pub tenants: usize,
    /// Tenants whose entries can't.
    pub unreadable: usize,
}

impl Directory {
    /// What this process goes by, in figures.
    pub(crate) fn stats(&self) -> DirectoryStats {
        let unseen = self.memory.unseen();
        let index = self.memory.read();
        DirectoryStats {
            generation: index.generations.generation,
            unseen,
            tenants: index.records().count(),
            unreadable: index.unreadable().count(),
        }
    }
}
