//! kill -9 before every single change of a file, for changes that the command line makes no test of: the first
//! creation in an empty folder, claims, and migrations. Each is then done, or never happened.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]
#![allow(clippy::disallowed_methods, reason = "the other process is told by its environment what to do")]

#[path = "instance/common.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod common;

use std::num::NonZeroUsize;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tenantry_core::{Status, Transition};
use tenantry_db::Instance;
use tenantry_db::lifecycle::Target;
use tenantry_db::migrate::{Column, Migration, Sql, Table};
use tokio::runtime::Runtime;

use common::*;

const SIGKILL: i32 = 9;

/// More changes of files than any of the operations makes.
const ENDLESS: u32 = 5_000;

const TAG_ALL: &str = "INSERT INTO notes_tag (note_id) SELECT id FROM notes_note";

/// What the other process does.
#[derive(Clone, Copy, Debug)]
enum Operation {
    CreateTwo,
    ClaimMissing,
    ClaimFound,
    Migrate,
    PurgeClaimed,
}

impl Operation {
    const ALL: [Self; 5] =
        [Self::CreateTwo, Self::ClaimMissing, Self::ClaimFound, Self::Migrate, Self::PurgeClaimed];

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
            Self::ClaimMissing => drop(make(&instance, "other").await),
            Self::ClaimFound => {
                let theirs = "CREATE TABLE theirs (id INTEGER); INSERT INTO theirs VALUES (7)";
                sqlite(&site.path("legacy.sqlite3")).execute_batch(theirs).unwrap();
            }
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
    }

    async fn carry_out(self, instance: &Instance) {
        match self {
            Self::CreateTwo => {
                let wanted = vec![new("acme", &["acme.example"]), new("globex", &["globex.example"])];
                drop(instance.create_tenants(wanted, |_| {}).await.unwrap());
            }
            Self::ClaimMissing | Self::ClaimFound => {
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
            Self::ClaimMissing | Self::ClaimFound => there,
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
            Self::ClaimFound => {
                let db = sqlite(&site.path("legacy.sqlite3"));
                assert_eq!(db.query_row("SELECT id FROM theirs", [], |row| row.get::<_, i64>(0)), Ok(7));
            }
            Self::Migrate => {
                for name in ["acme", "globex", "initech"] {
                    assert_eq!(titles(&door(instance, name)).await.unwrap(), [name]);
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

/// Nothing lies about that no tenant needs.
fn no_orphans(site: &Site, instance: &Instance) {
    let (mut tenants, mut claimed) = (Vec::new(), Vec::new());
    for record in instance.directory().records() {
        match &record.placement {
            tenantry_core::Placement::Made { name, .. } => {
                tenants.extend([format!("{name}.db"), format!("{name}.lock")]);
            }
            tenantry_core::Placement::Claimed { database } => claimed.push(format!("{database}.lock")),
        }
    }
    tenants.sort();
    assert_eq!(site.listed("data/tenants"), tenants);
    assert_eq!(site.listed("data/claimed"), claimed);
    assert_eq!(site.listed("data/journal"), Vec::<String>::new());
    assert_eq!(site.listed("data"), ["claimed", "directory.db", "journal", "template", "tenants"]);
    let template = site.listed("data/template");
    assert!(template.len() <= 1 && template.iter().all(|name| name.ends_with(".db")), "{template:?}");
    // SQLite leaves a journal in which there is nothing to play back, and takes it away when it writes next.
    let beside = site.listed("");
    assert!(beside.iter().all(|name| name == "data" || name.starts_with("legacy.sqlite3")), "{beside:?}");
    assert!(!beside.contains(&"legacy.sqlite3.part".to_owned()));
}

fn shim(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tenantry/tests/kill/shim.c");
    let shim = folder.join("shim.so");
    let mut built = Command::new("cc");
    built.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).arg("-ldl");
    assert!(built.status().unwrap().success(), "a C compiler is needed: gcc, libc6-dev");
    shim
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

/// Kills the operation before its change number `at` on a copy of `prepared`; whether it came that far.
fn kill_at(operation: Operation, prepared: &Path, shim: &Path, at: u32) -> bool {
    let folder = tempfile::tempdir().unwrap();
    copy(prepared, folder.path());
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_other_process"])
        .env("TENANTRY_TEST_OPERATION", format!("{operation:?}"))
        .env("TENANTRY_TEST_FOLDER", folder.path())
        .env("LD_PRELOAD", shim)
        .env("KILL_AT", at.to_string())
        .output()
        .unwrap();
    let killed = ended.status.signal() == Some(SIGKILL);
    assert!(killed || ended.status.success(), "{at}: {}", String::from_utf8_lossy(&ended.stdout));

    let site = operation.site(folder.path());
    Runtime::new().unwrap().block_on(async {
        let instance = operation.open(&site);
        instance.reconcile().await.unwrap();
        let done = operation.is_done(&instance).await;
        no_orphans(&site, &instance);
        operation.check(&site, &instance, done).await;
        assert!(killed || done, "it completed");
        if !done {
            operation.carry_out(&instance).await;
        }
        let again = operation.open(&site);
        operation.check_done(&again).await;
        no_orphans(&site, &again);
    });
    killed
}

/// Kills an operation everywhere, at two places at a time; how many places there were.
fn kill_everywhere(operation: Operation) -> u32 {
    let (tools, prepared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Runtime::new().unwrap().block_on(operation.prepare(&operation.site(prepared.path())));
    let shim = shim(tools.path());
    let (shim, prepared) = (shim.as_path(), prepared.path());
    let upto = |first: u32| {
        let places = (first..ENDLESS).step_by(2);
        places.take_while(|at| kill_at(operation, prepared, shim, *at)).last().unwrap_or(0)
    };
    let last = std::thread::scope(|scope| {
        let other = scope.spawn(|| upto(2));
        upto(1).max(other.join().unwrap())
    });
    assert!((10..ENDLESS - 2).contains(&last), "{last} changes of files are not what it makes");
    last
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
