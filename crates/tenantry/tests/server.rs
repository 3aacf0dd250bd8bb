//! The ready server as its users meet it: commands and requests, on a data folder of its own.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reqwest::header::{COOKIE, HOST, LOCATION, SET_COOKIE};
use reqwest::{Client, Response, StatusCode, redirect};
use tempfile::TempDir;

const PASSWORD: &str = "Tenant-pass-1";

/// Ten times what a change of another process may take to be seen.
const PATIENCE: Duration = Duration::from_secs(10);

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command
        .current_dir(folder)
        .env_clear()
        .env("LISTEN", "127.0.0.1:0")
        .env("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, words: &str) -> Output {
    command(folder).args(words.split_whitespace()).output().unwrap()
}

fn ok(folder: &Path, words: &str) -> String {
    let done = run(folder, words);
    assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn refused(folder: &Path, words: &str) -> String {
    let done = run(folder, words);
    assert!(!done.status.success(), "{words}");
    String::from_utf8(done.stderr).unwrap()
}

/// Two tenants with a superuser of the same name each.
fn two_tenants() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for slug in ["acme", "globex"] {
        ok(folder.path(), &format!("tenant create {slug} --domain {slug}.checkhost.local"));
        let user =
            format!("createsuperuser --tenant {slug} --noinput --username ann --email a@{slug}.example");
        ok(folder.path(), &user);
    }
    folder
}

