//! Doors that someone kept, copied, carried elsewhere or made up: each leads to its own tenant for as long as that is
//! served, and never to another's.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use tenantry_core::{Placement, Tenant, TenantRecord, Transition};
use tenantry_db::TenantDb;
use tenantry_db::model::QueryError;

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(
    a_tenant_that_someone_made_up_gets_no_data,
    a_door_that_was_kept_leads_to_nobody_once_its_tenant_is_gone,
);

/// Is implemented twice for what can be read from text, so that which one is meant can't be told, and this does not
/// compile.
trait NotFromText<Way> {
    fn check() {}
}
struct FromText;
impl<T> NotFromText<()> for T {}
impl<T: DeserializeOwned> NotFromText<FromText> for T {}

#[test]
fn a_tenant_and_its_door_can_not_be_read_from_text() {
    <Tenant as NotFromText<_>>::check();
    <TenantRecord as NotFromText<_>>::check();
    <TenantDb as NotFromText<_>>::check();
}

/// A record can be written down by anyone, but it gets no door unless the directory says the same.
async fn a_tenant_that_someone_made_up_gets_no_data(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let (acme, globex) = (site.make(&instance, "acme").await, site.make(&instance, "globex").await);
    for name in ["acme", "globex"] {
        write(&door(&instance, name), name).await.unwrap();
    }
    let made_up = |id: &TenantRecord, place: &TenantRecord| {
        let record = TenantRecord { placement: place.placement.clone(), ..id.clone() };
        Tenant::from_record(Arc::new(record)).unwrap()
    };
    for (id, place) in [(&acme, &globex), (&globex, &acme)] {
        // Before and after the tenant whose id it bears has been asked for.
        let db = instance.tenant_db(&made_up(id, place)).unwrap();
        assert!(matches!(titles(&db).await, Err(QueryError::Closed)));
        assert!(matches!(write(&db, "planted").await, Err(QueryError::Closed)));
    }
    let elsewhere = Placement::Claimed { database: "nowhere".parse().unwrap() };
    let record = TenantRecord { placement: elsewhere, ..(*acme).clone() };
    instance.tenant_db(&Tenant::from_record(Arc::new(record)).unwrap()).unwrap_err();
    for name in ["acme", "globex"] {
        assert_eq!(titles(&door(&instance, name)).await.unwrap(), [name]);
    }
}

/// As a cache, a task that goes on, or a handler's state may keep one.
async fn a_door_that_was_kept_leads_to_nobody_once_its_tenant_is_gone(ground: Ground) {
    let site = Site::on(ground).file("legacy", "legacy.sqlite3");
    let instance = site.open();
    for home in [claiming("acme", "legacy"), site.tenant("acme", &["acme.example"])] {
        let record = instance.create_tenant(home.clone()).await.unwrap();
        let kept = door(&instance, "acme");
        write(&kept, "old").await.unwrap();
        let in_a_task = tokio::spawn({
            let kept = kept.clone();
            async move { titles(&kept).await }
        });
        assert_eq!(in_a_task.await.unwrap().unwrap(), ["old"]);
        let of_a_transaction = kept.transaction(async |tx| Ok::<_, QueryError>(tx)).await.unwrap();

        instance.directory().change_status(record.id, Transition::Delete).await.unwrap();
        instance.purge(record.id).await.unwrap();
        // The same slug, the same domain, the same file where it is a claimed one.
        let again = instance.create_tenant(home).await.unwrap();
        assert_ne!(again.id, record.id, "no id is given twice");
        write(&door(&instance, "acme"), "new").await.unwrap();
        for (stale, name) in [(&kept, "kept"), (&of_a_transaction, "of a transaction")] {
            let read = titles(stale).await;
            assert!(
                matches!(read, Err(QueryError::Closed | QueryError::TransactionEnded)),
                "{name}: {read:?}"
            );
            assert!(write(stale, "late").await.is_err(), "{name}");
        }
        let begun = kept.transaction(async |tx| write(&tx, "late").await).await;
        assert!(matches!(begun, Err(QueryError::Closed)), "{begun:?}");
        assert!(!titles(&door(&instance, "acme")).await.unwrap().contains(&"late".to_owned()));
        instance.directory().change_status(again.id, Transition::Delete).await.unwrap();
        instance.purge(again.id).await.unwrap();
    }
}
