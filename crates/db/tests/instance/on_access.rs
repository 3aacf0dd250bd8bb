//! Tenants that are migrated when they are asked for: so many at a time, each once, whoever waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};

use tenantry_db::Instance;
use tenantry_db::lifecycle::Target;
use tenantry_db::migrate::Migration;
use tenantry_db::model::{QueryError, VersionError};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::common::*;

/// How many may be migrated at a time.
const AT_ONCE: usize = 4;

/// How many of the steps may end.
static MAY_END: Semaphore = Semaphore::const_new(0);

/// How many have begun, have ended, and were under way at the same time at the most.
static BEGUN: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn waits() -> Migration {
    Migration::new("notes", "0002_waits").run_rust("wait", |_| {
        Box::pin(async {
            let begun = BEGUN.fetch_add(1, Ordering::SeqCst) + 1;
            MOST.fetch_max(begun - ENDED.load(Ordering::SeqCst), Ordering::SeqCst);
            MAY_END.acquire().await.unwrap().forget();
            ENDED.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    })
}

/// Asks for a tenant's notes, as a request would.
fn ask(instance: &Instance, name: &str) -> JoinHandle<Result<Vec<String>, QueryError>> {
    let db = door(instance, name);
    tokio::spawn(async move { titles(&db).await })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_are_migrated_at_a_time_each_once_and_whoever_has_gone() {
    let names = ["acme", "globex", "initech", "hooli", "umbrella", "vandelay"];
    let site = Site::new();
    let old = site.open();
    for name in names {
        make(&old, name).await;
        write(&door(&old, name), name).await.unwrap();
    }
    let new = site.try_open(notes([waits()])).unwrap();
    let refused = titles(&door(&new, "acme")).await;
    assert!(matches!(refused, Err(QueryError::Version(VersionError::Behind { .. }))), "off unless wanted");
    assert_eq!(BEGUN.load(Ordering::SeqCst), 0);

    new.migrate_on_access();
    until("the refusal is forgotten", async || {
        // Nobody waits for the first of them any more.
        ask(&new, "acme").abort();
        BEGUN.load(Ordering::SeqCst) == 1
    })
    .await;
    let mut asked: Vec<_> = names[1..].iter().flat_map(|name| [ask(&new, name), ask(&new, name)]).collect();
    until("four are under way", async || BEGUN.load(Ordering::SeqCst) == AT_ONCE).await;
    for ended in 1..=names.len() {
        MAY_END.add_permits(1);
        until("one more has ended", async || ENDED.load(Ordering::SeqCst) == ended).await;
        let begun = names.len().min(AT_ONCE + ended);
        until("another has its turn", async || BEGUN.load(Ordering::SeqCst) == begun).await;
    }
    for (name, answers) in names[1..].iter().zip(asked.chunks_mut(2)) {
        for answer in answers {
            match answer.await.unwrap() {
                Ok(found) => assert_eq!(found, [*name]),
                // Who waits for long is told to come back.
                Err(QueryError::Version(VersionError::Behind { .. })) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    for name in names {
        until("all of them", async || titles(&door(&new, name)).await.is_ok_and(|found| found == [name]))
            .await;
    }
    assert_eq!(new.behind(&Target::Fleet).await.unwrap(), [], "and the directory knows");
    assert_eq!((BEGUN.load(Ordering::SeqCst), MOST.load(Ordering::SeqCst)), (names.len(), AT_ONCE));
}
