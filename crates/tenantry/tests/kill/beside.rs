//! Commands that are killed beside a server, which is asked for the tenant all the while: it answers as if there were
//! no tenant, or one that is all there.

use std::path::Path;
use std::time::Instant;

use crate::SERVER;
use crate::harness::{At, Shim, everywhere, folder, was_killed};
use crate::process::{Beside, begin, finish};
use crate::server::PATIENCE;

/// What a host answers that leads to no tenant. The second where it still led to one when the host was looked at.
const UNKNOWN: [u16; 2] = [400, 404];
/// What it answers when the tenant is being made, or stops being served.
const NOT_NOW: u16 = 503;
/// What it answers when the tenant is there.
const THERE: u16 = 302;
/// What it may answer on the way from one to the other.
const ANY: [u16; 4] = [UNKNOWN[0], UNKNOWN[1], NOT_NOW, THERE];

#[test]
fn a_creation() {
    let (shim, folder) = (Shim::new(), folder());
    let folder = folder.path();
    SERVER.ok(folder, "tenant create globex --domain globex.localhost");
    let server = Beside::start(SERVER, folder);
    everywhere(|at| {
        let slug = slug(at);
        let host = format!("{slug}.localhost");
        let mut command = SERVER.command(folder, &format!("tenant create --domain {host} {slug}"));
        shim.end(&mut command, at);
        let (done, seen) = server.ask_meanwhile(&host, "/admin/", || finish(&mut command));
        let killed = was_killed(done.status, &done.stderr);
        assert!(seen.iter().all(|status| ANY.contains(status)), "{at:?}: {seen:?}");
        let served = seen.contains(&THERE);

        let there = reconciled(folder, &slug);
        assert!(there || (killed && !served), "{at:?}: it was there");
        if there {
            server.until(&host, "/admin/", &[THERE], &ANY);
            SERVER.ok(folder, &format!("createsuperuser --tenant {slug} --noinput --username ann"));
        } else {
            server.until(&host, "/admin/", &UNKNOWN, &[NOT_NOW]);
        }
        killed
    });
    assert_eq!(server.ask("globex.localhost", "/admin/"), THERE);
}

#[test]
fn a_purge() {
    let (shim, folder) = (Shim::new(), folder());
    let folder = folder.path();
    let server = Beside::start(SERVER, folder);
    everywhere(|at| {
        let slug = slug(at);
        let host = format!("{slug}.localhost");
        SERVER.ok(folder, &format!("tenant create --domain {host} {slug}"));
        server.until(&host, "/admin/", &[THERE], &ANY);
        // It goes on to wait until every process has heard of it. The only one has, as its answer shows.
        let mut deletion = begin(&mut SERVER.command(folder, &format!("tenant delete {slug}")));
        server.until(&host, "/admin/", &UNKNOWN, &ANY);
        deletion.kill().unwrap();
        deletion.wait().unwrap();
        let mut command = SERVER.command(folder, &format!("tenant purge {slug}"));
        shim.end(&mut command, at);
        let (done, seen) = server.ask_meanwhile(&host, "/admin/", || finish(&mut command));
        let killed = was_killed(done.status, &done.stderr);
        assert!(seen.iter().all(|status| UNKNOWN.contains(status)), "{at:?}: {seen:?}");

        let there = reconciled(folder, &slug);
        assert!(killed || !there, "{at:?}: it completed");
        if there {
            SERVER.ok(folder, &format!("tenant undelete {slug}"));
            server.until(&host, "/admin/", &[THERE], &UNKNOWN);
        }
        killed
    });
}

/// Whether the tenant is there in the end. The `reconcile` of another attempt may be at it, and is then waited for.
fn reconciled(folder: &Path, slug: &str) -> bool {
    let begun = Instant::now();
    loop {
        SERVER.ok(folder, "reconcile");
        let tenants = SERVER.tenants(folder);
        let Some(tenant) = tenants.iter().find(|tenant| tenant["slug"] == slug) else { return false };
        if tenant["status"] != "provisioning" && tenant["status"] != "deleting" {
            return true;
        }
        assert!(begun.elapsed() < PATIENCE, "{slug} stays half done");
    }
}

/// A slug for each attempt.
fn slug(at: At) -> String {
    match at {
        At::Before(number) => format!("before-{number}"),
        At::After(number) => format!("after-{number}"),
    }
}
