//! `check`: whether all that is configured can be used, and with `--deploy` what would be unsafe in production.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{command, ok, refused, run};

/// What `check --deploy` says with this `.env`, and whether it finds nothing amiss.
fn deploy(folder: &Path, dotenv: &str) -> (String, bool) {
    let path = folder.join(".env");
    std::fs::write(&path, dotenv).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let done = command(folder).args(["check", "--deploy"]).output().unwrap();
    (String::from_utf8(done.stdout).unwrap(), done.status.success())
}

#[test]
fn nothing_is_amiss_in_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(ok(folder.path(), "check"), "nothing is amiss\n");
}

#[test]
fn each_setting_that_would_be_unsafe_in_production_is_named_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let safe = ["DEBUG=false", "TRUSTED_PROXIES=10.0.0.1", "SECURE_HSTS_SECONDS=31536000"];
    assert_eq!(deploy(folder.path(), &safe.join("\n")), ("nothing is amiss\n".to_owned(), true));
    for (changed, named) in [
        ("DEBUG=true", "DEBUG is on"),
        ("ALLOWED_HOSTS=*", "ALLOWED_HOSTS allows every host"),
        ("TENANTS_API=public", "TENANTS_API is public"),
        ("TRUSTED_PROXIES=", "TRUSTED_PROXIES is empty"),
        ("SECURE_HSTS_SECONDS=", "SECURE_HSTS_SECONDS is an hour or less"),
        ("SECURE_HSTS_SECONDS=0", "SECURE_HSTS_SECONDS is an hour or less"),
        ("TENANT_PATH_PREFIX=/t", "TENANT_PATH_PREFIX is on"),
        (
            "SECRET_KEY=9f8e7d6c5b4a39281706f5e4d3c2b1a0",
            ".env holds SECRET_KEY and others can read it: chmod 600 .env",
        ),
    ] {
        let (name, _) = changed.split_once('=').unwrap();
        let rest = safe.iter().filter(|line| !line.starts_with(name)).copied();
        let dotenv = std::iter::once(changed).chain(rest).collect::<Vec<_>>().join("\n");
        let (said, passed) = deploy(folder.path(), &dotenv);
        assert!(
            said.starts_with(&format!("warning: {named}")) && said.lines().count() == 1,
            "{changed}: {said}"
        );
        assert!(!passed, "{changed}");
    }
    let (said, _) = deploy(folder.path(), "TENANT_HEADER=x-tenant");
    assert!(said.contains("warning: TENANT_HEADER is on without TRUSTED_PROXIES"), "{said}");
}

#[test]
fn a_setting_that_can_t_be_used_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "SECURE_HSTS_SECONDS=1h\nTRUSTED_PROXIES=10.0.0.0/33\n")
        .unwrap();
    let complaint = refused(folder.path(), "check");
    for line in [
        "SECURE_HSTS_SECONDS=1h (.env:1): must be a whole number from 0 to 4294967295",
        "TRUSTED_PROXIES=10.0.0.0/33 (.env:2): \"10.0.0.0/33\" is neither an IP address nor a network",
    ] {
        assert!(complaint.contains(line), "{complaint}");
    }
    assert!(!run(folder.path(), "serve").status.success());
    assert!(!folder.path().join("data").exists(), "nothing is made");
}

/// What `words` print, that fail.
fn failed(folder: &Path, words: &str) -> String {
    let done = run(folder, words);
    assert_eq!(done.status.code(), Some(1), "{words}");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_database_that_is_none_is_a_fault_and_is_not_offered() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join(".env"), "DB_TEST=./bad.txt\nDB_NEW=new.sqlite3\nDB_LINK=link.sqlite3\n")
        .unwrap();
    std::fs::write(folder.join("bad.txt"), "Dear Sir or Madam, ".repeat(99)).unwrap();
    std::fs::write(folder.join("there.sqlite3"), "").unwrap();
    std::os::unix::fs::symlink(folder.join("there.sqlite3"), folder.join("link.sqlite3")).unwrap();
    let bad = std::fs::canonicalize(folder.join("bad.txt")).unwrap();
    let fault = format!("fault: DB_TEST: {} is not a SQLite database\n", bad.display());
    assert_eq!(failed(folder, "check"), fault, "without an instance");
    ok(folder, "tenant create acme");
    let said = failed(folder, "check");
    assert!(said.starts_with(&fault), "{said}");
    assert!(!said.contains("--database test`"), "{said}");
    assert!(said.contains("--database new`") && said.contains("--database link`"), "{said}");
    assert!(!folder.join("new.sqlite3").exists(), "nothing is made");
}

#[test]
fn the_settings_are_shown_beside_one_that_can_t_be_used() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "DEBUG=true\nSHUTDOWN_GRACE=soon\nSECRET_KEY=hush\n").unwrap();
    let fault = "SHUTDOWN_GRACE=soon (.env:2): must be a length of time such as 30s, 500ms or 2m";
    let said = failed(folder.path(), "check --config");
    assert!(said.contains(" DEBUG ") && said.ends_with(&format!("fault: {fault}\n")), "{said}");
    let said = failed(folder.path(), "check --config --json");
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(json["faults"], serde_json::json!([fault]));
    let debug = json["settings"].as_array().unwrap().iter().find(|shown| shown["name"] == "DEBUG").unwrap();
    assert_eq!((&debug["value"], &debug["origin"]), (&"true".into(), &".env:1".into()));
    let json: serde_json::Value = serde_json::from_str(&failed(folder.path(), "check --json")).unwrap();
    assert_eq!((&json["faults"][0], json.get("settings")), (&fault.into(), None));
    assert!(!said.contains("hush"), "{said}");
}
