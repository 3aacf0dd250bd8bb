//! A directory or a folder that is not as it should be: who is served all the same, who is named, and what others see.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use common::{PASSWORD, Server, command, ok, refused, run, two_tenants};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;

const ACME: &str = "acme.checkhost.local";
const GLOBEX: &str = "globex.checkhost.local";

/// Changes the directory as no command of ours does.
#[allow(clippy::disallowed_methods, reason = "what another program does, no door of ours is for")]
fn meddle(folder: &Path, sql: &str) {
    let db = rusqlite::Connection::open(folder.join("data/directory.db")).unwrap();
    let counted = "UPDATE instance SET generation = generation + 1; \
                   UPDATE tenant SET generation = (SELECT generation FROM instance)";
    db.execute_batch(&format!("BEGIN; {sql}; {counted}; COMMIT")).unwrap();
}

#[tokio::test]
async fn a_tenant_whose_entry_can_t_be_read_is_not_served_and_is_named_everywhere() {
    let folder = two_tenants();
    let folder = folder.path();
    let server = Server::start(folder);
    meddle(folder, "UPDATE tenant SET status = 'nonsense' WHERE slug = 'acme'");
    server.until(ACME, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(server.get(ACME, "/admin/login/", "").await.headers().contains_key(RETRY_AFTER));
    assert_eq!(server.get(GLOBEX, "/admin/login/", "").await.status(), StatusCode::OK);
    assert_eq!(server.get(GLOBEX, "/readyz", "").await.status(), StatusCode::OK);

    let named = "acme can't be served: its entry in the directory can't be read: status: \"nonsense\"";
    let checked = run(folder, "check");
    assert!(!checked.status.success());
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains(&format!("fault: {named}")), "{said}");
    let listed = run(folder, "tenant list");
    assert!(listed.status.success() && String::from_utf8(listed.stdout).unwrap().contains("globex"));
    let warned = String::from_utf8(listed.stderr).unwrap();
    assert!(warned.contains(named), "{warned}");
    for words in ["tenant show acme", "tenant suspend acme"] {
        let complaint = refused(folder, words);
        assert!(
            complaint.contains("the entry of acme in the directory can't be read"),
            "{words}: {complaint}"
        );
    }

    ok(folder, "tenant suspend globex");
    server.until(GLOBEX, StatusCode::SERVICE_UNAVAILABLE).await;
    meddle(folder, "UPDATE tenant SET status = 'active' WHERE slug = 'acme'");
    server.until(ACME, StatusCode::OK).await;
}

