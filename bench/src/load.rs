//! The load: wrk on 64 connections, closed loop, from the same machine.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use tempfile::NamedTempFile;

use crate::Fault;
use crate::data::{REPORTER, host_of};
use crate::server::Server;

const CONNECTIONS: usize = 64;

/// What wrk saw.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Seen {
    pub(crate) requests: u32,
    /// How long it took.
    pub(crate) microseconds: u32,
    /// Those of them that were not answered, or with another status than 2xx and 3xx.
    pub(crate) failed: u32,
    /// Half of the answers came within so many microseconds.
    pub(crate) p50: u32,
    /// And all but a hundredth of them within so many.
    pub(crate) p99: u32,
}

impl Seen {
    /// Requests in a second.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.requests) * 1e6 / f64::from(self.microseconds)
    }
}

/// Asks for the notes of so many tenants for some seconds; `writes` of a hundred requests add a note instead.
pub(crate) fn ask(server: &Server, seconds: u16, writes: u32, tenants: usize) -> Result<Seen, Fault> {
    let seen = press(server.address(), seconds, writes, tenants)?;
    match seen.failed {
        0 => Ok(seen),
        failed => Err(format!("{failed} of {} requests failed", seen.requests).into()),
    }
}

/// The same, whether requests fail or not.
pub(crate) fn press(address: &str, seconds: u16, writes: u32, tenants: usize) -> Result<Seen, Fault> {
    let script = script()?;
    let mut wrk = Command::new("wrk");
    wrk.arg(format!("-c{CONNECTIONS}")).args([
        "-t1",
        &format!("-d{seconds}s"),
        "--timeout",
        "1m",
        "--latency",
        "-s",
    ]);
    wrk.arg(script.path()).arg(address).arg("--");
    let asked = wrk.args([tenants.to_string(), writes.to_string()]).stderr(Stdio::inherit()).output()?;
    let output = String::from_utf8(asked.stdout)?;
    let line = output.lines().find(|line| line.starts_with('{')).ok_or("wrk did not say what it saw")?;
    Ok(serde_json::from_str(line)?)
}

/// One slow report after the other, for as long as it is held.
pub(crate) struct Reports(Child);

impl Reports {
    /// Starts them, in another process.
    pub(crate) fn start(server: &Server) -> Result<Self, Fault> {
        let mut wrk = Command::new("wrk");
        wrk.args(["-c1", "-t1", "-d1h", "--timeout", "1m", "-H"]).arg(format!("Host: {}", host_of(REPORTER)));
        Ok(Self(wrk.arg(format!("{}/report", server.address())).stdout(Stdio::piped()).spawn()?))
    }

    /// Ends them, and says how many there were in a second.
    pub(crate) fn stop(mut self) -> Result<f64, Fault> {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.ok_or("not a process id")?, rustix::process::Signal::INT)?;
        let mut output = String::new();
        if let Some(said) = &mut self.0.stdout {
            said.read_to_string(&mut output)?;
        }
        self.0.wait()?;
        if output.contains("Non-2xx") {
            return Err("a report failed".into());
        }
        let rate = output.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        Ok(rate.ok_or("wrk did not say how many reports there were")?.trim().parse()?)
    }
}

fn script() -> Result<NamedTempFile, Fault> {
    let file = NamedTempFile::new()?;
    std::fs::write(file.path(), include_str!("../load.lua"))?;
    Ok(file)
}
