//! What an instance holds just now, and has done since its process's start.

use std::sync::atomic::Ordering;

use tenantry_core::Alias;

use super::Instance;
use crate::directory::DirectoryStats;
use crate::postgres::ServerStats;
use crate::sqlite::FileStats;

/// What an instance holds just now, and has done since its process's start. Nothing in it is about one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tenants' SQLite files.
    pub files: FileStats,
    /// Each PostgreSQL server, by alias, and by the role whose connections they are.
    pub servers: Vec<(Alias, Role, ServerStats)>,
    /// Operations on tenants' data whose caller went away before they ended, since the start.
    pub dropped_operations: u64,
    /// What of the directory this process goes by.
    pub directory: DirectoryStats,
}

/// Which of a server's two roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one that serves.
    Serving,
    /// The one that owns and migrates the tables, where it is another.
    Owning,
}

impl Instance {
    /// What the instance holds just now, and has done since its process's start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let pool = self.0.pool.stats();
        let mut servers = Vec::new();
        for (alias, roles) in &self.0.servers {
            servers.push((alias.clone(), Role::Serving, roles.serving.stats()));
            if roles.own_owner() {
                servers.push((alias.clone(), Role::Owning, roles.owning.stats()));
            }
        }
        Stats {
            files: pool.files,
            servers,
            dropped_operations: pool.dropped + self.0.dropped.load(Ordering::Relaxed),
            directory: self.0.directory.stats(),
        }
    }
}
