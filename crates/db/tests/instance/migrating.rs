//! A fleet is migrated: only what is missing, past what fails.

use std::num::NonZeroUsize;

use tenantry_core::Transition;
use tenantry_db::Instance;
use tenantry_db::lifecycle::{Home, MigrateError, NewTenant, Target};
use tenantry_db::migrate::{Column, Migration, Summary, Table};

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(
    apart: a_fleet_gets_what_is_missing_and_one_that_is_up_to_date_is_not_touched,
);

fn tags() -> Migration {
    Migration::new("notes", "0002_tags").create_table(Table::new("notes_tag").column(Column::id()))
}

async fn migrate(instance: &Instance, target: &Target) -> Summary {
    let tenants = instance.behind(target).await.unwrap();
    instance.migrate(tenants, NonZeroUsize::new(2).unwrap(), |_| {}).await.unwrap()
}

async fn a_fleet_gets_what_is_missing_and_one_that_is_up_to_date_is_not_touched(ground: Ground) {
    let site = Site::on(ground);
    let old = site.open();
    for name in ["acme", "globex", "initech"] {
        site.make(&old, name).await;
        write(&door(&old, name), name).await.unwrap();
    }
    let suspended = old.directory().record(&slug("initech")).unwrap().id;
    old.directory().change_status(suspended, Transition::Suspend).await.unwrap();
    let nothing_to_do = migrate(&old, &Target::Fleet).await;
    assert_eq!((nothing_to_do.done, nothing_to_do.failed.len()), (0, 0));
    old.close().await;

    let instance = site.try_open(notes([tags()])).unwrap();
    let newcomer = site.make(&instance, "newcomer").await;
    let behind = instance.behind(&Target::Fleet).await.unwrap();
    assert!(behind.iter().all(|record| record.id != newcomer.id), "it is made up to date");
    let summary = migrate(&instance, &Target::Fleet).await;
    assert_eq!((summary.done, summary.failed.len()), (3, 0), "one that is suspended too");
    for name in ["acme", "globex"] {
        let db = door(&instance, name);
        assert!(db.raw("SELECT id FROM notes_tag", vec![]).await.unwrap().is_empty());
        assert_eq!(titles(&db).await.unwrap(), [name]);
    }
    instance.close().await;

    // Nothing is left to do, so no file is opened: there are none to be opened any more.
    for file in site.listed("data/tenants") {
        std::fs::remove_file(site.path("data/tenants").join(file)).unwrap();
    }
    let again = site.try_open(notes([tags()])).unwrap();
    let summary = migrate(&again, &Target::Fleet).await;
    assert_eq!((summary.done, summary.failed.len(), again.stats().files.open), (0, 0, 0));
}

#[tokio::test]
async fn a_tenant_that_can_not_be_reached_is_named_and_stops_nobody() {
    let mut site = Site::new().server("far", "far").file("legacy", "legacy.sqlite3");
    let old = site.open();
    let far = Home::Server { alias: Some("far".parse().unwrap()), isolation: None };
    old.create_tenant(NewTenant { home: far, ..new("lost", &["lost.example"]) }).await.unwrap();
    let broken = make(&old, "broken").await;
    make(&old, "acme").await;
    old.close().await;
    drop(old);
    std::fs::write(file_of(&site, &broken), "not a database at all".repeat(99)).unwrap();
    site.databases.remove(&"far".parse().unwrap());

    let instance = site.try_open(notes([tags()])).unwrap();
    let misplaced = instance.misplaced();
    assert_eq!(misplaced.len(), 1);
    assert_eq!(
        (misplaced[0].0.as_str(), misplaced[0].1.to_string().as_str()),
        ("lost", "DB_FAR is not configured")
    );
    let lost = by_host(&instance, "lost.example").unwrap();
    assert!(instance.tenant_db(&lost).is_err(), "it gets no other database instead");

    let summary = migrate(&instance, &Target::Fleet).await;
    let failed: Vec<_> = summary.failed.iter().map(|(slug, _)| slug.as_str()).collect();
    assert_eq!((summary.done, failed), (1, vec!["broken", "lost"]));
    assert!(door(&instance, "acme").raw("SELECT id FROM notes_tag", vec![]).await.is_ok());
    let again = migrate(&instance, &Target::Fleet).await;
    assert_eq!((again.done, again.failed.len()), (0, 2), "only those are tried again");
}

#[tokio::test]
async fn a_target_that_is_not_there_is_refused() {
    let site = Site::new().file("legacy", "legacy.sqlite3");
    let instance = site.open();
    let error = instance.behind(&Target::Tenant(slug("nobody"))).await.unwrap_err();
    assert!(matches!(error, MigrateError::Unknown(_)), "{error}");
    let error = instance.behind(&Target::Database("legacy".parse().unwrap())).await.unwrap_err();
    assert!(matches!(error, MigrateError::Unclaimed(_)), "{error}");
    let error = instance.behind(&Target::Database("nowhere".parse().unwrap())).await.unwrap_err();
    assert_eq!(error.to_string(), "DB_NOWHERE is not configured");
    assert!(!site.path("legacy.sqlite3").exists());
}
