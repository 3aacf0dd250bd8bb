//! kill -9 at every single change of a file, for changes that the command line makes no test of: the first
//! creation in an empty folder, claims, and migrations. Each is then done, or never happened.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "the other process is told by its environment what to do")]

#[path = "../instance/common.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod common;
#[allow(dead_code, reason = "each test binary uses its share")]
mod harness;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use tenantry_core::{Placement, Status, Transition};
use tenantry_db::Instance;
use tenantry_db::lifecycle::Target;
use tenantry_db::migrate::{Column, Migration, Sql, Table};
use tenantry_db::model::{QueryError, VersionError};
use tokio::runtime::Runtime;

use common::*;
use harness::{At, Shim, copy, everywhere, folder, was_killed};

const TAG_ALL: &str = "INSERT INTO notes_tag (note_id) SELECT id FROM notes_note";

/// What the other process does.
#[derive(Clone, Copy, Debug)]
enum Operation {
    CreateTwo,
    ClaimMissing,
    /// While nobody is at work, someone puts the database there that was missing.
    ClaimFilledIn,
    ClaimFound,
    Migrate,
    PurgeClaimed,
}

impl Operation {
    const ALL: [Self; 6] = [
        Self::CreateTwo,
        Self::ClaimMissing,
        Self::ClaimFilledIn,
        Self::ClaimFound,
        Self::Migrate,
        Self::PurgeClaimed,
    ];

    /// Its site, in a folder that may have been copied there.
    fn site(self, folder: &Path) -> Site {
        Site::at(folder).file("legacy", "legacy.sqlite3")
    }

    fn open(self, site: &Site) -> Instance {
        let further = Migration::new("notes", "0002_tags")
            .create_table(Table::new("notes_tag").column(Column::id()).column(Column::big_int("note_id")))
            .run_sql(Sql { sqlite: TAG_ALL, postgres: TAG_ALL });
        let further = matches!(self, Self::Migrate).then_some(further);
        site.try_open(notes(further)).unwrap()
    }

    /// What is there before.
    async fn prepare(self, site: &Site) {
        if matches!(self, Self::CreateTwo) {
            return; // It starts from nothing.
        }
        let instance = site.open();
        match self {
            Self::CreateTwo => {}
            Self::ClaimMissing | Self::ClaimFilledIn => drop(make(&instance, "other").await),
            Self::ClaimFound => put_theirs(site),
            Self::Migrate => {
                for name in ["acme", "globex", "initech"] {
                    make(&instance, name).await;
                    write(&door(&instance, name), name).await.unwrap();
                }
            }
            Self::PurgeClaimed => {
                let id = instance.create_tenant(claiming("acme", "legacy")).await.unwrap().id;
                write(&door(&instance, "acme"), "kept").await.unwrap();
                instance.directory().change_status(id, Transition::Delete).await.unwrap();
            }
        }
        instance.close().await;
        drop(instance);
        // The directory's thread ends by itself, and its log with it: nobody may be at work in what is copied.
        until("the end of the directory's log", async || names(site, "data").len() == 5).await;
    }

    async fn carry_out(self, instance: &Instance) {
        match self {
            Self::CreateTwo => {
                let wanted = vec![new("acme", &["acme.example"]), new("globex", &["globex.example"])];
                drop(instance.create_tenants(wanted, |_| {}).await.unwrap());
            }
            Self::ClaimMissing | Self::ClaimFilledIn | Self::ClaimFound => {
                drop(instance.create_tenant(claiming("acme", "legacy")).await.unwrap());
            }
            Self::Migrate => {
                let behind = instance.behind(&Target::Fleet).await.unwrap();
                let jobs = NonZeroUsize::new(2).unwrap();
                let summary = instance.migrate(behind, jobs, |_| {}).await.unwrap();
                assert!(summary.failed.is_empty(), "{:?}", summary.failed);
            }
            Self::PurgeClaimed => {
                let id = instance.directory().record(&slug("acme")).unwrap().id;
                instance.purge(id).await.unwrap();
            }
        }
        instance.close().await;
    }

