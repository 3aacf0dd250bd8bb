//! A full disk: what can't be stored is refused with the reason, what is stored is served, and once there is room again
//! everything goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{PASSWORD, Server, command, copy, files, ok, two_tenants};
use reqwest::StatusCode;

const HOST: &str = "acme.checkhost.local";

/// A disk that is full at will.
struct Disk {
    shim: PathBuf,
    flag: PathBuf,
}

impl Disk {
    fn new(folder: &Path) -> Self {
        let shim = common::shim(Path::new("tests/full_disk/shim.c"), folder);
        Self { shim, flag: folder.join("full") }
    }

    /// A command of the server that has its data on this disk.
    fn command(&self, folder: &Path) -> Command {
        let mut command = command(folder);
        command.env("LD_PRELOAD", &self.shim).env("FULL_WHILE", &self.flag);
        command
    }

    fn fill(&self) {
        std::fs::write(&self.flag, "").unwrap();
    }

    fn free(&self) {
        std::fs::remove_file(&self.flag).unwrap();
    }
}

#[tokio::test]
async fn a_running_server_refuses_what_it_can_t_store_and_recovers() {
    let (folder, tools) = (two_tenants(), tempfile::tempdir().unwrap());
    let disk = Disk::new(tools.path());
    let server = Server::run(disk.command(folder.path()).arg("serve"));
    let (_, session) = server.sign_in(HOST, "ann", PASSWORD).await;
    let session = session.unwrap();

    disk.fill();
    for _ in 0..3 {
        let (answer, new_session) = server.sign_in(HOST, "ann", PASSWORD).await;
        assert_eq!((answer.status(), new_session), (StatusCode::INSUFFICIENT_STORAGE, None));
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let page = answer.text().await.unwrap();
        assert!(page.contains(&id), "{page}");
        assert!(!page.contains("SQLite") && !page.contains(".db"), "the cause is for the log: {page}");
        let own = server.get(HOST, "/admin/", &session).await;
        assert_eq!(own.status(), StatusCode::OK, "what is stored is served");
    }

    disk.free();
    let (answer, new_session) = server.sign_in(HOST, "ann", PASSWORD).await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    for session in [session, new_session.unwrap()] {
        assert_eq!(server.get(HOST, "/admin/", &session).await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_note_that_finds_no_room_is_not_there_at_all() {
    let (folder, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = Disk::new(tools.path());
    let server = Server::run(disk.command(folder.path()).args(["demo", "127.0.0.1:0"]));
    let host = "acme.localhost";
    let notes = async || server.get(host, "/notes", "").await.text().await.unwrap();
    let add = async |title: &str| {
        let note = format!(r#"{{"title":"{title}"}}"#);
        server.post(host, "/notes", "application/json", note).await
    };
    assert_eq!(add("There is room").await.status(), StatusCode::CREATED);
    let before = notes().await;
    assert!(before.contains("There is room"), "{before}");

    disk.fill();
    for _ in 0..3 {
        let refused = add("There is none").await;
        assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
        let id = refused.headers()["x-request-id"].to_str().unwrap().to_owned();
        let expected = format!(r#"{{"detail":"There is no room to store this.","request_id":"{id}"}}"#);
        assert_eq!(refused.text().await.unwrap(), expected);
        assert_eq!(notes().await, before, "what is stored is served, and nothing else");
    }

    disk.free();
    assert_eq!(add("There is room again").await.status(), StatusCode::CREATED);
    let after = notes().await;
    assert!(after.contains("There is room again") && !after.contains("There is none"), "{after}");
    assert_eq!(after.matches("\"id\":").count(), 20);
    assert!(after.contains("\"id\":1002,") && !after.contains("\"id\":1003,"), "{after}");
}

/// Lets the disk of copies of `prepared` be full from the first, the `step` later one, … time on that `words` ask for
/// room, until they find enough. Each time they must fail and say why, and leave no file and no tenant that is served;
/// once there is room they must succeed.
fn fill_everywhere(prepared: &Path, words: &str, step: usize) {
    let tools = tempfile::tempdir().unwrap();
    let disk = Disk::new(tools.path());
    for from in (1..).step_by(step) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        copy(prepared, folder);
        let tenants = || ok(folder, "tenant list --json");
        let before = (tenants(), files(folder));
        let mut command = disk.command(folder);
        let done =
            command.args(words.split_whitespace()).env("FULL_FROM", from.to_string()).output().unwrap();
        if done.status.success() {
            assert!(from > 15, "{words}: {from} are too few to be all");
            return;
        }
        let said = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{words}: {said}");
        let why = ["is full: make room there and try again", "No space left on device"];
        assert!(why.iter().any(|why| said.contains(why)), "{words} {from}: {said}");
        let after = (tenants(), files(folder));
        if said.contains("can't be taken back now") {
            assert!(
                after.0.contains(r#""slug":"third","name":"third","status":"provisioning""#),
                "{}",
                after.0
            );
            assert_eq!(after.1, before.1, "{words} {from}");
        } else {
            assert_eq!(after, before, "{words} {from}: {said}");
        }
        ok(folder, words);
    }
}

#[test]
fn a_command_that_finds_no_room_says_so_changes_nothing_and_can_be_run_again() {
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), "tenant create acme --domain acme.checkhost.local");
    for words in [
        "tenant suspend acme",
        "tenant domain add acme other.checkhost.local",
        "createsuperuser --tenant acme --noinput --username bob --email b@acme.example",
    ] {
        fill_everywhere(folder.path(), words, 5);
    }
    fill_everywhere(folder.path(), "tenant create third --domain third.checkhost.local", 1);
}

#[test]
fn a_claim_and_a_migration_that_find_no_room_say_so_and_can_be_run_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "DB_TEST=test.sqlite3\n").unwrap();
    // For SQLite an empty file is an empty database.
    let empty = || std::fs::write(folder.path().join("test.sqlite3"), "").unwrap();
    empty();
    ok(folder.path(), "tenant create acme");
    fill_everywhere(folder.path(), "tenant create third --database test", 9);
    ok(folder.path(), "tenant create third --database test");
    empty();
    fill_everywhere(folder.path(), "migrate --database test", 9);
}

/// What every tenant is a copy of is made with the first: a half of it would be everyone's from then on.
#[test]
fn a_first_tenant_that_finds_no_room_spoils_none_that_come_after_it() {
    let tools = tempfile::tempdir().unwrap();
    let disk = Disk::new(tools.path());
    for from in (1..).step_by(9) {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut first = disk.command(folder);
        first.args(["tenant", "create", "first"]).env("FULL_FROM", from.to_string());
        let made = first.output().unwrap().status.success();
        ok(folder, "tenant create second");
        ok(folder, "createsuperuser --tenant second --noinput --username ann --email a@second.example");
        if made {
            assert!(from > 90, "{from} are too few to be all");
            return;
        }
    }
}
