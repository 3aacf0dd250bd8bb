//! kill -9 at every single change of a file while an application's further migration is applied to a fleet: each tenant
//! has all of it or nothing of it, loses nothing, and gets the rest when the command is run again.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

#[path = "../../../crates/db/tests/kill/durable.rs"]
mod durability;
#[path = "../../../crates/db/tests/kill/harness.rs"]
mod harness;
#[path = "../../../crates/tenantry/tests/kill/process.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod process;
#[path = "../../../crates/tenantry/tests/common/server.rs"]
#[allow(dead_code, reason = "each test binary uses its share")]
mod server;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tenantry::db::lifecycle::{Home, NewTenant};
use tenantry::db::migrate::Registry;
use tenantry::db::{Instance, InstanceConfig, Synchronous};
use tenantry::prelude::*;
use tenantry::web::auth::people::{NewSuperuser, create_superuser};
use tenantry::web::auth::{HashPolicy, Hasher};
use tokio::runtime::Runtime;

use harness::{At, Shim, copy, everywhere, folder, was_killed};
use process::{Beside, Program, finish};

const NOTES: Program = Program {
    path: env!("CARGO_BIN_EXE_notes"),
    variables: &[("DJANGO_SUPERUSER_PASSWORD", "Tenant-pass-1")],
};

/// What a tenant's host answers with its notes, and while the table that they are in is still to come.
const NOTES_THERE: u16 = 200;
const BEING_UPDATED: u16 = 503;

const FLEET: [&str; 2] = ["acme", "globex"];

/// The instance in a folder, as a program opens it that has no notes yet.
fn open_without_notes(folder: &Path) -> Instance {
    let config = InstanceConfig {
        data: folder.join("data"),
        directory: None,
        databases: [].into(),
        descriptors: 64,
        connections: 4,
        deadline: Duration::from_secs(60),
        synchronous: Synchronous::Full,
        actor: "test".to_owned(),
    };
    Instance::open(config, Registry::default()).unwrap()
}

/// Makes a superuser called ann, as that program does.
async fn make_ann(instance: &Instance, slug: &str) {
    let record = instance.directory().record(&slug.parse().unwrap()).unwrap();
    let db = instance.tenant_db(&Tenant::from_record(record).unwrap()).unwrap();
    let ann = NewSuperuser { username: "ann".parse().unwrap(), email: "".parse().unwrap(), password: None };
    create_superuser(&db, &Hasher::default(), HashPolicy::Own, ann).await.unwrap();
}

/// An instance of such a program, with these tenants.
fn without_notes(tenants: impl Iterator<Item = String>) -> TempDir {
    let folder = folder();
    let home = Home::Server { alias: None, isolation: None };
    let new = |name: String| NewTenant {
        slug: name.parse().unwrap(),
        name: None,
        domains: vec![format!("{name}.localhost").parse().unwrap()],
        home: home.clone(),
    };
    Runtime::new().unwrap().block_on(async {
        let instance = open_without_notes(folder.path());
        instance.create_tenants(tenants.map(new).collect(), |_| {}).await.unwrap();
        instance.close().await;
    });
    folder
}

/// The tenants that are still to be migrated, by what their own data says: to the program's own, or to the last of them.
fn pending(folder: &Path, scope: &str) -> Vec<String> {
    let shown = NOTES.ok(folder, &format!("showmigrations --json {scope}"));
    let shown: Vec<Value> = serde_json::from_str(&shown).unwrap();
    let pending = shown.iter().filter(|line| line["state"] != "applied");
    let tenant = |line: &Value| {
        let migration = line["migration"].as_str().unwrap();
        assert!(["notes.0001_initial", "notes.0002_topics"].contains(&migration), "{line}");
        assert_eq!(line["state"], "to apply");
        line["tenant"].as_str().unwrap().to_owned()
    };
    let mut tenants: Vec<_> = pending.map(tenant).collect();
    tenants.dedup();
    tenants
}

