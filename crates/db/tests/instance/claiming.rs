//! Databases that one tenant claims as a whole: made where they are missing, taken over where they are not, kept.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;

use tenantry_core::Transition;
use tenantry_db::lifecycle::CreateError;
use tenantry_db::migrate::{Column, Migration, Table};
use tenantry_db::{OpenError, PlaceError};

use crate::common::*;

fn future() -> Migration {
    Migration::new("notes", "0002_future").create_table(Table::new("notes_tag").column(Column::id()))
}

#[tokio::test]
async fn a_database_that_is_not_there_is_made_and_kept_when_its_tenant_is_purged() {
    let site = Site::new().file("legacy", "legacy.sqlite3");
    let instance = site.open();
    let record = instance.create_tenant(claiming("acme", "legacy")).await.unwrap();
    assert!(instance.unclaimed().is_empty());
    write(&door(&instance, "acme"), "kept").await.unwrap();

    instance.directory().change_status(record.id, Transition::Delete).await.unwrap();
    instance.purge(record.id).await.unwrap();
    assert!(instance.directory().records().is_empty());
    assert_eq!(site.listed("data/claimed"), Vec::<String>::new());
    assert_eq!(instance.unclaimed(), ["legacy".parse().unwrap()]);

    instance.create_tenant(claiming("again", "legacy")).await.unwrap();
    assert_eq!(titles(&door(&instance, "again")).await.unwrap(), ["kept"]);
}

