//! Moving over from Django: whoever is signed in there stays signed in here, and nobody else is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail the test")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Server, ok};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Response, StatusCode};
use tempfile::TempDir;

const OLD: &str = "old.checkhost.local";
const OTHER: &str = "other.checkhost.local";
const LOGIN: &str = "/admin/login/?next=/admin/";

/// The `SECRET_KEY` of the Django project.
const KEY: &str = "a key for tests only, and long enough";

/// A database that Django made, and the same as a tenant's, beside a tenant that never was in Django.
struct Project {
    folder: TempDir,
    database: PathBuf,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("old.sqlite3");
        let project = Self { folder, database };
        project.django("make");
        project.configure(KEY);
        ok(project.path(), &format!("tenant create old --database old --domain {OLD}"));
        ok(project.path(), &format!("tenant create other --domain {OTHER}"));
        project
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn configure(&self, key: &str) {
        let lines = ["TRUSTED_PROXIES=127.0.0.1", "DB_OLD=old.sqlite3"].join("\n");
        std::fs::write(self.path().join(".env"), format!("SECRET_KEY='{key}'\n{lines}\n")).unwrap();
    }

    /// Lets the real Django do something with its database, and returns what it prints.
    #[expect(clippy::disallowed_methods, reason = "which Python to test with is no setting of the program")]
    fn django(&self, what: &str) -> String {
        let python = std::env::var_os("TENANTRY_TEST_PYTHON").expect("`cargo xtask test` sets one up");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../db/src/migrate/tests/with_django.py");
        let done = Command::new(python).arg(script).arg(what).arg(&self.database).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// The cookie of someone who has just signed in to Django.
    fn signed_in(&self) -> String {
        format!("sessionid={}", self.django("sign-in"))
    }
}

fn location(answer: &Response) -> &str {
    assert_eq!(answer.status(), StatusCode::FOUND);
    answer.headers()[LOCATION].to_str().unwrap()
}

fn cookies(answer: &Response) -> Vec<String> {
    let all = answer.headers().get_all(SET_COOKIE).iter();
    all.map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

fn pair(cookie: &str) -> &str {
    cookie.split(';').next().unwrap()
}

#[tokio::test]
async fn who_was_signed_in_with_django_stays_so_once() {
    let project = Project::new();
    let server = Server::start(project.path());
    let before = project.signed_in();
    assert_eq!(location(&server.get(OTHER, "/admin/", &before).await), LOGIN, "another tenant");

    let moved = server.get(OLD, "/admin/auth/user/?q=a", &before).await;
    assert_eq!(location(&moved), "/admin/auth/user/?q=a");
    let [now] = cookies(&moved).try_into().unwrap();
    let page = server.get(OLD, "/admin/", pair(&now)).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("admin"));

    // The cookie that Django gave is worth nothing now: who signs out is signed out.
    assert_eq!(location(&server.get(OLD, "/admin/", &before).await), LOGIN);
    assert_eq!(project.django("check"), "admin signs in, nothing to migrate");
}

#[tokio::test]
async fn over_https_djangos_cookie_goes() {
    let project = Project::new();
    let server = Server::start(project.path());
    let request = server.request(OLD, "/admin/").header("x-forwarded-proto", "https");
    let moved = request.header(COOKIE, project.signed_in()).send().await.unwrap();
    assert_eq!(location(&moved), "/admin/");
    let [gone, now] = cookies(&moved).try_into().unwrap();
    assert!(gone.starts_with("sessionid=;") && gone.contains("Max-Age=0"), "{gone}");
    assert!(now.starts_with("__Host-sessionid=") && now.contains("Secure"), "{now}");
}

#[tokio::test]
async fn nobody_comes_in_by_a_session_that_proves_nothing() {
    let project = Project::new();
    let [kept, over, other_password] = [(); 3].map(|()| project.signed_in());
    project.configure("another key, with which nothing of Django's was signed");
    let forged = Server::start(project.path());
    assert_eq!(location(&forged.get(OLD, "/admin/", &kept).await), LOGIN, "another key");
    drop(forged);

    project.configure(KEY);
    let server = Server::start(project.path());
    for key in ["", "a", "../../etc/passwd", &"a".repeat(32), &"a".repeat(41)] {
        let cookie = format!("sessionid={key}");
        assert_eq!(location(&server.get(OLD, "/admin/", &cookie).await), LOGIN, "{key:?}");
    }
    // A change that comes with it is not done: it may be another site's page that sends it.
    let refused =
        server.post(OLD, "/admin/logout/", "application/x-www-form-urlencoded", String::new()).await;
    assert_eq!(location(&refused), LOGIN);

    let key = over.trim_start_matches("sessionid=");
    sql(
        &project,
        &format!("UPDATE django_session SET expire_date = '2020-01-01 00:00:00' WHERE session_key = '{key}'"),
    );
    assert_eq!(location(&server.get(OLD, "/admin/", &over).await), LOGIN, "it is over");
    assert_eq!(location(&server.get(OLD, "/admin/", &kept).await), "/admin/", "it was only not known");

    sql(&project, "UPDATE auth_user SET password = 'pbkdf2_sha256$390000$salt$hash'");
    assert_eq!(location(&server.get(OLD, "/admin/", &other_password).await), LOGIN, "another password");
}

/// Changes the tenant's data as another program does.
#[allow(clippy::disallowed_methods, reason = "what another program does, no door of ours is for")]
fn sql(project: &Project, sql: &str) {
    rusqlite::Connection::open(&project.database).unwrap().execute_batch(sql).unwrap();
}
