//! One PostgreSQL server of a test run: made, started on a free port, stopped and removed.

use std::fmt::Write;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;
use std::{fs, thread};

use tempfile::TempDir;

use super::binaries::Binaries;
use crate::tools::{is_installed, is_root, output, run, succeeds};

/// The administrator's name.
const ADMINISTRATOR: &str = "administrator";

/// How long a server may take to start: some hundred times what it takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the server says once it takes connections.
const READY: &str = "database system is ready to accept connections";

/// What makes a server that lives for some minutes fast. Its data need not survive the machine.
const SETTINGS: [&str; 6] = [
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    "max_connections=100",
    "unix_socket_directories=",
    "max_locks_per_transaction=256",
];

/// A running server. Dropped, it is stopped and its data is removed.
pub(super) struct Cluster {
    version: u32,
    url: String,
    process: Child,
    /// Removed after the process has ended.
    _data: TempDir,
}

impl Cluster {
    /// Makes a cluster and starts its server.
    ///
    /// # Errors
    /// Raised when it can't be made, or does not start.
    pub(super) fn start(binaries: &Binaries) -> Result<Self, String> {
        let account = Account::for_server()?;
        let data = tempfile::Builder::new().prefix("tenantry-postgres-").tempdir();
        let data = data.map_err(|cause| format!("can't make a folder for PostgreSQL: {cause}"))?;
        let password = random_password()?;
        let secret = data.path().join("password");
        fs::write(&secret, &password)
            .map_err(|cause| format!("can't write {}: {cause}", secret.display()))?;
        account.give(data.path())?;
        let cluster = data.path().join("cluster");
        let mut initdb = account.command(&binaries.program("initdb"));
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
        let mut server = account.command(&binaries.program("postgres"));
        server.arg("-D").arg(&cluster).args(["-p", &port.to_string()]);
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        let process = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let process =
            process.map_err(|cause| format!("can't start PostgreSQL {}: {cause}", binaries.version))?;
        let url = format!("postgres://{ADMINISTRATOR}:{password}@127.0.0.1:{port}/postgres");
        let mut cluster = Self { version: binaries.version, url, process, _data: data };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    pub(super) fn version(&self) -> u32 {
        self.version
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let log = self.process.stderr.take().ok_or("PostgreSQL has no log")?;
        let (ready, is_ready) = mpsc::channel();
        thread::spawn(move || drain(log, &ready));
        match is_ready.recv_timeout(PATIENCE) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(said)) => Err(format!("PostgreSQL {} did not start:\n{said}", self.version)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(format!("PostgreSQL {} did not start in {} s", self.version, PATIENCE.as_secs()))
            }
        }
    }
}

impl Drop for Cluster {
    /// Ends the server at once. Its processes notice that the first of them is gone, and end too.
    fn drop(&mut self) {
        // SIGQUIT is PostgreSQL's immediate shutdown, in which it ends its own processes.
        succeeds(Command::new("kill").args(["-QUIT", &self.process.id().to_string()]));
        if let Err(cause) = self.process.wait() {
            eprintln!("PostgreSQL {} can't be waited for: {cause}", self.version);
        }
    }
}

/// Reads the log to its end, so that the server never waits for it; says when the server is ready, or what it said
/// when it ended before.
fn drain(log: ChildStderr, ready: &Sender<Result<(), String>>) {
    let mut log = BufReader::new(log);
    let mut said = String::new();
    let mut line = String::new();
    while log.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        if line.contains(READY) {
            // Who asked may have lost patience.
            let _ = ready.send(Ok(()));
            let _ = std::io::copy(&mut log, &mut std::io::sink());
            return;
        }
        said.push_str(&std::mem::take(&mut line));
    }
    let _ = ready.send(Err(said));
}

/// Whose name a server runs under: PostgreSQL refuses root's.
struct Account(Option<&'static str>);

impl Account {
    fn for_server() -> Result<Self, String> {
        if !is_root() {
            return Ok(Self(None));
        }
        let known = |name: &&str| succeeds(Command::new("id").arg(name));
        let name = ["postgres", "nobody"].into_iter().find(known);
        name.map(|name| Self(Some(name))).ok_or_else(|| "there is no account for PostgreSQL".to_owned())
    }

    /// Gives the account a folder with what is in it.
    fn give(&self, folder: &Path) -> Result<(), String> {
        match self.0 {
            Some(name) => run(Command::new("chown").args(["-R", name]).arg(folder)),
            None => Ok(()),
        }
    }

    /// The program under the account's name. It ends with this process, however that ends.
    fn command(&self, program: &Path) -> Command {
        if !is_installed("setpriv") {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if let Some(name) = self.0 {
            command.args(["--reuid", name, "--clear-groups"]);
        }
        command.arg(program);
        command
    }
}

/// A port that nobody has just now. Someone may take it before the server does: then the server says so and ends.
fn free_port() -> Result<u16, String> {
    let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|cause| format!("there is no free port: {cause}"))
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
