//! A full disk: what can't be stored is refused with the reason, what is stored is served, and once there is room again
//! everything goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{PASSWORD, Server, command, ok, two_tenants};
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

#[test]
fn a_command_that_finds_no_room_says_so_and_changes_nothing() {
    let (folder, tools) = (two_tenants(), tempfile::tempdir().unwrap());
    let (folder, disk) = (folder.path(), Disk::new(tools.path()));
    let before = (ok(folder, "tenant list --json"), files(folder));
    for words in [
        "tenant create third",
        "tenant suspend acme",
        "tenant domain add acme other.checkhost.local",
        "tenant rename acme other",
        "createsuperuser --tenant acme --noinput --username bob --email b@acme.example",
    ] {
        disk.fill();
        let done = disk.command(folder).args(words.split_whitespace()).output().unwrap();
        disk.free();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(!done.status.success(), "{words}");
        assert!(said.contains("full") || said.contains("No space left on device"), "{words}: {said}");
        assert_eq!((ok(folder, "tenant list --json"), files(folder)), before, "{words}");
    }
    ok(folder, "tenant create third");
    ok(folder, "createsuperuser --tenant acme --noinput --username bob --email b@acme.example");
}

/// The files of the tenants and of what is under way.
fn files(folder: &Path) -> Vec<String> {
    let listed = ["data/tenants", "data/journal"].map(|part| std::fs::read_dir(folder.join(part)).unwrap());
    let mut names: Vec<_> = listed.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.into_iter().map(|path| path.display().to_string()).collect()
}
