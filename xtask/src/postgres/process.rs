//! A server of a test run as a process: ready when it says so, ended with the run.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::tools::succeeds;

/// How long a server may take to start: some hundred times what it takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server. Dropped, it is ended.
pub(super) struct Process {
    name: String,
    /// The signal that ends it at once.
    end: &'static str,
    child: Child,
}

impl Process {
    /// Starts the server and waits until a line of its log has `ready` in it.
    ///
    /// # Errors
    /// Raised when it can't be started, or ends before.
    pub(super) fn start(
        command: &mut Command,
        name: String,
        ready: &'static str,
        end: &'static str,
    ) -> Result<Self, String> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let child = child.map_err(|cause| format!("can't start {name}: {cause}"))?;
        let mut process = Self { name, end, child };
        process.wait_until(ready)?;
        Ok(process)
    }

    fn wait_until(&mut self, ready: &'static str) -> Result<(), String> {
        let name = &self.name;
        let log = self.child.stderr.take().ok_or_else(|| format!("{name} has no log"))?;
        let (told, is_ready) = mpsc::channel();
        thread::spawn(move || drain(log, ready, &told));
        match is_ready.recv_timeout(PATIENCE) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(said)) => Err(format!("{name} did not start:\n{said}")),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(format!("{name} did not start in {} s", PATIENCE.as_secs()))
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        succeeds(Command::new("kill").args([self.end, &self.child.id().to_string()]));
        if let Err(cause) = self.child.wait() {
            eprintln!("{} can't be waited for: {cause}", self.name);
        }
    }
}

/// Reads the log to its end, so that the server never waits for it; says when the server is ready, or what it said
/// when it ended before.
fn drain(log: ChildStderr, ready: &str, told: &Sender<Result<(), String>>) {
    let mut log = BufReader::new(log);
    let mut said = String::new();
    let mut line = String::new();
    while log.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        if line.contains(ready) {
            // Who asked may have lost patience.
            let _ = told.send(Ok(()));
            let _ = std::io::copy(&mut log, &mut std::io::sink());
            return;
        }
        said.push_str(&std::mem::take(&mut line));
    }
    let _ = told.send(Err(said));
}

/// A port that nobody has just now. Someone may take it before the server does: then the server says so and ends.
pub(super) fn free_port() -> Result<u16, String> {
    let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    address.map(|address| address.port()).map_err(|cause| format!("there is no free port: {cause}"))
}
