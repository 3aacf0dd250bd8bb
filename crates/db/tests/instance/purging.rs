//! A deleted tenant is purged: nothing of it stays, and what it had is free again.

use tenantry_core::{TenantId, Transition};
use tenantry_db::lifecycle::PurgeError;

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(
    only_what_was_deleted_is_purged_and_then_nothing_of_it_stays,
    an_expired_deletion_is_one_of_weeks_ago,
);

async fn only_what_was_deleted_is_purged_and_then_nothing_of_it_stays(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    site.make(&instance, "globex").await;
    let others = site.listed("data/tenants");
    let record = site.make(&instance, "acme").await;
    write(&door(&instance, "acme"), "gone").await.unwrap();

    let error = instance.purge(record.id).await.unwrap_err();
    assert_eq!(error.to_string(), "a tenant that is active can't be purged; delete it first");
    assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["gone"]);
    assert!(matches!(instance.purge(TenantId::new(99)).await, Err(PurgeError::Unknown)));

    instance.directory().change_status(record.id, Transition::Delete).await.unwrap();
    instance.purge(record.id).await.unwrap();
    assert_eq!(site.listed("data/tenants"), others);
    assert_eq!(site.listed("data/journal"), Vec::<String>::new());
    assert!(instance.directory().record(&slug("acme")).is_none());
    assert!(matches!(instance.purge(record.id).await, Err(PurgeError::Unknown)));

    let begun = site.make(&instance, "begun").await;
    for (status, sentence) in [
        ("deleting", "its purge has begun already; `reconcile` ends it"),
        ("provisioning", "it is still being made; `reconcile` takes back what was cut off while it was"),
    ] {
        let set = "UPDATE tenant SET status = ?2 WHERE id = ?1";
        sqlite(&site.path("data/directory.db")).execute(set, (begun.id.get(), status)).unwrap();
        assert_eq!(instance.purge(begun.id).await.unwrap_err().to_string(), sentence);
    }

    let again = site.make(&instance, "acme").await;
    assert!(again.id > record.id, "an id is never given twice");
    assert_ne!(again.placement, record.placement);
    assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), Vec::<String>::new());
}

async fn an_expired_deletion_is_one_of_weeks_ago(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let (old, fresh) = (site.make(&instance, "old").await.id, site.make(&instance, "fresh").await.id);
    for id in [old, fresh] {
        instance.directory().change_status(id, Transition::Delete).await.unwrap();
    }
    assert_eq!(instance.expired().await.unwrap(), []);
    let set = "UPDATE tenant SET deleted = '2020-01-01T00:00:00Z' WHERE id = ?1";
    sqlite(&site.path("data/directory.db")).execute(set, [old.get()]).unwrap();
    assert_eq!(instance.expired().await.unwrap(), [old]);
}
