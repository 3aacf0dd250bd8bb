//! Data that is behind or ahead of the program: refused, that tenant's alone, until it is of the same version again.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::task::Poll;

use tenantry_core::Transition;
use tenantry_db::lifecycle::Target;
use tenantry_db::migrate::{Column, Migration, Table};
use tenantry_db::model::{QueryError, VersionError};
use tenantry_db::{Instance, TenantDb};

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(
    apart: data_that_is_behind_is_refused_until_it_is_brought_up_to_date_beside,
    data_that_is_ahead_is_served_on_if_that_was_declared_additive_and_else_refused,
    data_with_another_past_is_refused_with_what_is_not_the_same,
);

fn tags() -> Migration {
    Migration::new("notes", "0002_tags").create_table(Table::new("notes_tag").column(Column::id()))
}

/// What the program of today can't live with.
fn renamed() -> Migration {
    Migration::new("notes", "0002_renamed").rename_column("notes_note", "title", "heading")
}

async fn migrate(instance: &Instance, name: &str) {
    let tenant = instance.behind(&Target::Tenant(slug(name))).await.unwrap();
    let summary = instance.migrate(tenant, NonZeroUsize::MIN, |_| {}).await.unwrap();
    assert_eq!((summary.done, summary.failed.len()), (1, 0), "{name}");
}

fn behind(missing: &str) -> VersionError {
    VersionError::Behind { missing: missing.to_owned() }
}

/// Why every sort of operation on the data is refused; nothing is done by any of them.
async fn why_refused(db: &TenantDb) -> VersionError {
    let begun = db.transaction(async |_| -> Result<(), QueryError> { unreachable!("it was begun") }).await;
    let refusals = [
        titles(db).await.unwrap_err(),
        write(db, "too early or too late").await.unwrap_err(),
        db.raw("SELECT 1", vec![]).await.unwrap_err(),
        begun.unwrap_err(),
        db.ready().await.unwrap_err(),
    ];
    let refusals = refusals.map(|refused| match refused {
        QueryError::Version(refused) => refused,
        other => unreachable!("{other:?}"),
    });
    assert!(refusals.iter().all(|refused| *refused == refusals[0]), "{refusals:?}");
    assert!(!db.is_ready());
    refusals[0].clone()
}

async fn data_that_is_behind_is_refused_until_it_is_brought_up_to_date_beside(ground: Ground) {
    let site = Site::on(ground);
    let old = site.open();
    for name in ["acme", "globex"] {
        site.make(&old, name).await;
        write(&door(&old, name), name).await.unwrap();
    }
    old.close().await;

    let instance = site.try_open(notes([tags()])).unwrap();
    let (acme, globex) = (door(&instance, "acme"), door(&instance, "globex"));
    assert_eq!(why_refused(&acme).await, behind("notes.0002_tags"));
    assert_eq!(why_refused(&globex).await, behind("notes.0002_tags"));

    let beside = site.try_open(notes([tags()])).unwrap();
    migrate(&beside, "globex").await;
    until("that globex is up to date", async || titles(&globex).await.is_ok()).await;
    assert_eq!(titles(&globex).await.unwrap(), ["globex"]);
    assert_eq!(why_refused(&acme).await, behind("notes.0002_tags"), "nobody else is let in by it");
    migrate(&beside, "acme").await;
    until("that acme is up to date", async || acme.ready().await.is_ok()).await;
    assert!(acme.is_ready());
    assert_eq!(titles(&acme).await.unwrap(), ["acme"], "nothing was written meanwhile");
}