    /// Whether it is done, as far as anyone can see who looks through the door.
    async fn is_done(self, instance: &Instance) -> bool {
        let there = instance.directory().record(&slug("acme")).is_some();
        match self {
            Self::CreateTwo => {
                assert_eq!(there, instance.directory().record(&slug("globex")).is_some(), "all or none");
                there
            }
            Self::ClaimMissing | Self::ClaimFilledIn | Self::ClaimFound => there,
            Self::Migrate => instance.behind(&Target::Fleet).await.unwrap().is_empty(),
            Self::PurgeClaimed => !there,
        }
    }

    /// What must hold whether it was done or never happened.
    async fn check(self, site: &Site, instance: &Instance, done: bool) {
        for record in instance.directory().records() {
            let expected = if matches!(self, Self::PurgeClaimed) { Status::Deleted } else { Status::Active };
            assert_eq!(record.status, expected, "nothing is half made or half gone");
        }
        match self {
            Self::CreateTwo if done => {
                for name in ["acme", "globex"] {
                    assert_eq!(titles(&door(instance, name)).await.unwrap(), Vec::<String>::new());
                }
            }
            Self::CreateTwo => {}
            Self::ClaimMissing if done => {
                assert_eq!(titles(&door(instance, "acme")).await.unwrap(), Vec::<String>::new());
            }
            Self::ClaimMissing => assert!(!site.path("legacy.sqlite3").exists()),
            Self::ClaimFilledIn => {}
            Self::ClaimFound => assert!(theirs_are_there(site)),
            Self::Migrate => {
                for name in ["acme", "globex", "initech"] {
                    match titles(&door(instance, name)).await {
                        Err(QueryError::Version(VersionError::Behind { .. })) if !done => {}
                        found => assert_eq!(found.unwrap(), [name]),
                    }
                }
            }
            Self::PurgeClaimed => {
                let db = sqlite(&site.path("legacy.sqlite3"));
                let kept = db.query_row("SELECT title FROM notes_note", [], |row| row.get::<_, String>(0));
                assert_eq!(kept.unwrap(), "kept");
            }
        }
    }

    /// After the operation was done, at the first or at the second attempt.
    async fn check_done(self, instance: &Instance) {
        assert!(self.is_done(instance).await);
        if matches!(self, Self::Migrate) {
            for name in ["acme", "globex", "initech"] {
                let tags = door(instance, name).raw("SELECT id FROM notes_tag", vec![]).await.unwrap();
                assert_eq!(tags.len(), 1, "the data step ran once");
            }
        }
    }
}

/// Puts a database with someone's own rows where a tenant may claim it.
fn put_theirs(site: &Site) {
    let theirs = "CREATE TABLE theirs (id INTEGER); INSERT INTO theirs VALUES (7)";
    sqlite(&site.path("legacy.sqlite3")).execute_batch(theirs).unwrap();
}

/// Whether those rows are there, in a file that is in order.
fn theirs_are_there(site: &Site) -> bool {
    let db = sqlite(&site.path("legacy.sqlite3"));
    let checked: String = db.pragma_query_value(None, "integrity_check", |row| row.get(0)).unwrap();
    assert_eq!(checked, "ok");
    db.query_row("SELECT id FROM theirs", [], |row| row.get::<_, i64>(0)) == Ok(7)
}

