//! kill -9 before every single change of a file: each change of the instance is then done, or never happened.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const SIGKILL: i32 = 9;

/// More changes of files than any of the commands makes.
const ENDLESS: u32 = 5_000;

fn shim(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kill/shim.c");
    let shim = folder.join("shim.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&shim)
        .arg(source)
        .arg("-ldl")
        .status();
    assert!(built.unwrap().success(), "a C compiler is needed: gcc, libc6-dev");
    shim
}

fn tenantry(folder: &Path, words: &str, shim: Option<(&Path, u32)>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command.current_dir(folder).env_clear().args(words.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some((path, at)) = shim {
        command.env("LD_PRELOAD", path).env("KILL_AT", at.to_string());
    }
    let mut process = command.spawn().unwrap();
    // The slug, for who asks for it; who is killed first, or asks nothing, leaves it unread.
    let _ = process.stdin.take().unwrap().write_all(b"acme\n");
    process.wait_with_output().unwrap()
}

fn ok(folder: &Path, words: &str) -> String {
    let done = tenantry(folder, words, None);
    assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn listed(folder: &Path) -> Vec<String> {
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// Kills `words` before its first, second, … change of a file until it completes, each time on a copy of `prepared`; after
/// `reconcile` the tenant acme must be there with all its data, or not at all. How many changes there were.
fn kill_everywhere(prepared: &Path, words: &str, there_before: bool) -> u32 {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    for at in 1..ENDLESS {
        let folder = TempDir::new().unwrap();
        let folder = folder.path();
        copy(prepared, folder);
        let done = tenantry(folder, words, Some((&shim, at)));
        let killed = done.status.signal() == Some(SIGKILL);
        assert!(killed || done.status.success(), "{at}: {}", String::from_utf8_lossy(&done.stderr));
        ok(folder, "reconcile");

        let there = ok(folder, "tenant list --json").contains("\"slug\":\"acme\"");
        let files = listed(&folder.join("data/tenants"));
        let expected = if there { 4 } else { 2 };
        let whole = files.iter().filter(|name| name.ends_with(".db") || name.ends_with(".lock")).count();
        assert_eq!(
            (whole, files.iter().any(|name| name.ends_with(".part"))),
            (expected, false),
            "{at}: {files:?}"
        );
        assert_eq!(listed(&folder.join("data/journal")), Vec::<String>::new(), "{at}");
        if there && !there_before {
            ok(folder, "createsuperuser --tenant acme --noinput --username ann");
        }
        if there == there_before {
            ok(folder, words);
        }
        if !killed {
            assert_ne!(there, there_before, "it completed");
            return at - 1;
        }
    }
    panic!("it never completes");
}

fn prepared(commands: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    commands.iter().for_each(|words| drop(ok(folder.path(), words)));
    folder
}

#[test]
fn a_creation_that_is_killed_is_done_or_never_happened() {
    let folder = prepared(&["tenant create globex --domain globex.localhost"]);
    let changes = kill_everywhere(folder.path(), "tenant create acme --domain acme.localhost", false);
    assert!(changes > 10, "{changes} changes are too few to be all");
}

#[test]
fn a_purge_that_is_killed_is_done_or_never_happened() {
    let folder = prepared(&["tenant create globex", "tenant create acme", "tenant delete acme"]);
    let changes = kill_everywhere(folder.path(), "tenant purge acme", true);
    assert!(changes > 10, "{changes} changes are too few to be all");
}
