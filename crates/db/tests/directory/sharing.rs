//! Processes that share a directory, each with a data folder of its own, as on several machines; and what is no directory to
//! share.

use std::num::NonZeroUsize;

use tenantry_core::Transition;
use tenantry_db::directory::{DirectoryError, ResolveError};
use tenantry_db::lifecycle::{CreateError, PurgeError, Reconciled, Target};
use tenantry_db::model::QueryError;
use tenantry_db::{OpenError, PlaceError};

use crate::common::*;
use crate::server::{Database, bouncer, run};

/// Ends every connection of the owner's role to the test's database.
const BROKEN_OFF: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
                          WHERE datname = current_database() AND usename = current_database() || '_owner'";

fn not_opened(site: &Site) -> DirectoryError {
    match site.try_open(notes([])) {
        Err(OpenError::Directory(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_missed_while_nobody_listened_is_read_all_the_same() {
    let database = Database::new();
    let (site, second) = (Site::of(&database), Site::of(&database));
    let (one, other) = (site.open(), second.open());
    let acme = make(&one, "acme").await.id;
    let globex = make(&one, "globex").await.id;
    until("both", async || other.directory().records().len() == 2).await;
    // As in a server that took the place of another and lacks its last changes: no number tells that anything is new.
    database.run(&format!("UPDATE tenantry.tenant SET status = 'suspended' WHERE id = {acme}"));
    database.run(&format!(
        "DELETE FROM tenantry.domain WHERE tenant_id = {globex}; DELETE FROM tenantry.tenant WHERE id = {globex}"
    ));
    database.run(BROKEN_OFF);
    for instance in [&one, &other] {
        until("the suspension", async || {
            matches!(by_host(instance, "acme.example"), Err(ResolveError::NotServing(_)))
        })
        .await;
        until("the end of globex", async || {
            by_host(instance, "globex.example") == Err(ResolveError::Unknown)
        })
        .await;
        assert!(instance.directory().check().is_ok());
    }
    // Connections that were lost meanwhile are nobody's trouble.
    database.run(BROKEN_OFF);
    one.directory().change_status(acme, Transition::Activate).await.unwrap();
    until("the activation", async || by_host(&other, "acme.example").is_ok()).await;
}

#[tokio::test]
async fn a_directory_that_was_set_back_is_read_as_it_is() {
    let database = Database::new();
    let site = Site::of(&database);
    let instance = site.open();
    let acme = make(&instance, "acme").await.id;
    for transition in [Transition::Suspend, Transition::Activate] {
        instance.directory().change_status(acme, transition).await.unwrap();
    }
    database.run("UPDATE tenantry.tenant SET status = 'suspended', generation = 1; UPDATE tenantry.instance SET generation = 1");
    until("the suspension", async || {
        matches!(by_host(&instance, "acme.example"), Err(ResolveError::NotServing(_)))
    })
    .await;
}

#[tokio::test]
async fn a_maker_that_another_took_for_dead_ends_nothing_and_leaves_nothing() {
    let database = Database::new();
    let site = Site::of(&database);
    let instance = site.open();
    let administrator = database.administrator();
    let taken_over = move |_| {
        let taken = run(
            &administrator,
            "UPDATE tenantry.journal SET owner = 't0000000000000000000000000' RETURNING 1",
        );
        assert_eq!(taken, ["1"]);
    };
    let made = instance.create_tenants(vec![new("acme", &["acme.example"])], taken_over).await;
    assert!(matches!(made, Err(CreateError::Directory(DirectoryError::Unreadable(_)))), "{made:?}");
    assert_eq!(instance.directory().records(), []);
    assert_eq!(site.listed("data/tenants"), Vec::<String>::new());
    assert_eq!(database.run("SELECT 1 FROM tenantry.journal"), Vec::<String>::new());
}

#[tokio::test]
async fn a_maker_whose_connections_broke_off_goes_on() {
    let database = Database::new();
    let (site, second) = (Site::of(&database), Site::of(&database));
    let (instance, other) = (site.open(), second.open());
    let administrator = database.administrator();
    let broken_off = move |_| drop(run(&administrator, BROKEN_OFF));
    let made = instance.create_tenants(vec![new("acme", &["acme.example"])], broken_off).await.unwrap();
    assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), Vec::<String>::new());
    until("the tenant", async || other.directory().record_by_id(made[0].id).is_some()).await;
    assert_eq!(other.reconcile().await.unwrap(), Reconciled::default());
}

#[tokio::test]
async fn a_tenants_files_are_removed_only_where_they_are() {
    let database = Database::new();
    let (here, there) = (Site::of(&database), Site::of(&database));
    let (ours, theirs) = (here.open(), there.open());
    let acme = make(&ours, "acme").await;
    ours.directory().change_status(acme.id, Transition::Delete).await.unwrap();
    until("the deletion", async || by_host(&theirs, "acme.example") == Err(ResolveError::Unknown)).await;
    assert!(matches!(theirs.purge(acme.id).await, Err(PurgeError::Elsewhere)));
    // A purge whose maker is gone.
    database.run(&format!(
        "UPDATE tenantry.tenant SET status = 'deleting', generation = generation + 1; \
         UPDATE tenantry.instance SET generation = generation + 1; \
         INSERT INTO tenantry.journal VALUES ({}, 'purge', 't0000000000000000000000000', 0, '2026-01-01T00:00:00Z')",
        acme.id
    ));
    let reconciled = theirs.reconcile().await.unwrap();
    assert!(reconciled.purged.is_empty() && reconciled.left.len() == 1, "{reconciled:?}");
    assert!(reconciled.left[0].1.contains("in another data folder"), "{reconciled:?}");
    assert!(file_of(&here, &acme).exists());
    assert_eq!(ours.reconcile().await.unwrap().purged, [slug("acme")]);
    assert!(!file_of(&here, &acme).exists());
    until("the purge", async || theirs.directory().record_by_id(acme.id).is_none()).await;
}

/// Even where something lies at its place that looks like it.
#[tokio::test]
async fn a_tenants_files_are_served_and_migrated_only_where_they_are() {
    let database = Database::new();
    let site = || Site::of(&database).file("legacy", "legacy.db");
    let (here, there) = (site(), site());
    let (ours, theirs) = (here.open(), there.open());
    let acme = make(&ours, "acme").await;
    let globex = make(&ours, "globex").await;
    ours.create_tenant(claiming("initech", "legacy")).await.unwrap();
    for name in ["acme", "globex", "initech"] {
        write(&door(&ours, name), name).await.unwrap();
    }
    // An old copy of acme's file, and another database under the same alias, each with its lock file.
    let planted = [file_of(&there, &acme), there.path("legacy.db")];
    for (file, lock) in planted.iter().zip(["", "data/claimed/legacy.lock"]) {
        let db = files::sqlite(file);
        db.execute_batch("CREATE TABLE theirs (id INTEGER); INSERT INTO theirs VALUES (7)").unwrap();
        let lock = if lock.is_empty() { file.with_extension("lock") } else { there.path(lock) };
        std::fs::write(lock, "").unwrap();
    }
    until("all three", async || theirs.directory().records().len() == 3).await;
    let before = planted.each_ref().map(|file| std::fs::read(file).unwrap());
    for name in ["acme", "globex", "initech"] {
        for _ in 0..2 {
            let db = door(&theirs, name);
            assert!(matches!(db.ready().await, Err(QueryError::Elsewhere)), "{name}");
            assert!(matches!(titles(&db).await, Err(QueryError::Elsewhere)), "{name}");
            assert!(matches!(write(&db, "astray").await, Err(QueryError::Elsewhere)), "{name}");
        }
        let whom = theirs.behind(&Target::Tenant(slug(name))).await.unwrap();
        assert!(theirs.plan(&whom[0]).await.unwrap_err().to_string().contains("in another data folder"));
        let migrated = theirs.migrate(whom, NonZeroUsize::MIN, |_| {}).await.unwrap();
        let why = migrated.failed[0].1.to_string();
        assert!(migrated.done == 0 && why.contains("in another data folder"), "{why}");
        assert_eq!(titles(&door(&ours, name)).await.unwrap(), [name]);
    }
    assert_eq!(planted.each_ref().map(|file| std::fs::read(file).unwrap()), before);
    assert!(!file_of(&there, &globex).exists() && !file_of(&there, &globex).with_extension("lock").exists());
    // Its own are served beside them.
    make(&theirs, "hooli").await;
    assert_eq!(titles(&door(&theirs, "hooli")).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn the_role_that_serves_has_no_right_to_the_directory() {
    let database = Database::new();
    let site = Site::of(&database);
    let instance = site.open();
    make(&instance, "acme").await;
    let may = "SELECT count(*) FROM pg_class, (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS may (what) \
               WHERE relnamespace = 'tenantry'::regnamespace AND relkind = 'r' \
               AND has_table_privilege(current_database() || '_serving', oid, what)";
    assert_eq!(database.run(may), ["0"]);
    let look = "SELECT has_schema_privilege(current_database() || '_serving', 'tenantry', 'USAGE')";
    assert_eq!(database.run(look), ["f"]);
}

#[tokio::test]
async fn a_pooler_is_refused_with_what_to_do() {
    let database = Database::new();
    for parameter in ["", "?prepared=false"] {
        let owner = format!("{}{parameter}", database.url_by(&bouncer(), "owner"));
        let error = not_opened(&Site::signing_in(&database, owner.parse().unwrap()));
        assert!(matches!(error, DirectoryError::Pooled(_)), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("DB_DEFAULT_OWNER") && !said.contains(":owner@"), "{said}");
    }
    assert_eq!(database.run("SELECT 1 FROM pg_namespace WHERE nspname = 'tenantry'"), Vec::<String>::new());
}

#[tokio::test]
async fn a_schema_that_is_something_else_is_refused_and_left_alone() {
    let database = Database::new();
    let site = Site::of(&database);
    let owner = "current_database() || '_owner'";
    database.run("CREATE SCHEMA tenantry; CREATE TABLE tenantry.directory (version bigint)");
    let error = not_opened(&site);
    assert!(matches!(&error, DirectoryError::Foreign { owner } if owner == "administrator"), "{error:?}");

    let give = |what: &str| {
        let given = format!("DO $$ BEGIN EXECUTE format('ALTER {what} OWNER TO %I', {owner}); END $$");
        database.run(&given);
    };
    database.run("DROP TABLE tenantry.directory; CREATE TABLE tenantry.theirs ()");
    give("SCHEMA tenantry");
    assert!(matches!(not_opened(&site), DirectoryError::NotADirectory(_)));
    assert_eq!(
        database.run("SELECT relname FROM pg_class WHERE relnamespace = 'tenantry'::regnamespace"),
        ["theirs"]
    );

    // An administrator may have made the schema for us.
    database.run("DROP TABLE tenantry.theirs");
    drop(site.open());
    database.run("UPDATE tenantry.directory SET version = 99");
    assert!(matches!(not_opened(&site), DirectoryError::Newer { found: 99, known: 1 }));
}

#[tokio::test]
async fn two_directories_are_one_too_many() {
    let database = Database::new();
    let site = Site::of(&database);
    std::fs::create_dir(site.path("data")).unwrap();
    let file = site.path("data/directory.db");
    std::fs::write(&file, "").unwrap();
    let error = site.try_open(notes([])).unwrap_err();
    assert!(
        matches!(&error, OpenError::Place(PlaceError::TwoDirectories(found)) if *found == file),
        "{error:?}"
    );
    assert_eq!(database.run("SELECT 1 FROM pg_namespace WHERE nspname = 'tenantry'"), Vec::<String>::new());
}

#[tokio::test]
async fn there_is_an_instance_once_there_is_a_directory() {
    let database = Database::new();
    let site = Site::of(&database);
    assert!(!site.config().is_there().unwrap());
    assert_eq!(database.run("SELECT 1 FROM pg_namespace WHERE nspname = 'tenantry'"), Vec::<String>::new());
    drop(site.open());
    assert!(Site::of(&database).config().is_there().unwrap(), "from any folder");
}
