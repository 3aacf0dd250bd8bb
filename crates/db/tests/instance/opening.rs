//! What an instance opens, and what it refuses to take for its own.

use std::os::unix::fs::symlink;

use tenantry_db::OpenError;
use tenantry_db::directory::DirectoryError;

use crate::common::*;

#[test]
fn a_directory_that_is_something_else_is_refused_and_left_alone() {
    let site = Site::new();
    std::fs::create_dir(site.path("data")).unwrap();
    let path = site.path("data/directory.db");
    let refused = || match site.try_open(notes([])) {
        Err(OpenError::Directory(error)) => error,
        other => unreachable!("{other:?}"),
    };
    std::fs::write(&path, "not a database at all".repeat(99)).unwrap();
    assert!(matches!(refused(), DirectoryError::NotADirectory(_)));
    assert_eq!(std::fs::read(&path).unwrap(), "not a database at all".repeat(99).as_bytes());

    std::fs::remove_file(&path).unwrap();
    sqlite(&path).execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    assert!(matches!(refused(), DirectoryError::NotADirectory(_)));
    let tables: i64 =
        sqlite(&path).query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn a_directory_from_a_newer_version_is_refused() {
    let site = Site::new();
    let instance = site.open();
    make(&instance, "acme").await;
    drop(instance);
    sqlite(&site.path("data/directory.db")).pragma_update(None, "user_version", 99).unwrap();
    let error = site.try_open(notes([])).unwrap_err();
    let newer = matches!(error, OpenError::Directory(DirectoryError::Newer { found: 99, known: 1 }));
    assert!(newer, "{error:?}");
}

#[tokio::test]
async fn a_link_that_was_put_in_place_of_a_tenants_file_leads_nowhere() {
    let site = Site::new();
    let instance = site.open();
    let (acme, globex) = (make(&instance, "acme").await, make(&instance, "globex").await);
    write(&door(&instance, "globex"), "of globex").await.unwrap();
    instance.close().await;
    drop(instance);
    std::fs::remove_file(file_of(&site, &acme)).unwrap();
    symlink(file_of(&site, &globex), file_of(&site, &acme)).unwrap();

    let instance = site.open();
    let read = titles(&door(&instance, "acme")).await;
    assert!(read.is_err(), "{read:?}");
    assert!(write(&door(&instance, "acme"), "of acme").await.is_err());
    assert_eq!(titles(&door(&instance, "globex")).await.unwrap(), ["of globex"]);
}

#[tokio::test]
async fn a_tenant_of_another_instance_gets_nothing_here() {
    let (here, there) = (Site::new(), Site::new());
    let (ours, theirs) = (here.open(), there.open());
    make(&ours, "acme").await;
    make(&theirs, "globex").await;
    write(&door(&ours, "acme"), "of acme").await.unwrap();
    // The first tenant of each: they have the same id.
    let stranger = by_host(&theirs, "globex.example").unwrap();
    assert_eq!(stranger.id(), by_host(&ours, "acme.example").unwrap().id());
    let read = titles(&ours.tenant_db(&stranger).unwrap()).await;
    assert!(read.is_err(), "{read:?}");
    assert_eq!(titles(&door(&ours, "acme")).await.unwrap(), ["of acme"]);
}

#[tokio::test]
async fn a_link_that_was_put_in_place_of_a_tenants_lock_is_not_followed() {
    let site = Site::new();
    let instance = site.open();
    let (acme, globex) = (make(&instance, "acme").await, make(&instance, "globex").await);
    let lock = |record| file_of(&site, record).with_extension("lock");
    std::fs::remove_file(lock(&acme)).unwrap();
    symlink(lock(&globex), lock(&acme)).unwrap();
    let read = titles(&door(&instance, "acme")).await;
    assert!(read.is_err(), "{read:?}");
    assert_eq!(titles(&door(&instance, "globex")).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_database_whose_folder_is_missing_is_its_own_trouble_alone() {
    let site = Site::new().file("here", "here.db").file("away", "not/mounted/away.db");
    let instance = site.open();
    make(&instance, "acme").await;
    instance.create_tenant(claiming("globex", "here")).await.unwrap();
    write(&door(&instance, "acme"), "of acme").await.unwrap();
    let refused = refused(&instance, vec![claiming("initech", "away")]).await.to_string();
    assert!(refused.starts_with("DB_AWAY lies in a folder that is not there, "), "{refused}");

    // What is put there later may lead anywhere: another tenant's files for one.
    std::fs::create_dir(site.path("not")).unwrap();
    symlink(site.path("data/tenants"), site.path("not/mounted")).unwrap();
    let still = self::refused(&instance, vec![claiming("initech", "away")]).await.to_string();
    assert_eq!(still, refused);
    assert!(!site.path("data/tenants/away.db").exists());
}
