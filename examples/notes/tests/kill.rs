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

use tempfile::TempDir;
use tenantry::core::Isolation;
use tenantry::db::lifecycle::{Home, NewTenant};
use tenantry::db::migrate::Registry;
use tenantry::db::{Instance, InstanceConfig, Synchronous};
use tokio::runtime::Runtime;

use harness::{At, Shim, copy, everywhere, folder, was_killed};
use process::{Beside, Program, finish};

const NOTES: Program = Program {
    path: env!("CARGO_BIN_EXE_notes"),
    variables: &[("DJANGO_SUPERUSER_PASSWORD", "Tenant-pass-1")],
};

/// What a tenant's host answers with its notes, and without the table that they are in.
const NOTES_THERE: u16 = 200;
const NO_TABLE: u16 = 500;

const FLEET: [&str; 3] = ["acme", "globex", "initech"];

/// An instance of a program that has no notes yet, with these tenants.
fn without_notes(tenants: impl Iterator<Item = String>) -> TempDir {
    let folder = folder();
    let config = InstanceConfig {
        data: folder.path().join("data"),
        directory: None,
        databases: [].into(),
        descriptors: 64,
        deadline: Duration::from_secs(60),
        synchronous: Synchronous::Full,
        actor: "test".to_owned(),
    };
    let home = Home::Server { alias: None, isolation: Isolation::Database };
    let new = |name: String| NewTenant {
        slug: name.parse().unwrap(),
        name: None,
        domains: vec![format!("{name}.localhost").parse().unwrap()],
        home: home.clone(),
    };
    Runtime::new().unwrap().block_on(async {
        let instance = Instance::open(config, Registry::default()).unwrap();
        instance.create_tenants(tenants.map(new).collect(), |_| {}).await.unwrap();
        instance.close().await;
    });
    folder
}

/// Whether a tenant is still to be migrated, by what its own data says.
fn is_pending(folder: &Path, slug: &str) -> bool {
    let plan = NOTES.ok(folder, &format!("migrate --plan --json --tenant {slug}"));
    let pending = format!(r#"[{{"tenant":"{slug}","migration":"notes.0001_initial","state":"to apply"}}]"#);
    assert!(["[]", pending.as_str()].contains(&plan.trim()), "{plan}");
    plan.trim() != "[]"
}

#[test]
fn a_fleet_that_nobody_serves() {
    let (shim, prepared) = (Shim::new(), without_notes(FLEET.map(str::to_owned).into_iter()));
    for slug in FLEET {
        NOTES.ok(prepared.path(), &format!("createsuperuser --tenant {slug} --noinput --username of-{slug}"));
    }
    everywhere(|at| {
        let folder = folder();
        let folder = folder.path();
        copy(prepared.path(), folder);
        let mut command = NOTES.command(folder, "migrate --jobs 2");
        shim.end(&mut command, at);
        let done = finish(&mut command);
        let killed = was_killed(done.status, &done.stderr);
        let said = String::from_utf8_lossy(&done.stdout).contains("3 tenants are up to date now");
        let pending = FLEET.map(|slug| is_pending(folder, slug));
        assert!((killed && !said) || pending == [false; 3], "{at:?}: what was said is done");

        let server = Beside::start(NOTES, folder);
        for (slug, pending) in FLEET.into_iter().zip(pending) {
            let status = server.ask(&format!("{slug}.localhost"), "/notes");
            assert_eq!(status, if pending { NO_TABLE } else { NOTES_THERE }, "{at:?} {slug}");
        }
        NOTES.ok(folder, "migrate");
        for slug in FLEET {
            assert!(!is_pending(folder, slug));
            assert_eq!(server.ask(&format!("{slug}.localhost"), "/notes"), NOTES_THERE, "{at:?} {slug}");
            let mut again = NOTES
                .command(folder, &format!("createsuperuser --tenant {slug} --noinput --username of-{slug}"));
            let taken = String::from_utf8(again.output().unwrap().stderr).unwrap();
            assert!(taken.contains("is taken"), "{at:?} {slug}: {taken}");
        }
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
        let pending = is_pending(folder, &slug);
        let first = seen.iter().position(|status| *status == NOTES_THERE).unwrap_or(seen.len());
        assert!(seen[..first].iter().all(|status| *status == NO_TABLE), "{at:?}: {seen:?}");
        assert!(seen[first..].iter().all(|status| *status == NOTES_THERE), "{at:?}: {seen:?}");
        assert_eq!(pending, first == seen.len(), "{at:?}: what was served is done");
        assert!(killed || !pending);
        NOTES.ok(folder, &format!("migrate --tenant {slug}"));
        assert_eq!(server.ask(&host, "/notes"), NOTES_THERE, "{at:?}");
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