#[tokio::test]
async fn a_server_that_has_lost_its_directory_is_alive_and_not_ready_and_soon_serves_nobody() {
    let folder = two_tenants();
    let server = Server::start(folder.path());
    let data = folder.path().join("data");
    std::fs::rename(data.join("directory.db"), data.join("directory.old")).unwrap();
    server.until(ACME, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(server.get(ACME, "/admin/login/", "").await.headers().contains_key(RETRY_AFTER));
    assert_eq!(server.get(ACME, "/readyz", "").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.get(ACME, "/healthz", "").await.status(), StatusCode::OK);
    std::fs::rename(data.join("directory.old"), data.join("directory.db")).unwrap();
    server.until(ACME, StatusCode::OK).await;
    assert_eq!(server.get(ACME, "/readyz", "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_suspended_tenant_is_not_served_by_a_server_that_could_not_hear_of_it() {
    let folder = two_tenants();
    let folder = folder.path();
    let server = Server::start(folder);
    assert_eq!(server.get(GLOBEX, "/admin/login/", "").await.status(), StatusCode::OK);
    let elsewhere = folder.join("elsewhere.db");
    for part in ["", "-wal", "-shm"] {
        let name = folder.join(format!("data/directory.db{part}"));
        std::fs::rename(name, folder.join(format!("elsewhere.db{part}"))).unwrap();
    }
    let suspended =
        command(folder).args(["tenant", "suspend", "acme"]).env("DIRECTORY_URL", elsewhere).output().unwrap();
    assert!(suspended.status.success(), "{}", String::from_utf8_lossy(&suspended.stderr));
    assert_eq!(server.get(ACME, "/admin/login/", "").await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn a_purge_of_all_that_have_expired_goes_on_past_one_that_can_t_be_purged() {
    let folder = two_tenants();
    let folder = folder.path();
    ok(folder, "tenant create third");
    let expired =
        "UPDATE tenant SET status = 'deleted', deleted_from = 'active', deleted = '2020-01-01T00:00:00Z'";
    meddle(folder, expired);
    meddle(folder, "UPDATE tenant SET opaque = 'elsewhere' WHERE slug = 'globex'");
    let purged = run(folder, "tenant purge --expired");
    let (said, complaint) =
        (String::from_utf8(purged.stdout).unwrap(), String::from_utf8(purged.stderr).unwrap());
    assert!(!purged.status.success() && said.contains("2 tenants are gone"), "{said} {complaint}");
    assert!(complaint.contains("1 of 3 tenants could not be purged"), "{complaint}");
    let list = ok(folder, "tenant list");
    assert!(!list.contains("acme") && !list.contains("third"), "{list}");
}

#[tokio::test]
async fn whatever_the_umask_nobody_else_can_reach_what_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let loosely = |words: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 0 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_tenantry")]);
        command.args(words.split_whitespace()).current_dir(folder.path()).env_clear();
        command
            .env("LISTEN", "127.0.0.1:0")
            .env("DB_LEGACY", "legacy.sqlite3")
            .env("DB_FAST", "servers/fast/");
        command.env("DJANGO_SUPERUSER_PASSWORD", PASSWORD);
        command
    };
    for words in [
        "tenant create acme --domain acme.checkhost.local",
        "tenant create globex --domain globex.checkhost.local --database legacy",
        "tenant create initech --domain initech.checkhost.local --server fast",
    ] {
        assert!(loosely(words).status().unwrap().success(), "{words}");
    }
    let server = Server::run(loosely("").arg("serve"));
    for host in ["acme", "globex", "initech"] {
        let user =
            format!("createsuperuser --tenant {host} --noinput --username ann --email ann@example.com");
        assert!(loosely(&user).status().unwrap().success());
        let signed_in = server.sign_in(&format!("{host}.checkhost.local"), "ann", PASSWORD).await;
        assert!(signed_in.1.is_some());
    }
    let (mut folders, mut files) = (vec![folder.path().to_owned()], Vec::new());
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            let (path, about) = (entry.path(), entry.metadata().unwrap());
            let mode = about.permissions().mode() & 0o777;
            assert_eq!(mode, if about.is_dir() { 0o700 } else { 0o600 }, "{}: {mode:o}", path.display());
            if about.is_dir() { folders.push(path) } else { files.push(path.display().to_string()) }
        }
    }
    for kind in [
        "directory.db-wal",
        "legacy.sqlite3-wal",
        "legacy.sqlite3-shm",
        "legacy.lock",
        ".db-shm",
        "template/",
    ] {
        assert!(files.iter().any(|file| file.contains(kind)), "{kind}: {files:?}");
    }
    let complaint =
        String::from_utf8(command(folder.path()).args(["check", "--deploy"]).output().unwrap().stdout);
    assert!(!complaint.unwrap().contains("by others"));
}

#[test]
fn who_did_what_is_told_by_tenant_and_by_the_name_that_it_had() {
    let folder = two_tenants();
    let folder = folder.path();
    ok(folder, "tenant suspend acme");
    ok(folder, "tenant rename acme acme-old");
    ok(folder, "tenant create acme --domain new.checkhost.local");

    let entries = |words: &str| -> Vec<(String, Option<String>)> {
        let told = ok(folder, &format!("audit --json {words}"));
        let entries: Vec<serde_json::Value> = serde_json::from_str(&told).unwrap();
        let text = |entry: &serde_json::Value, name: &str| entry[name].as_str().map(str::to_owned);
        entries.iter().map(|entry| (text(entry, "action").unwrap(), text(entry, "slug"))).collect()
    };
    let of = |action: &str, slug: &str| (action.to_owned(), Some(slug.to_owned()));
    let newest = entries("--limit 2");
    assert_eq!(newest, [of("tenant.create", "acme"), of("tenant.rename", "acme")]);
    let of_old = entries("--tenant acme-old");
    assert!(of_old.contains(&of("tenant.status", "acme")), "{of_old:?}");
    assert_eq!(of_old.iter().filter(|entry| entry.0 == "tenant.create").count(), 1, "{of_old:?}");
    assert!(entries("--tenant globex").iter().all(|entry| *entry == of("tenant.create", "globex")));
    assert_eq!(entries("--tenant nobody"), []);

    let told = ok(folder, "audit --tenant acme-old --limit 1");
    assert!(told.starts_with(" WHEN") && told.contains("UTC") && told.contains("tenant.rename"), "{told}");
    assert!(refused(folder, "audit --limit 0").contains("0 is not in 1"));
}
