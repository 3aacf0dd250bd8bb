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
