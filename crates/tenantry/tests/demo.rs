//! `demo` is the same for everybody: what an instance's own configuration says beside it changes nothing.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::path::Path;

use common::{Server, command};

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

/// Starts it in `folder` with these words, on a port that the system chooses.
fn start(folder: &Path, words: &[&str]) -> Server {
    let mut demo = command(folder);
    demo.env("LISTEN", "192.0.2.1:80")
        .env("DATA_DIR", "from-the-environment")
        .env("TENANT_HEADER", "x-tenant");
    Server::run(demo.args(["demo", "127.0.0.1:0"]).args(words))
}

async fn get(demo: &Server, host: &str, path: &str, tenant: &str) -> (u16, String) {
    let answer = demo.request(host, path).header("x-tenant", tenant).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
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
    let demo = start(folder.path(), &[]);
    assert_eq!(names(folder.path()), [".env", "demo-data"], "nothing is made but the demo's folder");

    let (status, acme) = get(&demo, "acme.localhost", "/notes", "globex").await;
    assert_eq!(status, 200, "no header names a tenant: {acme}");
    assert_ne!(get(&demo, "globex.localhost", "/notes", "").await.1, acme);
    let (_, start) = get(&demo, "acme.localhost", "/", "").await;
    assert!(start.contains("<h1>Acme</h1>") && start.contains("Note 1000 of Acme"), "{start}");
    assert!(!start.contains("Globex"), "{start}");
    assert_eq!(get(&demo, "acme.localhost", "/t/globex/notes", "").await.0, 404, "no path does");
    assert_eq!(get(&demo, "acme.checkhost.local", "/notes", "").await.0, 400, "and no other domain");
    assert_eq!(get(&demo, "acme.localhost", "/api/tenants", "").await.0, 401);
    let (_, page) = get(&demo, "nobody.localhost", "/", "").await;
    assert!(page.contains("DEBUG is on"), "the demo explains itself: {page}");
}

#[tokio::test]
async fn its_folder_may_be_named_and_it_comes_back_there() {
    let folder = tempfile::tempdir().unwrap();
    // A `.env` that nothing can read stops every other command.
    std::fs::create_dir(folder.path().join(".env")).unwrap();
    let first = start(folder.path(), &["--data", "mine"]);
    let before = get(&first, "acme.localhost", "/notes", "").await;
    drop(first);
    let again = start(folder.path(), &["--data", "mine"]);
    assert_eq!(get(&again, "acme.localhost", "/notes", "").await, before);
    assert_eq!(names(folder.path()), [".env", "mine"]);
}
