//! A tenant's status, and the doors that close with it; its slug and its domains.

use tenantry_core::{HostName, Status, Transition};
use tenantry_db::directory::{ChangeError, DomainError, RenameError, ResolveError};
use tenantry_db::model::QueryError;

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(
    a_door_from_before_a_suspension_stays_shut_and_activation_gives_a_new_one,
    a_deleted_tenant_is_unknown_and_comes_back_as_what_it_was,
    a_way_that_does_not_exist_is_refused_and_changes_nothing,
    a_renamed_tenant_keeps_its_data_and_its_open_doors,
    a_request_that_resolved_before_a_domain_was_added_gets_its_door,
    domains_lead_to_their_tenant_for_as_long_as_they_are_its,
);

async fn a_door_from_before_a_suspension_stays_shut_and_activation_gives_a_new_one(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let id = site.make(&instance, "acme").await.id;
    let stale = by_host(&instance, "acme.example").unwrap();
    let before = door(&instance, "acme");
    write(&before, "before").await.unwrap();
    for (stop, stopped) in
        [(Transition::Suspend, Status::Suspended), (Transition::Maintain, Status::Maintenance)]
    {
        let open = door(&instance, "acme");
        assert_eq!(instance.directory().change_status(id, stop).await.unwrap(), stopped);
        let refusal = by_host(&instance, "acme.example").unwrap_err();
        assert!(matches!(refusal, ResolveError::NotServing(found) if found.status == stopped), "{refusal:?}");
        assert!(matches!(write(&open, "lost").await, Err(QueryError::Closed)));
        let late = instance.tenant_db(&stale).unwrap();
        assert!(
            matches!(titles(&late).await, Err(QueryError::Closed)),
            "a proof from before is worth nothing"
        );

        instance.directory().change_status(id, Transition::Activate).await.unwrap();
        assert!(matches!(titles(&before).await, Err(QueryError::Closed)), "for good");
        assert!(matches!(titles(&late).await, Err(QueryError::Closed)), "for good");
        assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["before"]);
    }
}

async fn a_deleted_tenant_is_unknown_and_comes_back_as_what_it_was(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let directory = instance.directory();
    let id = site.make(&instance, "acme").await.id;
    write(&door(&instance, "acme"), "kept").await.unwrap();
    for to in [None, Some(Transition::Suspend), Some(Transition::Maintain)] {
        if let Some(to) = to {
            directory.change_status(id, to).await.unwrap();
        }
        let before = directory.record_by_id(id).unwrap().status;
        directory.change_status(id, Transition::Delete).await.unwrap();
        assert_eq!(by_host(&instance, "acme.example").unwrap_err(), ResolveError::Unknown);
        assert!(directory.details(id).await.unwrap().unwrap().deleted.is_some());
        assert!(refused(&instance, vec![site.tenant("acme", &[])]).await.to_string().contains("taken"));
        assert_eq!(directory.undelete(id).await.unwrap(), before);
        assert!(directory.details(id).await.unwrap().unwrap().deleted.is_none());
    }
    directory.change_status(id, Transition::Activate).await.unwrap();
    assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["kept"]);
}

async fn a_way_that_does_not_exist_is_refused_and_changes_nothing(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let id = site.make(&instance, "acme").await.id;
    let directory = instance.directory();
    for wrong in [Transition::Activate, Transition::Purge] {
        let error = directory.change_status(id, wrong).await.unwrap_err();
        assert!(matches!(error, ChangeError::Transition(_)), "{error}");
    }
    assert!(matches!(directory.undelete(id).await, Err(ChangeError::Transition(_))));
    directory.change_status(id, Transition::Delete).await.unwrap();
    let purged = directory.change_status(id, Transition::Purge).await;
    assert!(matches!(purged, Err(ChangeError::Transition(_))), "a purge has steps of its own");
    let nobody = tenantry_core::TenantId::new(99);
    assert!(matches!(directory.change_status(nobody, Transition::Suspend).await, Err(ChangeError::Unknown)));
    assert_eq!(directory.record_by_id(id).unwrap().status, Status::Deleted);
}

async fn a_renamed_tenant_keeps_its_data_and_its_open_doors(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let id = site.make(&instance, "acme").await.id;
    site.make(&instance, "globex").await;
    let (early, open) = (by_host(&instance, "acme.example").unwrap(), door(&instance, "acme"));
    write(&open, "kept").await.unwrap();
    let files = site.listed("data/tenants");

    let error = instance.directory().rename(id, slug("globex"), None).await.unwrap_err();
    assert!(matches!(error, RenameError::Taken(_)), "{error}");
    instance.directory().rename(id, slug("initech"), Some("Initech".parse().unwrap())).await.unwrap();
    assert!(instance.directory().record(&slug("acme")).is_none());
    assert_eq!(by_host(&instance, "acme.example").unwrap().name(), "Initech");
    assert_eq!(titles(&door(&instance, "initech")).await.unwrap(), ["kept"]);
    assert_eq!(titles(&open).await.unwrap(), ["kept"], "a request that was under way goes on");
    assert_eq!(titles(&instance.tenant_db(&early).unwrap()).await.unwrap(), ["kept"]);
    assert_eq!(site.listed("data/tenants"), files);
}

async fn a_request_that_resolved_before_a_domain_was_added_gets_its_door(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let id = site.make(&instance, "acme").await.id;
    // Nobody has asked for the tenant's data yet.
    let early = by_host(&instance, "acme.example").unwrap();
    instance.directory().add_domain(id, host("www.acme.example")).await.unwrap();
    assert_eq!(titles(&instance.tenant_db(&early).unwrap()).await.unwrap(), Vec::<String>::new());
}

async fn domains_lead_to_their_tenant_for_as_long_as_they_are_its(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let directory = instance.directory();
    let acme = site.make(&instance, "acme").await.id;
    let globex = site.make(&instance, "globex").await.id;
    let domains = || -> Vec<String> {
        directory.record_by_id(acme).unwrap().domains.iter().map(HostName::to_string).collect()
    };

    directory.add_domain(acme, host("www.acme.example")).await.unwrap();
    directory.set_primary_domain(acme, host("www.acme.example")).await.unwrap();
    assert_eq!(domains(), ["www.acme.example", "acme.example"]);
    assert_eq!(by_host(&instance, "www.acme.example").unwrap().id(), acme);

    for taken in ["acme.example", "globex.example"] {
        let error = directory.add_domain(acme, host(taken)).await.unwrap_err();
        assert!(matches!(error, DomainError::Taken(_)), "{error}");
    }
    let error = directory.remove_domain(acme, host("globex.example")).await.unwrap_err();
    assert!(matches!(error, DomainError::NotIts(_)), "{error}");
    let error = directory.set_primary_domain(acme, host("globex.example")).await.unwrap_err();
    assert!(matches!(error, DomainError::NotIts(_)), "{error}");
    assert_eq!(by_host(&instance, "globex.example").unwrap().id(), globex);

    directory.remove_domain(acme, host("www.acme.example")).await.unwrap();
    assert_eq!(by_host(&instance, "www.acme.example").unwrap_err(), ResolveError::Unknown);
    assert_eq!(domains(), ["acme.example"], "the next is the primary one");
    directory.add_domain(globex, host("www.acme.example")).await.unwrap();
    assert_eq!(by_host(&instance, "www.acme.example").unwrap().id(), globex);
}