async fn data_that_is_ahead_is_served_on_if_that_was_declared_additive_and_else_refused(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    site.make(&instance, "acme").await;
    site.make(&instance, "globex").await;
    let (acme, globex) = (door(&instance, "acme"), door(&instance, "globex"));
    write(&acme, "before").await.unwrap();
    write(&globex, "before").await.unwrap();

    let newer = site.try_open(notes([tags().additive()])).unwrap();
    migrate(&newer, "globex").await;
    newer.close().await;
    let other = site.try_open(notes([renamed()])).unwrap();
    migrate(&other, "acme").await;
    // Not for a moment does what fails on the other tables look like a fault of the program.
    until("that acme is ahead", async || match titles(&acme).await {
        Ok(_) => false,
        Err(QueryError::Version(_)) => true,
        Err(error) => unreachable!("{error:?}"),
    })
    .await;
    let ahead = VersionError::Ahead { unknown: "notes.0002_renamed".to_owned() };
    assert_eq!(why_refused(&acme).await, ahead);
    // Memory has heard of both by now.
    write(&globex, "after").await.unwrap();
    assert_eq!(titles(&globex).await.unwrap(), ["before", "after"]);
    let rows = door(&other, "acme").raw("SELECT heading FROM notes_note", vec![]).await.unwrap();
    assert_eq!(rows.len(), 1, "nothing was written into what is ahead");

    // What no statement trips over is heard from the directory.
    site.make(&instance, "initech").await;
    let initech = door(&instance, "initech");
    write(&initech, "before").await.unwrap();
    let careful = site.try_open(notes([tags()])).unwrap();
    migrate(&careful, "initech").await;
    until("that initech is ahead", async || titles(&initech).await.is_err()).await;
    let newer = VersionError::Ahead { unknown: "notes.0002_tags".to_owned() };
    assert_eq!(why_refused(&initech).await, newer);
    assert_eq!(titles(&globex).await.unwrap(), ["before", "after"]);

    // A program that starts on it learns the same from the data.
    let again = site.open();
    assert_eq!(why_refused(&door(&again, "acme")).await, ahead);
    assert_eq!(titles(&door(&again, "globex")).await.unwrap(), ["before", "after"]);
}

#[tokio::test]
async fn what_the_directory_has_not_heard_of_is_seen_in_the_data() {
    let site = Site::new();
    let old = site.open();
    let acme = make(&old, "acme").await;
    make(&old, "globex").await;
    old.close().await;
    let path = file_of(&site, &acme);
    let copy = site.path("copy.db");
    std::fs::copy(&path, &copy).unwrap();

    // Whoever migrated it was killed before the directory was told: here it had a directory of its own.
    let instance = site.try_open(notes([tags()])).unwrap();
    let db = door(&instance, "acme");
    assert_eq!(why_refused(&db).await, behind("notes.0002_tags"));
    let mut elsewhere = Site::new();
    elsewhere.databases.insert("acme".parse().unwrap(), tenantry_db::Location::File(path.clone()));
    let migrating = elsewhere.try_open(notes([tags()])).unwrap();
    migrating.create_tenant(claiming("elsewhere", "acme")).await.unwrap();
    migrating.close().await;
    until("that acme is up to date", async || titles(&db).await.is_ok()).await;

    // An old copy was put in its place while it was not served.
    migrate(&instance, "acme").await;
    assert!(instance.behind(&Target::Fleet).await.unwrap().iter().all(|record| record.id != acme.id));
    instance.directory().change_status(acme.id, Transition::Suspend).await.unwrap();
    until("that acme's file is closed", async || {
        matches!(titles(&db).await, Err(QueryError::Closed)) && instance.stats().files.open == 0
    })
    .await;
    std::fs::copy(&copy, &path).unwrap();
    instance.directory().change_status(acme.id, Transition::Activate).await.unwrap();
    assert_eq!(why_refused(&door(&instance, "acme")).await, behind("notes.0002_tags"));
    migrate(&instance, "acme").await;
    assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), Vec::<String>::new());
}

