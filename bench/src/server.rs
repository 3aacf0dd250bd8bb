//! One side of the benchmark as a running process: where it listens, what it has used, and its end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::header::HOST;
use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};

use crate::Fault;
use crate::data::{Data, program, programs};

/// A running server. Dropped, it is ended.
pub(crate) struct Server {
    process: Child,
    /// `http://ADDRESS:PORT`
    address: String,
}

/// Which of the two sides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Tenantry, a file for each tenant.
    Tenants,
    /// One file, no tenancy.
    Ceiling,
}

impl Side {
    /// The command that serves it.
    pub(crate) fn command(self, data: &Data) -> Result<Command, Fault> {
        match self {
            Self::Tenants => {
                let mut command = program(data.tenants());
                command.arg("serve");
                Ok(command)
            }
            Self::Ceiling => {
                let mut command = Command::new(programs()?.join("bench-ceiling"));
                command.env_clear().env("BENCH_CEILING", data.file());
                Ok(command)
            }
        }
    }
}

impl Server {
    /// Starts a server, which says in its first line where it listens.
    pub(crate) fn start(mut command: Command) -> Result<Self, Fault> {
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut said = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut said)?;
        }
        let address = said.split_whitespace().find(|word| word.starts_with("http://")).unwrap_or_default();
        let server = Self { process, address: address.trim_end_matches('/').to_owned() };
        if server.address.is_empty() {
            Err(format!("{command:?} did not start: {said}").into())
        } else {
            Ok(server)
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks once for the notes of the tenant at `host`, and takes the whole answer.
    pub(crate) async fn ask(&self, client: &Client, host: &str) -> Result<(), Fault> {
        let answer = client.get(format!("{}/notes", self.address)).header(HOST, host).send().await?;
        let status = answer.status();
        answer.bytes().await?;
        if status == StatusCode::OK { Ok(()) } else { Err(format!("{host} answered {status}").into()) }
    }

    /// The processor time that it has used so far, in the program and in the system.
    pub(crate) fn cpu(&self) -> Result<Duration, Fault> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        // The name, in parentheses, may hold anything; behind it the fields are numbers, the state first.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let times = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        let ticks = times.sum::<Result<u32, _>>()?;
        Ok(Duration::from_secs(ticks.into()) / u32::try_from(rustix::param::clock_ticks_per_second())?)
    }

    /// Its threads, and the most memory that it has had, in MiB.
    pub(crate) fn size(&self) -> Result<(u64, u64), Fault> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.split_whitespace().next()?.parse::<u64>().ok())
        };
        let missing = || format!("the system does not say how large process {} is", self.process.id());
        Ok(field("Threads:").zip(field("VmHWM:").map(|kibibytes| kibibytes / 1_024)).ok_or_else(missing)?)
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), Fault> {
        self.terminate()?;
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("a server ended with {status}").into()) }
    }

    fn terminate(&self) -> Result<(), Fault> {
        let pid = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw).ok_or("not a process id")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already where it was stopped, or has failed: then there is nothing to end.
        if let Ok(None) = self.process.try_wait() {
            let _ = self.terminate();
            let _ = self.process.wait();
        }
    }
}

/// The command, run under callgrind, which counts into `counts`.
pub(crate) fn under_callgrind(command: &Command, counts: &Path) -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg("--quiet");
    valgrind.arg(format!("--callgrind-out-file={}", counts.display()));
    valgrind.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        valgrind.current_dir(folder);
    }
    valgrind.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    valgrind
}
