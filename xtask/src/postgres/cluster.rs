//! One PostgreSQL server of a test run: made, started on a free port, stopped and removed.

use std::fmt::Write;
use std::fs;
use std::io::Read;

use tempfile::TempDir;

use super::account::Account;
use super::binaries::Binaries;
use super::process::{Process, free_port};
use crate::tools::output;

/// The administrator's name.
pub(super) const ADMINISTRATOR: &str = "administrator";

/// What the server says once it takes connections.
const READY: &str = "database system is ready to accept connections";

/// PostgreSQL's immediate shutdown: the first of its processes ends the others.
const END: &str = "-QUIT";

/// What makes a server that lives for some minutes fast. Its data need not survive the machine.
const SETTINGS: [&str; 5] = [
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_locks_per_transaction=256",
];

/// A running server. Dropped, it is stopped and its data is removed.
pub(super) struct Cluster {
    version: u32,
    password: String,
    port: u16,
    url: String,
    /// Ended before its data is removed.
    _process: Process,
    _data: TempDir,
}

impl Cluster {
    /// Makes a cluster and starts its server, with so many connections.
    ///
    /// # Errors
    /// Raised when it can't be made, or does not start.
    pub(super) fn start(binaries: &Binaries, connections: u16) -> Result<Self, String> {
        let account = Account::for_server()?;
        let data = tempfile::Builder::new().prefix("tenantry-postgres-").tempdir();
        let data = data.map_err(|cause| format!("can't make a folder for PostgreSQL: {cause}"))?;
        let password = random_password()?;
        let secret = data.path().join("password");
        fs::write(&secret, &password)
            .map_err(|cause| format!("can't write {}: {cause}", secret.display()))?;
        account.give(data.path())?;
        let cluster = data.path().join("cluster");
        let mut initdb = account.command(&binaries.program("initdb"), "INT");
        initdb
            .args([
                "--no-sync",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--username",
                ADMINISTRATOR,
            ])
            .arg("--pwfile")
            .arg(&secret)
            .arg("--pgdata")
            .arg(&cluster);
        output(&mut initdb)?;
        let port = free_port()?;
        let mut server = account.command(&binaries.program("postgres"), "INT");
        server.arg("-D").arg(&cluster).args(["-p", &port.to_string()]);
        server.args(["-c", &format!("max_connections={connections}")]);
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        let process = Process::start(&mut server, format!("PostgreSQL {}", binaries.version), READY, END)?;
        let url = format!("postgres://{ADMINISTRATOR}:{password}@127.0.0.1:{port}/postgres");
        Ok(Self { version: binaries.version, password, port, url, _process: process, _data: data })
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The administrator's password.
    pub(super) fn password(&self) -> &str {
        &self.password
    }
}

fn random_password() -> Result<String, String> {
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    read.map_err(|cause| format!("the system gives no random numbers: {cause}"))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
