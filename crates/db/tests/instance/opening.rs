//! What an instance opens, and what it refuses to take for its own.

use std::fs::Permissions;
use std::num::NonZeroUsize;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tenantry_db::directory::DirectoryError;
use tenantry_db::lifecycle::{Home, NewTenant, Standing, Target};
use tenantry_db::{OpenError, PlaceError, UnknownPlace};

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(a_tenant_of_another_instance_gets_nothing_here,);

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
    let newer = matches!(error, OpenError::Directory(DirectoryError::Newer { found: 99, known: 2 }));
    assert!(newer, "{error:?}");
}

#[tokio::test]
async fn a_directory_of_the_first_version_is_completed_and_honest_about_what_it_does_not_know() {
    let site = Site::new();
    let instance = site.open();
    make(&instance, "acme").await;
    make(&instance, "globex").await;
    drop(instance);
    let first = "DROP TABLE version; ALTER TABLE tenant DROP COLUMN noted; PRAGMA user_version = 1; \
                 UPDATE tenant SET version = 'another' WHERE slug = 'globex'";
    sqlite(&site.path("data/directory.db")).execute_batch(first).unwrap();

    let instance = site.open();
    let standings = instance.standings().await.unwrap();
    let known: Vec<_> =
        standings.iter().map(|known| (known.tenant.slug.as_str(), known.standing, known.noted)).collect();
    assert_eq!(known, [("acme", Standing::UpToDate, None), ("globex", Standing::Unknown, None)]);
    let target = instance.behind(&Target::Fleet).await.unwrap();
    instance.migrate(target, NonZeroUsize::MIN, |_| {}).await.unwrap();
    let standings = instance.standings().await.unwrap();
    assert!(standings.iter().all(|known| known.standing == Standing::UpToDate));
    assert_eq!(standings.iter().map(|known| known.noted.is_some()).collect::<Vec<_>>(), [false, true]);
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

async fn a_tenant_of_another_instance_gets_nothing_here(ground: Ground) {
    let (here, there) = (Site::on(ground.clone()), Site::on(ground));
    let (ours, theirs) = (here.open(), there.open());
    here.make(&ours, "acme").await;
    there.make(&theirs, "globex").await;
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
    let missing = site.path("not/mounted");
    let why =
        format!("DB_AWAY was not usable at the start: the folder {} can't be used: ", missing.display());
    assert!(refused.starts_with(&why), "{refused}");

    // What is put there later may lead anywhere: another tenant's files for one.
    std::fs::create_dir(site.path("not")).unwrap();
    symlink(site.path("data/tenants"), site.path("not/mounted")).unwrap();
    let still = self::refused(&instance, vec![claiming("initech", "away")]).await.to_string();
    assert_eq!(still, refused);
    assert!(!site.path("data/tenants/away.db").exists());
}

#[tokio::test]
async fn a_server_that_can_t_be_used_is_the_trouble_of_the_tenants_that_are_there() {
    let site = Site::new().server("far", "far").file("deep", "far/deep/legacy.db");
    let instance = site.open();
    let far = Home::Server { alias: Some("far".parse().unwrap()), isolation: None };
    instance.create_tenant(NewTenant { home: far, ..new("lost", &["lost.example"]) }).await.unwrap();
    make(&instance, "acme").await;
    write(&door(&instance, "acme"), "of acme").await.unwrap();
    instance.close().await;
    drop(instance);
    std::fs::rename(site.path("far"), site.path("away")).unwrap();
    std::fs::write(site.path("far"), "no folder").unwrap();

    let instance = site.open();
    assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["of acme"]);
    let lost = by_host(&instance, "lost.example").unwrap();
    assert!(matches!(instance.tenant_db(&lost), Err(UnknownPlace::Unusable { .. })));
    let misplaced = instance.misplaced();
    assert!(
        matches!(misplaced.as_slice(), [(name, UnknownPlace::Unusable { .. })] if name.as_str() == "lost")
    );
    let unusable: Vec<_> = instance.unusable().iter().map(ToString::to_string).collect();
    let start =
        |alias| format!("DB_{alias} was not usable at the start: the folder {}", site.path("far").display());
    assert!(unusable.len() == 2, "{unusable:?}");
    assert!(
        unusable[0].starts_with(&start("DEEP")) && unusable[1].starts_with(&start("FAR")),
        "{unusable:?}"
    );
    assert_eq!(std::fs::read(site.path("far")).unwrap(), b"no folder");
}

#[tokio::test]
async fn a_folder_that_anyone_can_write_to_is_not_used() {
    let open = |path: &Path| std::fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    let site = Site::new().server("shared", "shared");
    std::fs::create_dir(site.path("shared")).unwrap();
    open(&site.path("shared"));
    let instance = site.open();
    make(&instance, "acme").await;
    let home = Home::Server { alias: Some("shared".parse().unwrap()), isolation: None };
    let error = refused(&instance, vec![NewTenant { home, ..new("globex", &[]) }]).await.to_string();
    let folder = site.path("shared");
    assert!(error.contains(&format!("anyone can write to {}: `chmod o-w", folder.display())), "{error}");
    assert_eq!(site.listed("shared"), Vec::<String>::new());
    instance.close().await;
    drop(instance);

    open(&site.path("data"));
    let error = site.try_open(notes([])).unwrap_err();
    assert!(matches!(error, OpenError::Place(PlaceError::Open(_))), "{error}");
}

#[tokio::test]
async fn what_others_can_reach_is_named() {
    let site = Site::new().file("legacy", "theirs/legacy.sqlite3").server("fast", "fast");
    let mode = |name: &str, mode| {
        std::fs::set_permissions(site.path(name), Permissions::from_mode(mode)).unwrap();
    };
    std::fs::create_dir(site.path("theirs")).unwrap();
    mode("theirs", 0o755);
    let instance = site.open();
    let acme = make(&instance, "acme").await;
    instance.create_tenant(claiming("globex", "legacy")).await.unwrap();
    write(&door(&instance, "globex"), "secret").await.unwrap();
    assert_eq!(instance.exposed(), []);

    let file = format!("data/tenants/{}", file_of(&site, &acme).file_name().unwrap().to_str().unwrap());
    let loosened = ["data", "fast", "data/directory.db", &file, "theirs", "theirs/legacy.sqlite3"];
    for (name, loose) in loosened.into_iter().zip([0o750, 0o770, 0o640, 0o604, 0o775, 0o644]) {
        mode(name, loose);
    }
    let exposed: Vec<_> = instance.exposed().iter().map(ToString::to_string).collect();
    assert_eq!(exposed.len(), loosened.len(), "{exposed:?}");
    for name in loosened {
        let path = format!("{} can be", std::fs::canonicalize(site.path(name)).unwrap().display());
        assert!(exposed.iter().any(|sentence| sentence.starts_with(&path)), "{name}: {exposed:?}");
    }
}