/// Nothing lies about that no tenant needs, once every tenant's file is closed.
async fn no_orphans(site: &Site, instance: Instance) {
    instance.close().await;
    let (mut tenants, mut claimed) = (Vec::new(), Vec::new());
    for record in instance.directory().records() {
        match &record.placement {
            Placement::Made { name, .. } => tenants.extend([format!("{name}.db"), format!("{name}.lock")]),
            Placement::Claimed { database } => claimed.push(format!("{database}.lock")),
            Placement::Adopted { .. } => unreachable!("a file has no schemas"),
        }
    }
    tenants.sort();
    assert_eq!(names(site, "data/tenants"), tenants);
    assert_eq!(names(site, "data/claimed"), claimed);
    assert_eq!(names(site, "data/journal"), [""; 0]);
    assert_eq!(site.listed("data"), ["claimed", "directory.db", "journal", "template", "tenants"]);
    let template = names(site, "data/template");
    assert!(template.len() <= 1 && template.iter().all(|name| name.ends_with(".db")), "{template:?}");
    let beside = names(site, "");
    assert!(beside == ["data"] || beside == ["data", "legacy.sqlite3"], "{beside:?}");
}

/// Every name in a folder.
fn names(site: &Site, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(site.path(folder)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Ends the operation there, on a copy of `prepared`, and looks what has become of it; whether it came that far.
fn kill_at(operation: Operation, prepared: &Path, shim: &Shim, at: At) -> bool {
    let folder = folder();
    copy(prepared, folder.path());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "the_other_process"])
        .env("TENANTRY_TEST_OPERATION", format!("{operation:?}"))
        .env("TENANTRY_TEST_FOLDER", folder.path());
    shim.end(&mut command, at);
    let ended = command.output().unwrap();
    let killed = was_killed(ended.status, &ended.stdout);

    let site = operation.site(folder.path());
    let filled_in = matches!(operation, Operation::ClaimFilledIn) && !site.path("legacy.sqlite3").exists();
    if filled_in {
        put_theirs(&site);
    }
    Runtime::new().unwrap().block_on(async {
        let instance = operation.open(&site);
        instance.reconcile().await.unwrap();
        let done = operation.is_done(&instance).await;
        assert!(killed || done, "it completed");
        operation.check(&site, &instance, done).await;
        no_orphans(&site, instance).await;
        if !done {
            operation.carry_out(&operation.open(&site)).await;
        }
        let again = operation.open(&site);
        operation.check_done(&again).await;
        no_orphans(&site, again).await;
        assert!(!filled_in || theirs_are_there(&site), "what was put there is nobody's to remove");
    });
    killed
}

/// Ends an operation everywhere.
fn kill_everywhere(operation: Operation) {
    let (shim, prepared) = (Shim::new(), folder());
    Runtime::new().unwrap().block_on(operation.prepare(&operation.site(prepared.path())));
    everywhere(|at| kill_at(operation, prepared.path(), &shim, at));
}

/// Nothing by itself: what [`kill_at`] runs in a process of its own.
#[test]
fn the_other_process() {
    let Ok(asked) = std::env::var("TENANTRY_TEST_OPERATION") else { return };
    let operation = Operation::ALL.into_iter().find(|one| format!("{one:?}") == asked).unwrap();
    let folder = PathBuf::from(std::env::var_os("TENANTRY_TEST_FOLDER").unwrap());
    let site = operation.site(&folder);
    Runtime::new().unwrap().block_on(async { operation.carry_out(&operation.open(&site)).await });
}

#[test]
fn two_creations_in_an_empty_folder() {
    kill_everywhere(Operation::CreateTwo);
}

#[test]
fn the_claim_of_a_database_that_is_not_there() {
    kill_everywhere(Operation::ClaimMissing);
}

#[test]
fn the_claim_of_a_database_that_someone_then_puts_there() {
    kill_everywhere(Operation::ClaimFilledIn);
}

#[test]
fn the_claim_of_a_database_that_is_there() {
    kill_everywhere(Operation::ClaimFound);
}

#[test]
fn the_migration_of_a_fleet() {
    kill_everywhere(Operation::Migrate);
}

#[test]
fn the_purge_of_a_tenant_that_claimed_its_database() {
    kill_everywhere(Operation::PurgeClaimed);
}
