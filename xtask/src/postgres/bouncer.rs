//! PgBouncer in front of a server of a test run: in transaction mode, with one connection to the server for each role and
//! database, so that whatever a test leaves on it, the next statement meets.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::account::Account;
use super::cluster::{ADMINISTRATOR, Cluster};
use super::process::{Process, free_port};
use crate::tools::{install, is_installed};

/// Where Debian has it, which is not on everyone's path.
const DEBIAN: &str = "/usr/sbin/pgbouncer";

/// What it says once it takes connections.
const READY: &str = "process up";

/// Its immediate shutdown.
const END: &str = "-TERM";

/// A running PgBouncer. Dropped, it is ended.
pub(super) struct Bouncer {
    version: u32,
    url: String,
    /// Ended before its folder is removed.
    _process: Process,
    _folder: TempDir,
}

impl Bouncer {
    /// Starts one in front of `cluster`.
    ///
    /// # Errors
    /// Raised when it is missing and can't be installed, or does not start.
    pub(super) fn start(cluster: &Cluster) -> Result<Self, String> {
        let program = program()?;
        let account = Account::for_server()?;
        let folder = tempfile::Builder::new().prefix("tenantry-pgbouncer-").tempdir();
        let folder = folder.map_err(|cause| format!("can't make a folder for PgBouncer: {cause}"))?;
        let (users, settings) = (folder.path().join("users"), folder.path().join("settings"));
        let (password, port) = (cluster.password(), free_port()?);
        write(&users, &format!("\"{ADMINISTRATOR}\" \"{password}\"\n"))?;
        write(&settings, &configuration(cluster.port(), port, &users))?;
        account.give(folder.path())?;
        let mut command = account.command(&program, "TERM");
        let version = cluster.version();
        let name = format!("PgBouncer before PostgreSQL {version}");
        let process = Process::start(command.arg(&settings), name, READY, END)?;
        let url = format!("postgres://{ADMINISTRATOR}:{password}@127.0.0.1:{port}/postgres");
        Ok(Self { version, url, _process: process, _folder: folder })
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

fn program() -> Result<PathBuf, String> {
    let find = || ["pgbouncer", DEBIAN].into_iter().find(|program| is_installed(program)).map(PathBuf::from);
    if let Some(found) = find() {
        return Ok(found);
    }
    install("pgbouncer", "PgBouncer")?;
    find().ok_or_else(|| "Debian's package pgbouncer has no program of that name".to_owned())
}

/// Roles and their verifiers are looked up on the server. What nobody uses any more is closed soon: each test has a database
/// of its own.
fn configuration(server: u16, port: u16, users: &Path) -> String {
    let users = users.display();
    format!(
        "[databases]\n\
         * = host=127.0.0.1 port={server} auth_user={ADMINISTRATOR}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = scram-sha-256\n\
         auth_file = {users}\n\
         pool_mode = transaction\n\
         default_pool_size = 1\n\
         max_client_conn = 1000\n\
         server_idle_timeout = 3\n"
    )
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|cause| format!("can't write {}: {cause}", path.display()))
}
