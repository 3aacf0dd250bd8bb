//! A program made with Tenantry, as processes on a folder: its commands, and its server.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, HOST};
use reqwest::{Client, redirect};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// Ten times what a change of another process may take to be seen.
const PATIENCE: Duration = Duration::from_secs(10);

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

    /// Every tenant's slug.
    pub(crate) fn slugs(self, folder: &Path) -> Vec<String> {
        self.tenants(folder).iter().map(|tenant| tenant["slug"].as_str().unwrap().to_owned()).collect()
    }
}

/// Runs a command to its end. Where it asks for the slug that it is about, its last word, that is typed.
pub(crate) fn finish(command: &mut Command) -> Output {
    let slug = command.get_args().last().unwrap().to_string_lossy().into_owned();
    let mut process = command.spawn().unwrap();
    // Who is killed first, or asks nothing, leaves it unread.
    let _ = process.stdin.take().unwrap().write_all(format!("{slug}\n").as_bytes());
    process.wait_with_output().unwrap()
}

/// The names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A running server. Dropped, it is killed.
pub(crate) struct Server {
    process: Child,
    address: String,
    client: Client,
    runtime: Runtime,
}

impl Server {
    /// Returns once it listens, and has ended what it found half done.
    pub(crate) fn start(program: Program, folder: &Path) -> Self {
        let mut serve = program.command(folder, "serve 127.0.0.1:0");
        let mut process = serve.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.split_whitespace().find(|word| word.starts_with("http://"));
        let address = address.unwrap_or_else(|| panic!("{said}")).trim_end_matches('/').to_owned();
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self {
            process,
            address,
            client,
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    /// Asks as someone who shows a session that nobody has: whoever answers looks into the tenant's data.
    pub(crate) fn ask(&self, host: &str, path: &str) -> u16 {
        let cookie = format!("sessionid={}", "A".repeat(43));
        let url = format!("{}{path}", self.address);
        let request = self.client.get(url).header(HOST, host).header(COOKIE, cookie);
        self.runtime.block_on(request.send()).unwrap().status().as_u16()
    }

    /// Asks until the answer is this one. Every other one meanwhile is `meanwhile`.
    pub(crate) fn until(&self, host: &str, path: &str, status: u16, meanwhile: u16) {
        let begun = Instant::now();
        loop {
            let answer = self.ask(host, path);
            if answer == status {
                return;
            }
            assert_eq!(answer, meanwhile, "{host}");
            assert!(begun.elapsed() < PATIENCE, "{host} does not answer {status}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
