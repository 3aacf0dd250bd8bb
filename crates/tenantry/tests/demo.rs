//! `demo` is the same for everybody: what an instance's own configuration says beside it changes nothing.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Client;
use reqwest::header::HOST;

/// All that could make another server of it. What `serve` would refuse to start on is among it.
const ANOTHER_INSTANCES: &str = "\
BASE_DOMAIN=checkhost.local
DEBUG=false
SECRET_KEY=short
ALLOWED_HOSTS=checkhost.local
TENANT_HEADER=x-tenant
TENANT_PATH_PREFIX=/t
TENANTS_API=public
LISTEN=nowhere
DATA_DIR=./own-data
DIRECTORY_URL=own.sqlite3
DB_TEST=own-test.sqlite3
";

/// A demo that runs. Dropped, it is ended.
struct Demo {
    process: Child,
    port: u16,
}

impl Demo {
    /// Starts it in `folder` with these words, and waits until it has said all.
    fn start(folder: &Path, words: &[&str]) -> Self {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_tenantry"));
        let mut process = demo
            .current_dir(folder)
            .env_clear()
            .env("LISTEN", "192.0.2.1:80")
            .env("DATA_DIR", "from-the-environment")
            .env("TENANT_HEADER", "x-tenant")
            .args(["demo", "127.0.0.1:0"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find(|line| line.contains("http://acme.localhost:")).unwrap();
        let port = address.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
        assert!(lines.any(|line| line.starts_with("The passwords are new at each start.")));
        Self { process, port }
    }

    async fn get(&self, host: &str, path: &str, tenant: &str) -> (u16, String) {
        let request = Client::new().get(format!("http://127.0.0.1:{}{path}", self.port));
        let answer = request.header(HOST, host).header("x-tenant", tenant).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_lies_in_the_folder_and_in_the_environment_is_another_instance_s() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), ANOTHER_INSTANCES).unwrap();
    let demo = Demo::start(folder.path(), &[]);
    assert_eq!(names(folder.path()), [".env", "demo-data"], "nothing is made but the demo's folder");

    let (status, acme) = demo.get("acme.localhost", "/notes", "globex").await;
    assert_eq!(status, 200, "no header names a tenant: {acme}");
    assert_ne!(demo.get("globex.localhost", "/notes", "").await.1, acme);
    let (_, start) = demo.get("acme.localhost", "/", "").await;
    assert!(start.contains("<h1>Acme</h1>") && start.contains("Note 1000 of Acme"), "{start}");
    assert!(!start.contains("Globex"), "{start}");
    assert_eq!(demo.get("acme.localhost", "/t/globex/notes", "").await.0, 404, "no path does");
    assert_eq!(demo.get("acme.checkhost.local", "/notes", "").await.0, 400, "and no other domain");
    assert_eq!(demo.get("acme.localhost", "/api/tenants", "").await.0, 401);
    let (_, page) = demo.get("nobody.localhost", "/", "").await;
    assert!(page.contains("DEBUG is on"), "the demo explains itself: {page}");
}

#[tokio::test]
async fn its_folder_may_be_named_and_it_comes_back_there() {
    let folder = tempfile::tempdir().unwrap();
    // A `.env` that nothing can read stops every other command.
    std::fs::create_dir(folder.path().join(".env")).unwrap();
    let first = Demo::start(folder.path(), &["--data", "mine"]);
    let before = first.get("acme.localhost", "/notes", "").await;
    drop(first);
    let again = Demo::start(folder.path(), &["--data", "mine"]);
    assert_eq!(again.get("acme.localhost", "/notes", "").await, before);
    assert_eq!(names(folder.path()), [".env", "mine"]);
}
