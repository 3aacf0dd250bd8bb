//! Commands that are killed while nobody else is at work. Both ends are tried at each place: `reconcile`, and the next
//! start of the server.

use std::path::Path;

use tempfile::TempDir;

use crate::SERVER;
use crate::harness::{At, Shim, copy, everywhere, folder, was_killed};
use crate::process::{Beside, finish, names};

/// A command about the tenant acme.
#[derive(Clone, Copy)]
struct Case<'a> {
    prepared: &'a Path,
    words: &'a str,
    /// What it says once it is done.
    said: &'a str,
    /// Whether the tenant is there before, and not afterwards.
    removes: bool,
    /// How its host answers when it is there, and when it is not.
    answers: [u16; 2],
}

impl Case<'_> {
    /// Kills it there, if it comes that far; whether it did.
    fn kill(self, shim: &Shim, at: At) -> bool {
        let (folder, twin) = (folder(), self::folder());
        copy(self.prepared, folder.path());
        let mut command = SERVER.command(folder.path(), self.words);
        shim.end(&mut command, at);
        let done = finish(&mut command);
        let killed = was_killed(done.status, &done.stderr);
        let said = String::from_utf8_lossy(&done.stdout).contains(self.said);
        assert!(killed || said, "{at:?}");
        copy(folder.path(), twin.path());

        SERVER.ok(folder.path(), "reconcile");
        let there = no_orphans(folder.path());
        assert!(!said || there != self.removes, "{at:?}: what was said is done");
        if there {
            SERVER.ok(folder.path(), "tenant show acme");
        }
        if there && !self.removes {
            SERVER.ok(folder.path(), "createsuperuser --tenant acme --noinput --username ann");
        }
        if there == self.removes {
            SERVER.ok(folder.path(), self.words);
            assert_ne!(no_orphans(folder.path()), self.removes, "{at:?}: at the second attempt");
        }

        let server = Beside::start(SERVER, twin.path());
        assert_eq!(no_orphans(twin.path()), there, "{at:?}: both ends are the same");
        assert_eq!(server.ask("acme.localhost", "/admin/"), self.answers[usize::from(!there)], "{at:?}");
        killed
    }

    fn kill_everywhere(self) {
        let shim = Shim::new();
        everywhere(|at| self.kill(&shim, at));
    }
}

/// Nothing lies about that no tenant needs; whether acme is there.
fn no_orphans(folder: &Path) -> bool {
    let tenants = SERVER.tenants(folder);
    let (mut made, mut claimed) = (Vec::new(), Vec::new());
    for tenant in &tenants {
        match (
            tenant["placement"]["made"]["name"].as_str(),
            tenant["placement"]["claimed"]["database"].as_str(),
        ) {
            (Some(name), _) => made.extend([format!("{name}.db"), format!("{name}.lock")]),
            (_, alias) => claimed.push(format!("{}.lock", alias.unwrap())),
        }
    }
    made.sort();
    assert_eq!(names(&folder.join("data/tenants")), made);
    assert_eq!(names(&folder.join("data/claimed")), claimed);
    assert_eq!(names(&folder.join("data/journal")), [""; 0]);
    assert_eq!(names(&folder.join("data/template")).len(), 1);
    let beside = names(folder);
    let legacy = |name: &String| name == "legacy.sqlite3" && folder.join(name).is_file();
    assert!(beside.iter().all(|name| name == "data" || legacy(name)), "{beside:?}");
    tenants.iter().any(|tenant| tenant["slug"] == "acme")
}

fn prepared(commands: &[&str]) -> TempDir {
    let folder = folder();
    commands.iter().for_each(|words| drop(SERVER.ok(folder.path(), words)));
    folder
}

#[test]
fn a_claim_of_a_database_that_is_missing() {
    let before = prepared(&["tenant create globex --domain globex.localhost"]);
    let (words, said) = ("tenant create acme --domain acme.localhost --database legacy", "made acme");
    Case { prepared: before.path(), words, said, removes: false, answers: [302, 400] }.kill_everywhere();
}

#[test]
fn a_creation() {
    let before = prepared(&["tenant create globex --domain globex.localhost"]);
    let (words, said) = ("tenant create acme --domain acme.localhost", "made acme");
    Case { prepared: before.path(), words, said, removes: false, answers: [302, 400] }.kill_everywhere();
}

#[test]
fn a_purge() {
    let before = prepared(&[
        "tenant create globex",
        "tenant create acme --domain acme.localhost",
        "tenant delete acme",
    ]);
    let (words, said) = ("tenant purge acme", "acme is gone");
    Case { prepared: before.path(), words, said, removes: true, answers: [400, 400] }.kill_everywhere();
}