/// A running server. Dropped, it is ended.
struct Server {
    process: Child,
    address: String,
    client: Client,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let mut serve = command(folder);
        let mut process = serve.arg("serve").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { process, address, client }
    }

    async fn get(&self, host: &str, path: &str, cookie: &str) -> Response {
        let url = format!("{}{}", self.address.trim_end_matches('/'), path);
        self.client.get(url).header(HOST, host).header(COOKIE, cookie).send().await.unwrap()
    }

    /// Signs in; the answer and the session's cookie.
    async fn sign_in(&self, host: &str, username: &str, password: &str) -> (Response, Option<String>) {
        let form = self.get(host, "/admin/login/", "").await;
        let visitor = cookie(&form, "csrftoken").unwrap();
        let page = form.text().await.unwrap();
        let token = page.split("csrfmiddlewaretoken\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let fields = [
            ("csrfmiddlewaretoken", token),
            ("username", username),
            ("password", password),
            ("next", "/admin/"),
        ];
        let url = format!("{}admin/login/", self.address);
        let request = self.client.post(url).header(HOST, host).header(COOKIE, visitor).form(&fields);
        let answer = request.send().await.unwrap();
        let session = cookie(&answer, "sessionid");
        (answer, session)
    }

    /// Asks until the answer has this status.
    async fn until(&self, host: &str, status: StatusCode) {
        let begun = Instant::now();
        while self.get(host, "/admin/login/", "").await.status() != status {
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

fn cookie(response: &Response, name: &str) -> Option<String> {
    let texts = response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.filter_map(|text| text.split(';').next());
    pairs.map(str::to_owned).find(|pair| pair.starts_with(&format!("{name}=")))
}

#[tokio::test]
async fn someone_signs_in_to_their_own_tenant_and_to_no_other() {
    let folder = two_tenants();
    let server = Server::start(folder.path());
    let (answer, session) = server.sign_in("acme.checkhost.local", "ann", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(answer.headers()[LOCATION], "/admin/");
    let session = session.unwrap();

    let own = server.get("acme.checkhost.local", "/admin/", &session).await;
    assert_eq!(own.status(), StatusCode::OK);
    let page = own.text().await.unwrap();
    assert!(page.contains("acme") && page.contains("ann") && !page.contains("globex"), "{page}");

    let other = server.get("globex.checkhost.local", "/admin/", &session).await;
    assert_eq!(other.status(), StatusCode::FOUND);
    assert_eq!(other.headers()[LOCATION], "/admin/login/?next=/admin/");

    let (answer, session) = server.sign_in("acme.checkhost.local", "ann", "Tenant-pass-2").await;
    assert_eq!((answer.status(), session), (StatusCode::OK, None));
    assert!(answer.text().await.unwrap().contains("Please enter the correct username and password"));
}

#[tokio::test]
async fn no_host_leads_to_a_tenant_that_is_not_its_own() {
    let folder = two_tenants();
    let server = Server::start(folder.path());
    for (host, status) in [
        ("acme.checkhost.local", StatusCode::OK),
        ("ACME.checkhost.LOCAL:8804", StatusCode::OK),
        ("acme.checkhost.local.", StatusCode::OK),
        ("nobody.checkhost.local", StatusCode::BAD_REQUEST),
        ("acme.checkhost.local.evil.example", StatusCode::BAD_REQUEST),
        ("127.0.0.1", StatusCode::BAD_REQUEST),
    ] {
        let answer = server.get(host, "/admin/login/", "").await;
        assert_eq!(answer.status(), status, "{host}");
        let page = answer.text().await.unwrap();
        assert_eq!(page.contains("<h1>acme</h1>"), status == StatusCode::OK, "{host}: {page}");
        assert!(!page.contains("globex"), "{host}: {page}");
    }
}

#[tokio::test]
async fn a_change_by_a_command_reaches_the_server_beside_it() {
    let folder = two_tenants();
    let server = Server::start(folder.path());
    let host = "acme.checkhost.local";
    let (_, session) = server.sign_in(host, "ann", PASSWORD).await;
    ok(folder.path(), "tenant suspend acme");
    server.until(host, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(server.get("globex.checkhost.local", "/admin/login/", "").await.status(), StatusCode::OK);
    ok(folder.path(), "tenant activate acme");
    server.until(host, StatusCode::OK).await;
    let back = server.get(host, "/admin/", &session.unwrap()).await;
    assert_eq!(back.status(), StatusCode::OK, "the session is still there");
    ok(folder.path(), "tenant create initech --domain initech.checkhost.local");
    server.until("initech.checkhost.local", StatusCode::OK).await;
}

#[tokio::test]
async fn the_list_of_tenants_is_for_operators() {
    let folder = two_tenants();
    let server = Server::start(folder.path());
    let anonymous = server.get("acme.checkhost.local", "/api/tenants", "").await;
    assert_eq!(anonymous.status(), StatusCode::UNAUTHORIZED);
    let body = anonymous.text().await.unwrap();
    assert!(!body.contains("globex"), "{body}");
}

#[test]
fn what_can_t_be_done_is_said_and_changes_nothing() {
    let folder = two_tenants();
    let before = ok(folder.path(), "tenant list --json");
    for (words, said) in [
        ("tenant create third --database nowhere", "DB_NOWHERE is not configured"),
        ("tenant create acme", "the slug acme is taken"),
        ("tenant create third --domain globex.checkhost.local", "the domain globex.checkhost.local is taken"),
        ("tenant create admin", "admin"),
        ("tenant create third --isolation schema", "needs PostgreSQL"),
        ("tenant show nobody", "there is no tenant nobody"),
        ("tenant purge acme", "delete it first"),
        ("migrate --database nowhere", "DB_NOWHERE is not configured"),
        ("createsuperuser --database nowhere --noinput --username eve", "DB_NOWHERE is not configured"),
        ("createsuperuser --noinput --username eve", "--tenant SLUG"),
        ("createsuperuser --tenant acme --noinput --username ann", "the username ann is taken"),
        ("serve 256.0.0.1:1", "256.0.0.1"),
    ] {
        let complaint = refused(folder.path(), words);
        assert!(complaint.contains(said), "{words}: {complaint}");
    }
    assert_eq!(ok(folder.path(), "tenant list --json"), before);
}

#[test]
fn a_port_in_use_and_a_bad_env_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let complaint = refused(folder.path(), &format!("serve {address}"));
    assert!(complaint.contains(&format!("{address} is in use by another program")), "{complaint}");
    assert!(!folder.path().join("data").exists(), "nothing is made before the server can listen");

    std::fs::create_dir(folder.path().join(".env")).unwrap();
    let complaint = refused(folder.path(), "tenant list");
    assert!(complaint.contains(".env"), "{complaint}");
}

#[test]
fn a_deleted_tenant_comes_back_and_a_purged_one_leaves_nothing() {
    let folder = two_tenants();
    let folder = folder.path();
    let files = || std::fs::read_dir(folder.join("data/tenants")).unwrap().count();
    let typed = |words: &str, answer: &str| {
        let mut process =
            command(folder).args(words.split_whitespace()).stdin(Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut process.stdin.take().unwrap(), answer.as_bytes()).unwrap();
        process.wait().unwrap().success()
    };
    assert!(!typed("tenant delete acme", "globex\n"), "another slug confirms nothing");
    assert!(ok(folder, "tenant show acme").contains("active"));
    assert!(typed("tenant delete acme", "acme\n"));
    assert!(refused(folder, "createsuperuser --tenant acme --noinput --username eve").contains("deleted"));
    assert!(ok(folder, "tenant undelete acme").contains("active"));
    assert!(typed("tenant delete acme", "acme\n"));
    let before = files();
    assert!(typed("tenant purge acme", "acme\n"));
    assert_eq!(before - files(), 2, "its file and its lock file");
    assert_eq!(std::fs::read_dir(folder.join("data/journal")).unwrap().count(), 0);
    ok(folder, "tenant create acme --domain acme.checkhost.local");
}
