//! Commands that can't be done: each says why and what to do, fails, and leaves everything as it was.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::{command, files, ok, two_tenants};

/// What the command line's parser says below each complaint of its own.
const MORE: &str = "\n\nFor more information, try '--help'.";

/// Someone who is not the owner of anything.
const NOBODY: u32 = 65_534;

/// What `words` say on standard error, and the exit code.
fn said(folder: &Path, words: &str) -> (Option<i32>, String) {
    let done = command(folder).args(words.split_whitespace()).output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), "", "{words}: nothing was done that could be told");
    let text = String::from_utf8(done.stderr).unwrap();
    (done.status.code(), text.trim_end().trim_end_matches(MORE).to_owned())
}

#[test]
fn a_bad_slug_domain_or_place_is_named_with_what_helps() {
    let folder = two_tenants();
    let folder = folder.path();
    fs::write(folder.join(".env"), "DB_TEST=test.sqlite3\nDB_LETTER=letter.sqlite3\nDB_FOLDER=folder/\n")
        .unwrap();
    fs::write(folder.join("letter.sqlite3"), "Dear Sir or Madam, ".repeat(99)).unwrap();
    ok(folder, "tenant create third --database test");
    fs::write(folder.join("taken.csv"), "fourth,fourth.example\nfifth,globex.checkhost.local\n").unwrap();
    fs::write(folder.join("twice.csv"), "fourth,a.example\nfourth,b.example\n").unwrap();
    fs::write(folder.join("bad.csv"), "fourth,a b\nwww,c.example\n,d.example\n").unwrap();
    let (long, longest) = ("a".repeat(41), "a".repeat(40));
    let letter = folder.join("letter.sqlite3").display().to_string();
    let before = (ok(folder, "tenant list --json"), files(folder));

    for (code, words, why) in [
        (
            2,
            "create www",
            "invalid value 'www' for '[SLUG]': this slug is reserved: people expect the operator behind it, not a tenant",
        ),
        (
            2,
            "create admin",
            "invalid value 'admin' for '[SLUG]': this slug is reserved: the server's own pages begin with it",
        ),
        (
            2,
            &format!("create {long}"),
            &format!("invalid value '{long}' for '[SLUG]': a slug is at most 40 characters long"),
        ),
        (2, "create ab", "invalid value 'ab' for '[SLUG]': a slug is at least 3 characters long"),
        (
            2,
            "create Fourth",
            "invalid value 'Fourth' for '[SLUG]': a slug holds only lower-case letters a to z, digits and hyphens",
        ),
        (
            2,
            "create xn--fourth",
            "invalid value 'xn--fourth' for '[SLUG]': a slug has no hyphens in both its third and fourth place",
        ),
        (
            2,
            "create fourth --name \u{1b}[31mred",
            "invalid value 'red' for '--name <NAME>': a tenant's name holds no control characters, not '\\u{1b}'",
        ),
        (
            2,
            "rename acme www",
            "invalid value 'www' for '[NEW_SLUG]': this slug is reserved: people expect the operator behind it, not a tenant",
        ),
        (
            1,
            "create acme",
            "the slug acme is taken\nhint: take another one, or give its tenant another: tenant rename acme NEW_SLUG",
        ),
        (
            1,
            "rename acme globex",
            "the slug globex is taken\nhint: take another one, or give its tenant another: tenant rename globex NEW_SLUG",
        ),
        (1, "rename nobody fourth", "there is no tenant nobody\nhint: tenant list shows those there are"),
        (
            2,
            "create fourth --domain 192.0.2.1",
            "invalid value '192.0.2.1' for '--domain <HOST>': an IP address can't be a domain",
        ),
        (
            2,
            "create fourth --domain a..b",
            "invalid value 'a..b' for '--domain <HOST>': a host name has something before and between its dots",
        ),
        (
            1,
            "create fourth --domain GLOBEX.checkhost.local.",
            "the domain globex.checkhost.local is taken\nhint: it leads to globex; to free it: tenant domain remove globex globex.checkhost.local",
        ),
        (
            1,
            "create fourth --domain a.example --domain a.example",
            "the domain a.example is taken\nhint: it is given twice",
        ),
        (
            1,
            "domain add acme globex.checkhost.local",
            "the domain globex.checkhost.local is taken\nhint: it leads to globex; to free it: tenant domain remove globex globex.checkhost.local",
        ),
        (1, "domain remove acme a.example", "the domain a.example does not lead to this tenant"),
        (
            1,
            "create fourth --database nowhere",
            "DB_NOWHERE is not configured\nhint: databases that nobody claims yet: DB_LETTER",
        ),
        (
            1,
            "create fourth --server nowhere",
            "DB_NOWHERE is not configured\nhint: databases that nobody claims yet: DB_LETTER",
        ),
        (
            1,
            "create fourth --server letter",
            "DB_LETTER is a database and not a server\nhint: databases that nobody claims yet: DB_LETTER",
        ),
        (
            1,
            "create fourth --database folder",
            "DB_FOLDER is a server and not a database\nhint: databases that nobody claims yet: DB_LETTER",
        ),
        (
            1,
            "create fourth --database test",
            "the database test is claimed by another tenant\nhint: it is all third's: give the new tenant another, or none and it gets a file of its own",
        ),
        (1, "create fourth --database letter", &format!("{letter} is not a SQLite database")),
        (1, "create --from nowhere.csv", "can't read nowhere.csv: No such file or directory (os error 2)"),
        (
            1,
            "create --from taken.csv",
            "the domain globex.checkhost.local is taken\nhint: it leads to globex; to free it: tenant domain remove globex globex.checkhost.local",
        ),
        (
            1,
            "create --from twice.csv",
            "the file of tenants can't be used:\n  line 2: slug fourth is on line 1 already",
        ),
        (
            1,
            "create --from bad.csv",
            "the file of tenants can't be used:\n  line 2: slug \"www\": this slug is reserved: people expect the operator behind it, not a tenant\n  line 3: slug \"\": a slug is at least 3 characters long",
        ),
    ] {
        let words = format!("tenant {words}");
        assert_eq!(said(folder, &words), (Some(code), format!("error: {why}")), "{words}");
    }
    assert_eq!((ok(folder, "tenant list --json"), files(folder)), before);
    assert_eq!(fs::read_to_string(letter).unwrap(), "Dear Sir or Madam, ".repeat(99));
    ok(folder, &format!("tenant create {longest}"));
}

