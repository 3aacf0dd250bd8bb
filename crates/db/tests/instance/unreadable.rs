//! A directory that can't be read in one entry, which is that tenant's trouble alone, and one that was replaced.

use tenantry_core::{Status, TenantRecord, Transition};
use tenantry_db::directory::ResolveError;
use tenantry_db::model::QueryError;

use crate::common::*;
use crate::out_of_sight::meddle;

#[tokio::test]
async fn an_entry_that_can_t_be_read_is_that_tenants_trouble_alone() {
    let site = Site::new();
    let instance = site.open();
    let directory = instance.directory();
    let globex = make(&instance, "globex").await;
    write(&door(&instance, "globex"), "of globex").await.unwrap();
    let acme = make(&instance, "acme").await;
    write(&door(&instance, "acme"), "of acme").await.unwrap();
    let undo = format!(
        "UPDATE tenant SET slug = 'acme', status = 'active', opaque = '{}', deleted = NULL, created = '2026-01-01T00:00:00Z' WHERE id = THIS; \
                        DELETE FROM domain WHERE tenant_id = THIS AND host <> 'acme.example'",
        opaque(&acme)
    );
    for sql in [
        "UPDATE tenant SET slug = 'No Slug' WHERE id = THIS",
        "UPDATE tenant SET slug = CAST(X'61ff' AS TEXT) WHERE id = THIS",
        "UPDATE tenant SET status = 'nonsense' WHERE id = THIS",
        "UPDATE tenant SET status = 'deleted', deleted = 'yesterday' WHERE id = THIS",
        "UPDATE tenant SET opaque = '../../etc/passwd' WHERE id = THIS",
        "UPDATE tenant SET created = 'long ago' WHERE id = THIS",
        "INSERT INTO domain VALUES ('no host', THIS, 7)",
        "INSERT INTO domain VALUES (CAST(X'61ff' AS TEXT), THIS, 7)",
        // Read as a host name is read elsewhere, it would be another tenant's.
        "INSERT INTO domain VALUES ('GLOBEX.example', THIS, 7)",
    ] {
        let kept = door(&instance, "acme");
        meddle(&site, &acme, sql);
        until(sql, async || by_host(&instance, "acme.example") == Err(ResolveError::Unreadable)).await;
        assert!(matches!(titles(&kept).await, Err(QueryError::Closed)), "{sql}: a door from before is shut");
        assert!(
            directory.record_by_id(acme.id).is_none() && directory.record(&slug("acme")).is_none(),
            "{sql}"
        );
        let named = directory.unreadable();
        assert!(named.len() == 1 && named[0].id == acme.id && !named[0].why.is_empty(), "{sql}: {named:?}");
        assert_eq!(by_host(&instance, "globex.example").unwrap().id(), globex.id, "{sql}");

        // What others ask for is done, and seen to be done.
        assert_eq!(directory.change_status(globex.id, Transition::Suspend).await.unwrap(), Status::Suspended);
        assert!(matches!(by_host(&instance, "globex.example"), Err(ResolveError::NotServing(_))), "{sql}");
        directory.change_status(globex.id, Transition::Activate).await.unwrap();
        assert_eq!(titles(&door(&instance, "globex")).await.unwrap(), ["of globex"], "{sql}");
        assert!(
            refused(&instance, vec![new("other", &["acme.example"])]).await.to_string().contains("taken")
        );
        assert!(site.open().directory().unreadable() == named, "{sql}: it keeps nobody from opening");

        // Whoever mends it by hand need not know how changes are counted.
        let mended = undo.replace("THIS", &acme.id.to_string());
        sqlite(&site.path("data/directory.db")).execute_batch(&mended).unwrap();
        until("the mended entry", async || by_host(&instance, "acme.example").is_ok()).await;
        assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["of acme"], "{sql}");
        assert_eq!(directory.unreadable(), [], "{sql}");
    }
}

fn opaque(record: &TenantRecord) -> String {
    match &record.placement {
        tenantry_core::Placement::Made { name, .. } => name.to_string(),
        tenantry_core::Placement::Claimed { .. } | tenantry_core::Placement::Adopted { .. } => {
            unreachable!("it is on a server")
        }
    }
}

#[tokio::test]
async fn a_directory_that_another_file_took_the_place_of_is_not_gone_by() {
    let site = Site::new();
    let instance = site.open();
    let acme = make(&instance, "acme").await;
    let path = site.path("data/directory.db");
    std::fs::rename(&path, site.path("old.db")).unwrap();
    let suspend = async || instance.directory().change_status(acme.id, Transition::Suspend).await;
    assert!(suspend().await.is_err(), "nobody else would ever see it");
    std::fs::copy(site.path("old.db"), &path).unwrap();
    assert!(suspend().await.is_err());
    until("that the process isn't ready", async || instance.directory().check().is_err()).await;
}