async fn data_with_another_past_is_refused_with_what_is_not_the_same(ground: Ground) {
    let site = Site::on(ground);
    let old = site.try_open(notes([tags()])).unwrap();
    site.make(&old, "acme").await;
    old.close().await;
    let table = Table::new("notes_tag").column(Column::id()).column(Column::text("colour"));
    let changed = Migration::new("notes", "0002_tags").create_table(table);
    let instance = site.try_open(notes([changed])).unwrap();
    let refused = why_refused(&door(&instance, "acme")).await;
    assert!(matches!(refused, VersionError::Foreign { .. }), "{refused:?}");
    assert!(
        refused.to_string().contains("notes.0002_tags was changed after it had been applied"),
        "{refused}"
    );
}

async fn poll_once<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// A newer program has migrated the data and was killed before the directory heard of it: nobody else will say so.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_into_data_that_was_migrated_while_the_write_waited() {
    const APPLIED: &str = "INSERT INTO tenantry_migration (app, name, checksum, additive, adopted, applied) \
                           VALUES ('notes', '0002_new', 'x', ?, 0, CURRENT_TIMESTAMP)";
    let site = Site::new();
    let instance = site.open();
    for (name, additive) in [("acme", false), ("globex", true)] {
        let record = make(&instance, name).await;
        let db = door(&instance, name);
        write(&db, "before").await.unwrap();
        let newer = sqlite(&file_of(&site, &record));
        newer.execute_batch("BEGIN IMMEDIATE").unwrap();
        newer.execute(APPLIED, [additive]).unwrap();
        let mut waits = pin!(write(&db, "late"));
        let mut waits_too = pin!(db.transaction(async |tx| write(&tx, "later").await));
        assert!(
            poll_once(waits.as_mut()).await.is_pending() && poll_once(waits_too.as_mut()).await.is_pending()
        );
        newer.execute_batch("COMMIT").unwrap();
        let ahead = VersionError::Ahead { unknown: "notes.0002_new".to_owned() };
        for outcome in [waits.await, waits_too.await] {
            match outcome {
                Ok(_) => assert!(additive, "{name}"),
                Err(QueryError::Version(refused)) => assert_eq!((refused, additive), (ahead.clone(), false)),
                Err(other) => unreachable!("{other:?}"),
            }
        }
        let count: i64 = newer.query_row("SELECT count(*) FROM notes_note", (), |row| row.get(0)).unwrap();
        assert_eq!(count, if additive { 3 } else { 1 }, "{name}");
    }

    // Nothing is written, and no statement fails: what is read is looked at again all the same.
    let record = make(&instance, "initech").await;
    let db = door(&instance, "initech");
    write(&db, "before").await.unwrap();
    sqlite(&file_of(&site, &record)).execute(APPLIED, [false]).unwrap();
    until("that initech is ahead", async || titles(&db).await.is_err()).await;
}

#[tokio::test]
async fn a_file_can_be_replaced_once_its_tenant_is_at_rest() {
    let site = Site::new();
    let (instance, beside) = (site.open(), site.open());
    let acme = make(&instance, "acme").await;
    let (path, copy) = (file_of(&site, &acme), site.path("copy.db"));
    write(&door(&instance, "acme"), "old").await.unwrap();
    sqlite(&path).execute("VACUUM INTO ?", [copy.to_str().unwrap()]).unwrap();
    write(&door(&instance, "acme"), "new").await.unwrap();

    // In another process: the server beside it still has the file open, and has not heard of anything.
    beside.directory().change_status(acme.id, Transition::Suspend).await.unwrap();
    beside.at_rest(acme.id).await.unwrap();
    assert!(!path.with_extension("db-wal").exists());
    std::fs::copy(&copy, &path).unwrap();
    beside.directory().change_status(acme.id, Transition::Activate).await.unwrap();
    let seen = async || {
        let record = instance.directory().record_by_id(acme.id).unwrap();
        record.status == tenantry_core::Status::Active && titles(&door(&instance, "acme")).await.is_ok()
    };
    until("that acme is served again", seen).await;
    assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["old"]);
    write(&door(&instance, "acme"), "after").await.unwrap();
    instance.close().await;
    let stored = site.open();
    assert_eq!(titles(&door(&stored, "acme")).await.unwrap(), ["old", "after"]);
}