#[test]
fn the_slug_of_a_deleted_tenant_is_taken_until_it_is_purged() {
    let folder = two_tenants();
    let mut delete = command(folder.path());
    // The slug is typed again from a file, as from a keyboard.
    fs::write(folder.path().join("typed"), "acme\n").unwrap();
    delete.args(["tenant", "delete", "acme"]).stdin(fs::File::open(folder.path().join("typed")).unwrap());
    assert!(delete.output().unwrap().status.success());
    let why = "error: the slug acme is taken\n\
               hint: its tenant was deleted: `tenant undelete acme` brings it back, `tenant purge acme` frees the slug";
    assert_eq!(said(folder.path(), "tenant create acme"), (Some(1), why.to_owned()));
}

#[test]
fn an_env_file_that_can_t_be_read_is_named_and_nothing_is_made() {
    let help =
        "hint: it must be UTF-8 text that this user can read; where there is none, the environment counts";
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join(".env");
    for (make, why) in [
        (
            &(|env: &Path| fs::create_dir(env).unwrap()) as &dyn Fn(&Path),
            "can't read .env: Is a directory (os error 21)",
        ),
        (&|env| fs::write(env, b"DEBUG=true\nSECRET_KEY=hush\xff\n").unwrap(), ".env:2: not UTF-8"),
    ] {
        make(&env);
        for words in ["tenant list", "serve", "migrate", "check"] {
            assert_eq!(said(folder.path(), words), (Some(1), format!("error: {why}\n{help}")), "{words}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is there but .env");
        if env.is_dir() { fs::remove_dir(&env).unwrap() } else { fs::remove_file(&env).unwrap() }
    }

    fs::write(&env, "DEBUG=true\n").unwrap();
    fs::set_permissions(&env, Permissions::from_mode(0o0)).unwrap();
    let done = unprivileged(folder.path()).args(["tenant", "list"]).output().unwrap();
    let text = String::from_utf8(done.stderr).unwrap();
    assert_eq!(text, format!("error: can't read .env: Permission denied (os error 13)\n{help}\n"));
    assert_eq!(done.status.code(), Some(1));
    assert!(!folder.path().join("data").exists());
}

/// A command of someone whom permissions bind: of nobody's, where it would be root's.
fn unprivileged(folder: &Path) -> Command {
    let mut command = command(folder);
    if rustix::process::geteuid().is_root() {
        let program = folder.join("tenantry");
        fs::copy(command.get_program(), &program).unwrap();
        for path in [folder, &program] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        command = Command::new(program);
        command.current_dir(folder).env_clear().uid(NOBODY).gid(NOBODY);
    }
    command
}

#[test]
fn a_directory_that_this_program_does_not_know_is_named_and_left_alone() {
    let (newer, other) = (header(*b"tnty", 7), header(*b"abcd", 1));
    for (bytes, why) in [
        (
            newer.as_slice(),
            "the directory has version 7, and this program knows versions up to 2; use a newer program",
        ),
        (other.as_slice(), "PATH is not a directory of tenants made by this program"),
        (
            "Dear Sir or Madam, ".repeat(99).as_bytes(),
            "PATH is not a directory of tenants made by this program",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = folder.join("directory.db");
        fs::write(&path, bytes).unwrap();
        fs::write(folder.join(".env"), "DIRECTORY_URL=directory.db\n").unwrap();
        let why = why.replace("PATH", &path.display().to_string());
        for words in ["tenant list", "tenant create acme", "migrate", "reconcile", "serve"] {
            assert_eq!(said(folder, words), (Some(1), format!("error: {why}")), "{words}");
        }
        assert_eq!(fs::read(&path).unwrap(), bytes, "{why}");
        assert_eq!(files(&folder.join("data")), Vec::<String>::new(), "{why}");
    }
}

/// An empty SQLite database that bears the mark of a program, and a version
/// (<https://sqlite.org/fileformat2.html#the_database_header>).
fn header(application: [u8; 4], version: u8) -> Vec<u8> {
    let mut page = vec![0; 4_096];
    page[..16].copy_from_slice(b"SQLite format 3\0");
    // The page's size, no log that is written ahead, and the shares of a page that are fixed.
    page[16..24].copy_from_slice(&[0x10, 0, 1, 1, 0, 64, 32, 32]);
    // One page, the form of the schema, the text's encoding.
    for (at, value) in [(27, 1), (31, 1), (47, 4), (59, 1), (63, version), (95, 1)] {
        page[at] = value;
    }
    page[68..72].copy_from_slice(&application);
    // The schema's page has no rows.
    page[100..108].copy_from_slice(&[0x0d, 0, 0, 0, 0, 0x10, 0, 0]);
    page
}
