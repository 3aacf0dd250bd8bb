//! Many tenants on few descriptors, and many hosts that lead to none.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

#[path = "../../web/tests/isolation/client.rs"]
#[allow(dead_code, reason = "nobody goes away here")]
mod client;
mod common;

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::Client;
use common::{Server, command, ok};
use tokio::task::JoinSet;

const TENANTS: usize = 10_000;

const UNKNOWN_HOSTS: usize = 100_000;

/// Connections at a time.
const CLIENTS: usize = 32;

const MIB: usize = 1_024 * 1_024;

/// The most memory that the server may ever take.
const MOST_MEMORY: usize = 200 * MIB;

/// What the allocator may keep of what it was given back. A server that remembered the unknown hosts, at some 100 bytes
/// each, would grow by more.
const NOISE: usize = 8 * MIB;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_tenants_are_served_within_256_descriptors_and_unknown_hosts_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let list = (0..TENANTS).fold(String::new(), |mut list, number| {
        writeln!(list, "t{number:05},t{number:05}.example").unwrap();
        list
    });
    std::fs::write(folder.join("tenants.csv"), list).unwrap();
    ok(folder, "tenant create --from tenants.csv");

    let binary = command(folder).get_program().to_owned();
    let mut few_descriptors = Command::new("sh");
    few_descriptors.args(["-c", r#"ulimit -n 256; exec "$0" serve"#]).arg(binary);
    few_descriptors.current_dir(folder).env_clear().env("LISTEN", "127.0.0.1:0");
    let server = Server::run(&mut few_descriptors);
    let address = server.address.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();

    // To look for a session, the server asks the tenant's own file.
    let failed = ask_all(address, TENANTS, |number| {
        let host = format!("t{:05}.example", number * 7_919 % TENANTS);
        (format!("GET /admin/ HTTP/1.1\r\nHost: {host}\r\nCookie: sessionid={NO_SESSION}\r\n\r\n"), 302)
    });
    assert_eq!(failed.await, Vec::<String>::new());
    let status = Status::of(&server);
    assert!(status.most_memory < MOST_MEMORY, "{} MiB", status.most_memory / MIB);
    assert!(status.descriptors <= 256, "{}", status.descriptors);

    let unknown = |number: usize| (format!("GET / HTTP/1.1\r\nHost: h{number}.unknown.example\r\n\r\n"), 400);
    assert_eq!(ask_all(address, UNKNOWN_HOSTS / 10, unknown).await, Vec::<String>::new());
    let (before, files) = (Status::of(&server), files(&folder.join("data")));
    let others = move |number: usize| unknown(number + UNKNOWN_HOSTS);
    assert_eq!(ask_all(address, UNKNOWN_HOSTS, others).await, Vec::<String>::new());
    let after = Status::of(&server);
    assert!(
        after.memory < before.memory + NOISE,
        "{} MiB, {} before",
        after.memory / MIB,
        before.memory / MIB
    );
    assert!(after.descriptors <= before.descriptors, "{}, {} before", after.descriptors, before.descriptors);
    assert_eq!(self::files(&folder.join("data")), files);
}

/// As long as a session's token is, and nobody's.
const NO_SESSION: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Sends so many requests over all connections at once. What was not answered as it should be comes back.
async fn ask_all(
    address: SocketAddr,
    requests: usize,
    request: impl Fn(usize) -> (String, u16) + Copy + Send + 'static,
) -> Vec<String> {
    let begun = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let begun = Arc::clone(&begun);
        clients.spawn(async move {
            let (mut client, mut failed) = (Client::new(address), Vec::new());
            loop {
                let number = begun.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return failed;
                }
                let (text, status) = request(number);
                let answer = client.ask(&text).await;
                if answer.status() != status {
                    failed.push(format!("{text}{:.200}", answer.text));
                }
            }
        });
    }
    clients.join_all().await.concat()
}

/// What the system says of a process.
struct Status {
    memory: usize,
    most_memory: usize,
    descriptors: usize,
}

impl Status {
    fn of(server: &Server) -> Self {
        let process = Path::new("/proc").join(server.process.id().to_string());
        let status = std::fs::read_to_string(process.join("status")).unwrap();
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1_024
        };
        let descriptors = std::fs::read_dir(process.join("fd")).unwrap().count();
        Self { memory: bytes("VmRSS:"), most_memory: bytes("VmHWM:"), descriptors }
    }
}

/// Every file below a folder, but for what SQLite keeps beside the files that are open.
fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            names.extend(files(&entry.path()));
        } else {
            names.push(entry.path().display().to_string());
        }
    }
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}
