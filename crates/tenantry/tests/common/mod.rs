//! The ready server as its users meet it: a data folder of its own, commands on it, and a server that runs there.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]
#![allow(dead_code, reason = "each test binary uses its share")]

pub(crate) mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) use server::Server;

pub(crate) const PASSWORD: &str = "Tenant-pass-1";

pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantry"));
    command
        .current_dir(folder)
        .env_clear()
        .env("LISTEN", "127.0.0.1:0")
        .env("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
        .stdin(Stdio::null());
    command
}

pub(crate) fn run(folder: &Path, words: &str) -> Output {
    command(folder).args(words.split_whitespace()).output().unwrap()
}

pub(crate) fn ok(folder: &Path, words: &str) -> String {
    let done = run(folder, words);
    assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

pub(crate) fn refused(folder: &Path, words: &str) -> String {
    let done = run(folder, words);
    assert!(!done.status.success(), "{words}");
    String::from_utf8(done.stderr).unwrap()
}

/// Two tenants with a superuser of the same name each.
pub(crate) fn two_tenants() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for slug in ["acme", "globex"] {
        ok(folder.path(), &format!("tenant create {slug} --domain {slug}.checkhost.local"));
        let user =
            format!("createsuperuser --tenant {slug} --noinput --username ann --email a@{slug}.example");
        ok(folder.path(), &user);
    }
    folder
}

impl Server {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::run(command(folder).arg("serve"))
    }
}

/// Compiles a library that stands between a program and the system, into `folder`.
pub(crate) fn shim(source: &Path, folder: &Path) -> PathBuf {
    let shim = folder.join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).arg("-ldl");
    assert!(compiler.status().unwrap().success(), "a C compiler is needed: gcc, libc6-dev");
    shim
}

/// Every file below a folder, but for what SQLite keeps beside the files that are open.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            names.extend(files(&entry.path()));
        } else {
            names.push(entry.path().display().to_string());
        }
    }
    names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
    names.sort();
    names
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
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
