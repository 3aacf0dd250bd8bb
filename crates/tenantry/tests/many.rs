//! Many tenants on few descriptors, and many hosts that lead to none.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

mod common;

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Server, command, files, ok};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const TENANTS: usize = 10_000;

const UNKNOWN_HOSTS: usize = 100_000;

/// Connections that ask at a time: nearly all that the server has room for beside its files.
const CLIENTS: usize = 64;

const MIB: usize = 1_024 * 1_024;

/// The most memory that the server may ever take.
const MOST_MEMORY: usize = 200 * MIB;

/// What the allocator may keep of what it was given back. A server that remembered the unknown hosts, at some 100 bytes
/// each, would grow by more.
const NOISE: usize = 8 * MIB;

/// As long as a session's token is, and nobody's.
const NO_SESSION: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// `serve` by a process that may open so many files, and can't raise that.
fn serve_within(descriptors: usize, folder: &Path) -> Command {
    let binary = command(folder).get_program().to_owned();
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!(r#"ulimit -n {descriptors}; exec "$0" serve"#)]).arg(binary);
    limited.current_dir(folder).env_clear().env("LISTEN", "127.0.0.1:0").env("LOG_LEVEL", "warn");
    limited
}

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
    let server = Server::run(serve_within(256, folder).env("ALLOWED_HOSTS", ".allowed.example"));
    let address = server.address.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(TcpStream::connect::<SocketAddr>(address).await.unwrap());
    }

    // The form names the tenant; to look for a session, the server asks the tenant's own file.
    let clients = ask(clients, 2 * TENANTS, |number| {
        let tenant = format!("t{:05}", number / 2 * 7_919 % TENANTS);
        let cookie = format!("Cookie: sessionid={NO_SESSION}\r\n");
        match number % 2 {
            0 => Asked::new(&tenant, ".example", "/admin/login/", "", 200, format!("<h1>{tenant}</h1>")),
            _ => {
                Asked::new(&tenant, ".example", "/admin/", &cookie, 302, "location: /admin/login/".to_owned())
            }
        }
    })
    .await;
    let status = Status::of(&server);
    assert!(status.most_memory < MOST_MEMORY, "{} MiB", status.most_memory / MIB);
    assert!(status.descriptors <= 256, "{}", status.descriptors);

    // Half of them are let in, since tenants may be there, and found to be nobody's.
    let unknown = |number: usize| match number % 2 {
        0 => Asked::new(&format!("h{number}"), ".unknown.example", "/", "", 400, "Bad Request".to_owned()),
        _ => Asked::new(&format!("h{number}"), ".allowed.example", "/", "", 404, "Not Found".to_owned()),
    };
    let clients = ask(clients, UNKNOWN_HOSTS / 10, unknown).await;
    let (before, listed) = (Status::of(&server), files(&folder.join("data")));
    let clients = ask(clients, UNKNOWN_HOSTS, move |number| unknown(number + UNKNOWN_HOSTS)).await;
    let after = Status::of(&server);
    assert!(
        after.memory < before.memory + NOISE,
        "{} MiB, {} before",
        after.memory / MIB,
        before.memory / MIB
    );
    assert_eq!(after.descriptors, before.descriptors, "as many connections, as many files");
    assert_eq!(files(&folder.join("data")), listed);
    drop(clients);
}

#[test]
fn a_limit_of_descriptors_that_is_too_low_to_work_with_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for limit in [10, 20, 63] {
        let done = serve_within(limit, folder.path()).output().unwrap();
        assert_eq!(
            String::from_utf8(done.stderr).unwrap(),
            format!(
                "error: this process may open {limit} files, and it needs 64 at the least\n\
                 hint: raise the limit: `ulimit -n 1024` in a shell, LimitNOFILE=1024 in a systemd unit\n"
            )
        );
        assert_eq!(done.status.code(), Some(1));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
    }
    ok(folder.path(), "tenant create acme --domain acme.localhost");
    drop(Server::run(&mut serve_within(64, folder.path())));
}

/// A request, and what its answer has.
struct Asked {
    request: String,
    status: u16,
    text: String,
}

impl Asked {
    fn new(label: &str, domain: &str, path: &str, header: &str, status: u16, text: String) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {label}{domain}\r\n{header}\r\n");
        Self { request, status, text }
    }

    /// Sends it; the answer must be the one that is expected, and the connection stays.
    async fn send(self, stream: &mut TcpStream) {
        stream.write_all(self.request.as_bytes()).await.unwrap();
        let answer = read_answer(stream).await;
        let right = answer.get(9..12) == Some(&self.status.to_string()) && answer.contains(&self.text);
        assert!(right, "{}{answer}", self.request);
    }
}

/// Sends so many requests over all connections at once.
async fn ask(
    clients: Vec<TcpStream>,
    requests: usize,
    asked: impl Fn(usize) -> Asked + Copy + Send + 'static,
) -> Vec<TcpStream> {
    let begun = Arc::new(AtomicUsize::new(0));
    let mut asking = JoinSet::new();
    for mut client in clients {
        let begun = Arc::clone(&begun);
        asking.spawn(async move {
            loop {
                let number = begun.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return client;
                }
                asked(number).send(&mut client).await;
            }
        });
    }
    asking.join_all().await
}

/// The head, and as much of a body as it says there is.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::with_capacity(4 * 1_024);
    loop {
        let read = stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(read > 0, "the connection was closed in the middle of an answer: {text}");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text.into_owned();
        }
    }
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
