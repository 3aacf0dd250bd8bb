//! A directory that can't be read at all, or not what is under way in it.

use tenantry_core::{Status, TenantRecord, Transition};
use tenantry_db::directory::{ChangeError, DirectoryError, ResolveError};
use tenantry_db::lifecycle::CreateError;

use crate::common::*;

/// Changes the directory as no door of ours does, and says so as our doors do: `set` is what becomes of the tenant.
pub(crate) fn meddle(site: &Site, record: &TenantRecord, sql: &str) {
    let id = record.id.get();
    let script = format!(
        "BEGIN; UPDATE instance SET generation = generation + 1; \
         UPDATE tenant SET generation = (SELECT generation FROM instance) WHERE id = {id}; {sql}; COMMIT"
    )
    .replace("THIS", &id.to_string());
    sqlite(&site.path("data/directory.db")).execute_batch(&script).unwrap();
}

#[tokio::test]
async fn a_change_under_way_that_can_t_be_read_is_named_and_the_others_are_ended() {
    let site = Site::new();
    let instance = site.open();
    let (acme, globex) = (make(&instance, "acme").await, make(&instance, "globex").await);
    let (initech, lost) = (make(&instance, "initech").await, make(&instance, "lost").await);
    let gone = "t0000000000000000000000000";
    let journal = |operation: &str, owner: &str| {
        format!("INSERT INTO journal VALUES (THIS, '{operation}', '{owner}', 0, '2026-01-01T00:00:00Z')")
    };
    meddle(&site, &acme, &journal("move", gone));
    meddle(&site, &globex, &journal("create", "../../elsewhere"));
    meddle(
        &site,
        &initech,
        &format!("UPDATE tenant SET status = 'deleting' WHERE id = THIS; {}", journal("purge", gone)),
    );
    meddle(
        &site,
        &lost,
        &format!("UPDATE tenant SET status = '?' WHERE id = THIS; {}", journal("purge", gone)),
    );
    until("the entry that can't be read", async || !instance.directory().unreadable().is_empty()).await;

    let reconciled = instance.reconcile().await.unwrap();
    assert_eq!(reconciled.purged, [slug("initech")], "{:?}", reconciled.left);
    let mut left: Vec<_> = reconciled.left.into_iter().map(|(tenant, _)| tenant).collect();
    left.sort();
    assert_eq!(left, ["acme", "globex", "lost"]);
    assert!(!site.path("elsewhere").exists() && !site.path("data/elsewhere").exists());
    assert!(
        file_of(&site, &lost).exists() && file_of(&site, &acme).exists(),
        "nothing is removed on a guess"
    );
}

#[tokio::test]
async fn while_the_directory_can_t_be_read_no_change_is_called_done_and_soon_nobody_is_served() {
    let site = Site::new();
    let instance = site.open();
    let directory = instance.directory();
    let (acme, globex) = (make(&instance, "acme").await, make(&instance, "globex").await);
    assert!(directory.check().is_ok());
    // Changes can be made, and not be read back.
    let rename = |from: &str, to: &str| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        sqlite(&site.path("data/directory.db")).execute_batch(&sql).unwrap();
    };
    rename("domain", "lost");
    let error = directory.change_status(acme.id, Transition::Suspend).await.unwrap_err();
    assert!(matches!(&error, ChangeError::Directory(DirectoryError::Unseen(_))), "{error:?}");
    let error = refused(&instance, vec![new("initech", &[])]).await;
    assert!(matches!(error, CreateError::Directory(DirectoryError::Unseen(_))), "{error:?}");

    until("that the process isn't ready", async || directory.check().is_err()).await;
    assert!(by_host(&instance, "globex.example").is_ok(), "a moment without it is no outage");
    for host in ["acme.example", "globex.example"] {
        until("the end of serving", async || by_host(&instance, host) == Err(ResolveError::Unseen)).await;
    }

    rename("lost", "domain");
    until("the directory", async || by_host(&instance, "globex.example").is_ok()).await;
    assert!(matches!(by_host(&instance, "acme.example"), Err(ResolveError::NotServing(_))), "it was done");
    assert!(directory.check().is_ok());
    assert_eq!(directory.record_by_id(globex.id).unwrap().status, Status::Active);
    instance.reconcile().await.unwrap();
    assert!(directory.record(&slug("initech")).is_none(), "what was begun and not ended is taken back");
}
