//! A program made with Tenantry, as processes on a folder: its commands, and its server.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::server::{PATIENCE, Server};

/// A program, and what its environment holds.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    pub(crate) path: &'static str,
    pub(crate) variables: &'static [(&'static str, &'static str)],
}

impl Program {
    pub(crate) fn command(self, folder: &Path, words: &str) -> Command {
        let mut command = Command::new(self.path);
        command.current_dir(folder).env_clear().envs(self.variables.iter().copied());
        command
            .args(words.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What came of a command that must succeed.
    pub(crate) fn ok(self, folder: &Path, words: &str) -> String {
        let done = finish(&mut self.command(folder, words));
        assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Every tenant, as `tenant list` shows it.
    pub(crate) fn tenants(self, folder: &Path) -> Vec<Value> {
        let listed = self.ok(folder, "tenant list --json --per-page 1000");
        let mut page: Value = serde_json::from_str(&listed).unwrap();
        serde_json::from_value(page["tenants"].take()).unwrap()
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Output {
    begin(command).wait_with_output().unwrap()
}

/// Starts a command. Where it asks for the slug that it is about, its last word, that is typed.
pub(crate) fn begin(command: &mut Command) -> Child {
    let slug = command.get_args().last().unwrap().to_string_lossy().into_owned();
    let mut process = command.spawn().unwrap();
    // Who is killed first, or asks nothing, leaves it unread.
    let _ = process.stdin.take().unwrap().write_all(format!("{slug}\n").as_bytes());
    process
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A running server, asked from threads. Dropped, it is killed.
pub(crate) struct Beside {
    server: Server,
    runtime: Runtime,
}

impl Beside {
    /// Returns once it listens, and has ended what it found half done.
    pub(crate) fn start(program: Program, folder: &Path) -> Self {
        let server = Server::run(program.command(folder, "serve 127.0.0.1:0").stdin(Stdio::null()));
        Self { server, runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap() }
    }

    /// Asks as someone who shows a session that nobody has: whoever answers looks into the tenant's data.
    pub(crate) fn ask(&self, host: &str, path: &str) -> u16 {
        let cookie = format!("sessionid={}", "A".repeat(43));
        self.runtime.block_on(self.server.get(host, path, &cookie)).status().as_u16()
    }

    /// Asks until the answer is one of these, and every other one is in `meanwhile`.
    pub(crate) fn until(&self, host: &str, path: &str, wanted: &[u16], meanwhile: &[u16]) {
        let begun = Instant::now();
        loop {
            let answer = self.ask(host, path);
            if wanted.contains(&answer) {
                return;
            }
            assert!(meanwhile.contains(&answer), "{host}: {answer}");
            assert!(begun.elapsed() < PATIENCE, "{host} answers {answer}, not {wanted:?}");
        }
    }

    /// Asks over and over while `work` runs, and once more; what `work` gave, and the answers.
    pub(crate) fn ask_meanwhile<T: Send>(
        &self,
        host: &str,
        path: &str,
        work: impl FnOnce() -> T + Send,
    ) -> (T, Vec<u16>) {
        std::thread::scope(|scope| {
            let (working, mut seen) = (scope.spawn(work), Vec::new());
            loop {
                let ended = working.is_finished();
                seen.push(self.ask(host, path));
                if ended {
                    return (working.join().unwrap(), seen);
                }
            }
        })
    }
}