#[test]
fn a_fleet_that_nobody_serves() {
    let (shim, prepared) = (Shim::new(), without_notes(FLEET.map(str::to_owned).into_iter()));
    let ann = "createsuperuser --tenant globex --noinput --username ann";
    Runtime::new().unwrap().block_on(async {
        let instance = open_without_notes(prepared.path());
        make_ann(&instance, "globex").await;
        instance.close().await;
    });
    everywhere(|at| {
        let folder = folder();
        let folder = folder.path();
        copy(prepared.path(), folder);
        let mut command = NOTES.command(folder, "migrate --jobs 2");
        shim.end(&mut command, at);
        let done = finish(&mut command);
        let killed = was_killed(done.status, &done.stderr);
        let said = String::from_utf8_lossy(&done.stdout).contains("2 tenants are up to date now");
        let left = pending(folder, "");
        assert!((killed && !said) || left.is_empty(), "{at:?}: what was said is done");

        let server = Beside::start(NOTES, folder);
        let ask = |slug| server.ask(&format!("{slug}.localhost"), "/notes");
        for slug in FLEET {
            let expected = if left.contains(&slug.to_owned()) { BEING_UPDATED } else { NOTES_THERE };
            assert_eq!(ask(slug), expected, "{at:?} {slug}");
        }
        NOTES.ok(folder, "migrate");
        assert_eq!(pending(folder, ""), [""; 0]);
        for slug in FLEET {
            server.until(&format!("{slug}.localhost"), "/notes", &[NOTES_THERE], &[BEING_UPDATED]);
        }
        let again = NOTES.command(folder, ann).output().unwrap();
        let taken = String::from_utf8(again.stderr).unwrap();
        assert!(taken.contains("the username ann is taken"), "{at:?}: {taken}");
        killed
    });
}

#[test]
fn a_tenant_that_is_served_meanwhile() {
    /// More than there are attempts.
    const TENANTS: u32 = 200;
    let name = |at| match at {
        At::Before(number) => format!("before-{number}"),
        At::After(number) => format!("after-{number}"),
    };
    let names = (1..=TENANTS).flat_map(|number| [name(At::Before(number)), name(At::After(number))]);
    let (shim, folder) = (Shim::new(), without_notes(names));
    let folder = folder.path();
    let server = Beside::start(NOTES, folder);
    everywhere(|at| {
        let (slug, host) = (name(at), format!("{}.localhost", name(at)));
        let mut command = NOTES.command(folder, &format!("migrate --tenant {slug}"));
        shim.end(&mut command, at);
        let (done, seen) = server.ask_meanwhile(&host, "/notes", || finish(&mut command));
        let killed = was_killed(done.status, &done.stderr);
        let pending = !pending(folder, &format!("--tenant {slug}")).is_empty();
        let first = seen.iter().position(|status| *status == NOTES_THERE).unwrap_or(seen.len());
        assert!(seen[..first].iter().all(|status| *status == BEING_UPDATED), "{at:?}: {seen:?}");
        assert!(seen[first..].iter().all(|status| *status == NOTES_THERE), "{at:?}: {seen:?}");
        assert!(!pending || first == seen.len(), "{at:?}: what was served is done");
        assert!(killed || !pending);
        NOTES.ok(folder, &format!("migrate --tenant {slug}"));
        server.until(&host, "/notes", &[NOTES_THERE], &[BEING_UPDATED]);
        killed
    });
}

#[test]
fn what_the_directory_says_of_a_migration_is_on_the_disk_before_it_says_so() {
    let (shim, folder) = (Shim::new(), without_notes(["acme".to_owned()].into_iter()));
    let folder = folder.path().canonicalize().unwrap();
    let changes = shim.list(&mut NOTES.command(&folder, "migrate"), finish);
    assert!(durability::check("migrate", &changes, &folder) > 0);
}
