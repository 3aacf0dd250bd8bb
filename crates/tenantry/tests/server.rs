//! The ready server as its users meet it: commands and requests, on a data folder of its own.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod common;

use std::process::Stdio;

use common::{PASSWORD, Server, command, ok, refused, run, two_tenants};
use reqwest::StatusCode;
use reqwest::header::LOCATION;

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
async fn a_tenant_s_address_alone_leads_to_its_admin() {
    let folder = two_tenants();
    let with_paths = Server::run(command(folder.path()).arg("serve").env("TENANT_PATH_PREFIX", "/t"));
    for (path, admin) in [("/", "/admin/"), ("/t/acme", "/t/acme/admin/"), ("/t/acme/", "/t/acme/admin/")] {
        let answer = with_paths.get("acme.checkhost.local", path, "").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        assert_eq!(answer.headers()[LOCATION], admin, "{path}");
    }
    assert_eq!(with_paths.get("evil.example", "/", "").await.status(), StatusCode::BAD_REQUEST);
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
async fn the_list_of_tenants_is_for_operators_unless_it_is_made_public() {
    let folder = two_tenants();
    let mut add =
        command(folder.path()).args(["operator", "add", "root"]).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut add.stdin.take().unwrap(), b"Operator-pass-1\n").unwrap();
    assert!(add.wait().unwrap().success());
    let list = |server: &Server| server.request("acme.checkhost.local", "/api/tenants");
    let server = Server::start(folder.path());
    for (name, password, status) in [
        ("", "", StatusCode::UNAUTHORIZED),
        ("ann", PASSWORD, StatusCode::UNAUTHORIZED),
        ("root", PASSWORD, StatusCode::UNAUTHORIZED),
        ("root", "Operator-pass-1", StatusCode::OK),
    ] {
        let request = list(&server);
        let request = if name.is_empty() { request } else { request.basic_auth(name, Some(password)) };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{name} {password}");
        let body = answer.text().await.unwrap();
        assert_eq!(body.contains("globex"), status == StatusCode::OK, "{name} {password}: {body}");
    }
    drop(server);
    let public = Server::run(command(folder.path()).env("TENANTS_API", "public").arg("serve"));
    let body = list(&public).send().await.unwrap().text().await.unwrap();
    let rows = concat!(
        r#"[{"id":1,"name":"acme","schema_name":"acme","sub_domain":"acme.checkhost.local","active":true},"#,
        r#"{"id":2,"name":"globex","schema_name":"globex","sub_domain":"globex.checkhost.local","active":true}]"#
    );
    assert_eq!(body, rows);
}

#[test]
fn what_can_t_be_done_is_said_and_changes_nothing() {
    let folder = two_tenants();
    let before = ok(folder.path(), "tenant list --json");
    for (words, said) in [
        ("tenant create third --database nowhere", "DB_NOWHERE is not configured"),
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
fn a_key_that_is_too_weak_is_told_before_anything_is_served() {
    let folder = two_tenants();
    for (words, said) in [("serve", "leave it unset"), ("check", "the check found something")] {
        let done = command(folder.path()).arg(words).env("SECRET_KEY", "canary-short").output().unwrap();
        let (printed, complained) =
            (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert!(!done.status.success() && complained.contains(said), "{words}: {complained}");
        assert!(
            (printed.clone() + &complained).contains("needs at least 32"),
            "{words}: {printed}{complained}"
        );
        assert!(
            !printed.contains("serving") && !printed.contains("canary") && !complained.contains("canary")
        );
    }
    assert!(ok(folder.path(), "check").contains("nothing is amiss"));
}

#[test]
fn a_port_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let complaint = refused(folder.path(), &format!("serve {address}"));
    assert!(complaint.contains(&format!("{address} is in use by another program")), "{complaint}");
    assert!(!folder.path().join("data").exists(), "nothing is made before the server can listen");
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

/// `demo` has one more model than the ready server, and so its tenants' files are newer than the ready server knows.
#[test]
fn a_file_from_a_newer_program_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    drop(Server::run(command(folder.path()).arg("demo")));
    let data = "--data demo-data";
    let before = ok(folder.path(), &format!("tenant list --json {data}"));
    let done = run(folder.path(), &format!("migrate {data}"));
    let said = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success());
    let line = said.lines().find(|line| line.trim_start().starts_with("acme")).unwrap();
    assert!(
        line.contains("newer version of this program: migration notes.0001_initial is not known"),
        "{line}"
    );
    assert_eq!(ok(folder.path(), &format!("tenant list --json {data}")), before);
    drop(Server::run(command(folder.path()).arg("demo")));
}
