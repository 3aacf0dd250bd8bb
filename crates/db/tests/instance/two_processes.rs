//! Two instances on one data folder, as the command line beside the server is: each sees what the other does.

use std::sync::Arc;

use tenantry_core::{Status, Transition};
use tenantry_db::directory::ResolveError;
use tenantry_db::lifecycle::{PurgeError, Reconciled};
use tenantry_db::model::QueryError;

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(
    what_one_changes_the_other_sees,
    a_purge_waits_until_the_other_has_closed_the_file,
    a_purge_is_not_held_up_by_a_migration_of_a_tenant_that_was_not_served,
    reconcile_leaves_the_changes_of_the_living_alone,
);

async fn what_one_changes_the_other_sees(ground: Ground) {
    let site = Site::on(ground);
    let (server, cli) = (site.open(), site.open());
    let id = site.make(&cli, "acme").await.id;
    until("the new tenant", async || by_host(&server, "acme.example").is_ok()).await;
    let open = door(&server, "acme");
    write(&open, "one").await.unwrap();
    assert_eq!(titles(&door(&cli, "acme")).await.unwrap(), ["one"]);

    cli.directory().add_domain(id, host("www.acme.example")).await.unwrap();
    until("the new domain", async || by_host(&server, "www.acme.example").is_ok()).await;
    cli.directory().remove_domain(id, host("www.acme.example")).await.unwrap();
    until("the domain's end", async || by_host(&server, "www.acme.example").is_err()).await;

    cli.directory().change_status(id, Transition::Suspend).await.unwrap();
    until("the suspension", async || matches!(titles(&open).await, Err(QueryError::Closed))).await;
    until("the file's end", async || server.stats().files.open == 0).await;
    assert!(matches!(by_host(&server, "acme.example"), Err(ResolveError::NotServing(_))));
}

async fn a_purge_waits_until_the_other_has_closed_the_file(ground: Ground) {
    let open_files = usize::from(!ground.is_on_server());
    let site = Site::on(ground);
    let (server, cli) = (site.open(), site.open());
    let id = site.make(&cli, "acme").await.id;
    until("the new tenant", async || by_host(&server, "acme.example").is_ok()).await;
    let open = door(&server, "acme");
    write(&open, "gone").await.unwrap();
    assert_eq!(server.stats().files.open, open_files);

    cli.directory().change_status(id, Transition::Delete).await.unwrap();
    cli.purge(id).await.unwrap();
    assert_eq!(site.listed("data/tenants"), Vec::<String>::new());
    // A server has the schema removed, or the database, whether every process has heard or not.
    assert!(matches!(write(&open, "lost").await, Err(QueryError::Closed | QueryError::Gone)));
    until("the purge", async || server.directory().record_by_id(id).is_none()).await;
    assert_eq!(site.listed("data/tenants"), Vec::<String>::new(), "nothing made it anew");
}

async fn a_purge_is_not_held_up_by_a_migration_of_a_tenant_that_was_not_served(ground: Ground) {
    let open_files = usize::from(!ground.is_on_server());
    let site = Site::on(ground);
    let (server, cli) = (site.open(), site.open());
    let id = site.make(&cli, "acme").await.id;
    cli.directory().change_status(id, Transition::Suspend).await.unwrap();
    until("the suspension", async || {
        server.directory().record_by_id(id).is_some_and(|record| record.status == Status::Suspended)
    })
    .await;
    // This opens the file, and an open file stays so until there is a reason to close it.
    server.plan(&server.directory().record_by_id(id).unwrap()).await.unwrap();
    assert_eq!(server.stats().files.open, open_files);
    cli.directory().change_status(id, Transition::Delete).await.unwrap();
    cli.purge(id).await.unwrap();
    assert_eq!(site.listed("data/tenants"), Vec::<String>::new());
}

async fn reconcile_leaves_the_changes_of_the_living_alone(ground: Ground) {
    // Fewer where each takes its time.
    let (count, files) = if ground.is_on_server() { (9, 0) } else { (60, 2) };
    let site = Arc::new(Site::on(ground));
    let (maker, other) = (site.open(), site.open());
    let theirs = Arc::clone(&site);
    let making = tokio::spawn(async move {
        for number in 0..count {
            let record = theirs.make(&maker, &format!("tenant-{number}")).await;
            if number % 3 == 0 {
                maker.directory().change_status(record.id, Transition::Delete).await.unwrap();
                maker.purge(record.id).await.unwrap();
            }
        }
        maker
    });
    let mut rounds = 0;
    while !making.is_finished() {
        let reconciled = other.reconcile().await.unwrap();
        assert_eq!(reconciled, Reconciled::default(), "nobody has gone");
        rounds += 1;
    }
    let maker = making.await.unwrap();
    assert!(rounds > 10, "{rounds} rounds prove little");
    let records = maker.directory().records();
    assert_eq!(records.len(), count / 3 * 2);
    for record in records {
        let db = door(&maker, record.slug.as_str());
        assert_eq!(titles(&db).await.unwrap(), Vec::<String>::new(), "{}", record.slug);
    }
    assert_eq!(site.listed("data/tenants").len(), count / 3 * 2 * files);
    assert_eq!(site.listed("data/journal"), Vec::<String>::new());
}

#[tokio::test]
async fn a_purge_that_found_the_data_in_use_is_ended_by_reconcile() {
    let site = Site::new();
    let instance = site.open();
    let record = make(&instance, "acme").await;
    instance.directory().change_status(record.id, Transition::Delete).await.unwrap();
    let lock = file_of(&site, &record).with_extension("lock");
    // A process that never lets go.
    let held = std::fs::File::open(&lock).unwrap();
    held.lock_shared().unwrap();
    assert!(matches!(instance.purge(record.id).await, Err(PurgeError::InUse)));
    assert_eq!(instance.directory().record_by_id(record.id).unwrap().status, Status::Deleting);
    assert!(file_of(&site, &record).exists());

    drop(held);
    let reconciled = instance.reconcile().await.unwrap();
    assert_eq!(reconciled.purged, [slug("acme")]);
    assert_eq!(site.listed("data/tenants"), Vec::<String>::new());
    assert_eq!(instance.reconcile().await.unwrap(), Reconciled::default());
}

#[tokio::test]
async fn a_directory_that_can_t_be_read_is_told_and_what_was_read_is_served_on() {
    let site = Site::new();
    let server = site.open();
    make(&server, "acme").await;
    server.directory().check().unwrap();

    let other = sqlite(&site.path("data/directory.db"));
    other.execute_batch("ALTER TABLE instance RENAME TO hidden").unwrap();
    until("the fault", async || server.directory().check().is_err()).await;
    assert!(by_host(&server, "acme.example").is_ok());

    other.execute_batch("ALTER TABLE hidden RENAME TO instance").unwrap();
    until("its end", async || server.directory().check().is_ok()).await;
}