#[tokio::test]
async fn a_database_that_is_there_is_taken_over_with_what_is_in_it() {
    let site = Site::new().file("legacy", "legacy.sqlite3");
    let theirs = sqlite(&site.path("legacy.sqlite3"));
    theirs.execute_batch("CREATE TABLE theirs (id INTEGER); INSERT INTO theirs VALUES (7)").unwrap();
    drop(theirs);
    let instance = site.open();
    instance.create_tenant(claiming("acme", "legacy")).await.unwrap();
    let db = door(&instance, "acme");
    write(&db, "ours").await.unwrap();
    let rows = db.raw("SELECT id FROM theirs", vec![]).await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_database_that_can_not_be_taken_over_is_left_as_it_was() {
    let site = Site::new()
        .file("text", "text.sqlite3")
        .file("newer", "newer.sqlite3")
        .file("folder", "folder.sqlite3")
        .file("gone", "gone.sqlite3");
    std::fs::write(site.path("text.sqlite3"), "not a database at all".repeat(99)).unwrap();
    std::fs::create_dir(site.path("folder.sqlite3")).unwrap();
    std::fs::write(site.path("gone.sqlite3-wal"), "rows of another database").unwrap();
    let mut newer = Site::new();
    newer.databases.clone_from(&site.databases);
    let of_the_future = newer.try_open(notes([future()])).unwrap();
    let record = of_the_future.create_tenant(claiming("acme", "newer")).await.unwrap();
    write(&door(&of_the_future, "acme"), "of the future").await.unwrap();
    of_the_future.close().await;
    drop((of_the_future, record));

    let instance = site.open();
    let before = std::fs::read(site.path("newer.sqlite3")).unwrap();
    let cases = [
        ("text", "text.sqlite3 is not a SQLite database"),
        ("folder", "folder.sqlite3 is not a SQLite database"),
        (
            "newer",
            "the data is from a newer version of this program: migration notes.0002_future is not known here",
        ),
        ("gone", "gone.sqlite3-wal is left of a database that is gone; move it away first"),
    ];
    for (alias, reason) in cases {
        let error = refused(&instance, vec![claiming("bad", alias), new("acme", &[])]).await.to_string();
        assert!(error.ends_with(reason), "{error}");
        assert!(instance.directory().records().is_empty(), "{alias}");
        assert_eq!(site.listed("data/claimed"), Vec::<String>::new(), "{alias}");
    }
    assert_eq!(std::fs::read(site.path("newer.sqlite3")).unwrap(), before);
    assert!(!site.path("gone.sqlite3").exists());
    assert_eq!(std::fs::read(site.path("gone.sqlite3-wal")).unwrap(), b"rows of another database");
}

#[tokio::test]
async fn a_database_is_claimed_by_one_tenant_whose_locks_a_refused_claim_leaves_alone() {
    let site = Site::new().file("legacy", "legacy.sqlite3");
    let instance = site.open();
    instance.create_tenant(claiming("acme", "legacy")).await.unwrap();
    let db = door(&instance, "acme");
    write(&db, "one").await.unwrap();
    assert!(site.path("legacy.sqlite3-wal").exists());

    let locks = locks_on(&site.path("legacy.sqlite3"));
    assert!(!locks.is_empty());
    let error = refused(&instance, vec![claiming("globex", "legacy")]).await;
    assert!(matches!(error, CreateError::DatabaseTaken(_)), "{error:?}");
    // Closing any descriptor of a file ends all locks of the process on it. Another program that closes the database
    // would then take itself for the last one, and remove the log under our feet.
    assert_eq!(locks_on(&site.path("legacy.sqlite3")), locks);
    write(&db, "two").await.unwrap();
    assert_eq!(titles(&db).await.unwrap(), ["one", "two"]);
}

#[tokio::test]
async fn a_link_beside_a_database_that_is_to_be_made_leads_nothing_out() {
    let site = Site::new().file("legacy", "legacy.sqlite3");
    let instance = site.open();
    // It looks like nothing, so that it is not found to be the remains of a database.
    symlink(site.path("victim-to-be"), site.path("legacy.sqlite3.part")).unwrap();
    let error = refused(&instance, vec![claiming("acme", "legacy")]).await;
    assert!(matches!(error, CreateError::File(_) | CreateError::Remains(_)), "{error:?}");
    assert!(!site.path("victim-to-be").exists(), "nothing was written through the link");
    assert!(instance.directory().records().is_empty());
}

/// The locks that this process has on a file, as the system lists them for each of its descriptors. The list of all
/// locks of the machine is no use: read in pieces while others come and go, it may miss one.
fn locks_on(path: &Path) -> BTreeSet<String> {
    let path = std::fs::canonicalize(path).unwrap();
    let mut locks = BTreeSet::new();
    for descriptor in std::fs::read_dir("/proc/self/fd").unwrap().map(Result::unwrap) {
        // One that another test's thread has closed meanwhile is not this file's.
        if std::fs::read_link(descriptor.path()).is_ok_and(|target| target == path) {
            let about = Path::new("/proc/self/fdinfo").join(descriptor.file_name());
            let about = std::fs::read_to_string(about).unwrap();
            locks.extend(about.lines().filter(|line| line.starts_with("lock:")).map(str::to_owned));
        }
    }
    locks
}

#[test]
fn aliases_that_could_share_data_are_refused() {
    let refused = |site: &Site| match site.try_open(notes([])) {
        Err(OpenError::Place(error)) => error,
        other => unreachable!("{other:?}"),
    };
    let same = |site: Site| {
        let error = refused(&site);
        assert!(matches!(error, PlaceError::Same { .. }), "{error}");
    };
    same(Site::new().file("one", "a.sqlite3").file("two", "a.sqlite3"));
    same(Site::new().file("one", "a.sqlite3").file("two", "./data/../a.sqlite3"));
    same(Site::new().server("one", "files").server("two", "files"));
    let linked =
        Site::new().file("one", "a.sqlite3").file("two", "link.sqlite3").file("three", "hard.sqlite3");
    std::fs::write(linked.path("a.sqlite3"), "").unwrap();
    std::fs::hard_link(linked.path("a.sqlite3"), linked.path("hard.sqlite3")).unwrap();
    symlink(linked.path("a.sqlite3"), linked.path("link.sqlite3")).unwrap();
    for pair in [["one", "two"], ["one", "three"]] {
        let mut site = Site::new();
        site.databases = linked.databases.clone();
        site.databases.retain(|alias, _| pair.contains(&alias.as_str()));
        same(site);
    }
}

/// Each would be overwritten: by the other's log, or by the copy that is to become the other.
#[test]
fn an_alias_that_stands_for_a_part_of_another_database_is_refused() {
    for part in ["-wal", "-shm", "-journal", ".part"] {
        let names = [
            (format!("a.sqlite3{part}"), "a.sqlite3"),
            (format!("data/directory.db{part}"), "data/directory.db"),
            (format!("elsewhere/../a.sqlite3{part}"), "a.sqlite3"),
        ];
        for (name, whole) in names {
            let site = Site::new().file("whole", "a.sqlite3").file("part", &name);
            std::fs::create_dir(site.path("elsewhere")).unwrap();
            let error = site.try_open(notes([])).unwrap_err();
            assert!(matches!(error, OpenError::Place(PlaceError::PartOf { .. })), "{name}: {error}");
            let message = error.to_string();
            assert!(message.starts_with("DB_PART can't be ") && message.contains(&format!("{whole} there")));
        }
    }
    Site::new().file("whole", "a.sqlite3").file("part", "b.sqlite3-wal").open();
}

#[test]
fn an_alias_among_the_instances_own_files_is_refused() {
    let sites = [
        Site::new().file("one", "data/directory.db"),
        Site::new().file("one", "data/tenants/one.db"),
        Site::new().file("one", "data/journal/one.db"),
        Site::new().file("one", "files/one.db").server("two", "files"),
        Site::new().server("one", "data/journal"),
        Site::new().server("one", "data/template"),
        Site::new().server("one", "data/claimed/deeper"),
    ];
    for site in sites {
        std::fs::create_dir(site.path("files")).unwrap();
        let error = site.try_open(notes([])).unwrap_err();
        assert!(
            matches!(error, OpenError::Place(PlaceError::Inside { .. })),
            "{:?}: {error}",
            site.databases
        );
    }
    Site::new().file("one", "data/one.sqlite3").server("two", "data/servers/two").open();
}
