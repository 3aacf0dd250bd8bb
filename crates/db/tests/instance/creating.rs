//! Tenants are made: all of those asked for, or none.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::task::{Context, Waker};

use tenantry_core::{HostName, Isolation, Status};
use tenantry_db::lifecycle::{CreateError, Home, NewTenant};
use tenantry_db::migrate::{Column, Migration, Table};

use crate::common::columns::{Ground, in_every_column};
use crate::common::*;

in_every_column!(
    several_are_made_at_once_each_with_data_of_its_own,
    when_one_is_refused_none_is_made,
    a_caller_who_goes_away_leaves_no_tenant_half_made,
);

async fn several_are_made_at_once_each_with_data_of_its_own(ground: Ground) {
    let site = Site::on(ground);
    let instance = site.open();
    let wanted = vec![site.tenant("acme", &["acme.example", "www.acme.example"]), site.tenant("globex", &[])];
    let made = instance.create_tenants(wanted, |_| {}).await.unwrap();
    assert_eq!(made.iter().map(|record| record.status).collect::<Vec<_>>(), [Status::Active; 2]);
    assert!(made[0].id < made[1].id);
    assert_eq!(made[0].domains, [host("acme.example"), host("www.acme.example")]);

    write(&door(&instance, "acme"), "of acme").await.unwrap();
    assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["of acme"]);
    assert_eq!(titles(&door(&instance, "globex")).await.unwrap(), Vec::<String>::new());
    for file in site.listed("data/tenants") {
        assert!(!file.contains("acme") && !file.contains("globex"), "no file bears a slug: {file}");
    }
    assert_eq!(site.listed("data/journal"), Vec::<String>::new());
}

async fn when_one_is_refused_none_is_made(ground: Ground) {
    let site = Site::on(ground).file("legacy", "legacy.sqlite3").server("fast", "fast");
    let instance = site.open();
    site.make(&instance, "taken").await;
    let (tenants, directory) = (site.listed("data/tenants"), instance.directory().records());

    let server = |alias: &str, isolation| Home::Server { alias: Some(alias.parse().unwrap()), isolation };
    let address = HostName::from_authority(b"192.0.2.1").unwrap();
    let at = |home| NewTenant { home, ..new("bad", &[]) };
    let cases = [
        (site.tenant("taken", &[]), "the slug taken is taken"),
        (site.tenant("good", &[]), "the slug good is taken"),
        (site.tenant("bad", &["taken.example"]), "the domain taken.example is taken"),
        (site.tenant("bad", &["good.example"]), "the domain good.example is taken"),
        (site.tenant("bad", &["bad.example", "bad.example"]), "the domain bad.example is taken"),
        (
            NewTenant { domains: vec![address], ..new("bad", &[]) },
            "192.0.2.1 is an address, and a tenant's domain is a name",
        ),
        (at(server("nowhere", None)), "DB_NOWHERE is not configured"),
        (at(server("legacy", Some(Isolation::Database))), "DB_LEGACY is a database and not a server"),
        (claiming("bad", "nowhere"), "DB_NOWHERE is not configured"),
        (claiming("bad", "fast"), "DB_FAST is a server and not a database"),
        (
            at(server("fast", Some(Isolation::Schema))),
            "isolation schema needs PostgreSQL, and the server fast is a folder of SQLite files",
        ),
        (
            at(server("fast", Some(Isolation::Row))),
            "isolation row needs PostgreSQL, and the server fast is a folder of SQLite files",
        ),
    ];
    for (bad, reason) in cases {
        let error = refused(&instance, vec![site.tenant("good", &["good.example"]), bad]).await;
        assert_eq!(error.to_string(), reason);
        assert_eq!(instance.directory().records(), directory, "{reason}");
        assert_eq!(site.listed("data/tenants"), tenants, "{reason}");
        assert_eq!(site.listed("data/journal"), Vec::<String>::new(), "{reason}");
    }
    assert!(!site.path("legacy.sqlite3").exists());
    assert_eq!(site.listed("fast"), Vec::<String>::new());
    site.make(&instance, "good").await;
}

#[tokio::test]
async fn a_file_that_can_not_be_made_takes_everything_back() {
    let site = Site::new().server("full", "full");
    let instance = site.open();
    std::fs::remove_dir(site.path("full")).unwrap();
    let home = Home::Server { alias: Some("full".parse().unwrap()), isolation: None };
    let error =
        refused(&instance, vec![new("acme", &["acme.example"]), NewTenant { home, ..new("bad", &[]) }]).await;
    let CreateError::NotTakenBack(why) = &error else { panic!("{error:?}") };
    assert!(matches!(**why, CreateError::File(_)), "{error:?}");
    assert!(instance.directory().record(&slug("acme")).is_none());
    assert_eq!(site.listed("data/tenants"), Vec::<String>::new());

    // What could not be taken back, because the folder is gone, is when it is there again.
    std::fs::create_dir(site.path("full")).unwrap();
    instance.reconcile().await.unwrap();
    assert!(instance.directory().records().is_empty());
    assert_eq!(site.listed("data/journal"), Vec::<String>::new());
    make(&instance, "acme").await;
}

async fn a_caller_who_goes_away_leaves_no_tenant_half_made(ground: Ground) {
    let (on_server, site) = (ground.is_on_server(), Site::on(ground));
    let instance = site.open();
    for number in 0..20 {
        let name = format!("tenant-{number}");
        let mut making = Box::pin(instance.create_tenant(site.tenant(&name, &[])));
        // Once only: it is under way then, and at an await point somewhere.
        assert!(making.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(making);
    }
    until("every tenant", async || {
        let records = instance.directory().records();
        records.len() == 20 && records.iter().all(|record| record.status == Status::Active)
    })
    .await;
    until("the last lock file's end", async || site.listed("data/journal").is_empty()).await;
    assert_eq!(site.listed("data/tenants").len(), if on_server { 0 } else { 40 });
    assert_eq!(titles(&door(&instance, "tenant-7")).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_else_can_read_a_file_of_the_instance() {
    let site = Site::new().server("shared", "shared");
    std::fs::create_dir(site.path("shared")).unwrap();
    let instance = site.open();
    let home = Home::Server { alias: Some("shared".parse().unwrap()), isolation: None };
    instance.create_tenant(NewTenant { home, ..new("acme", &[]) }).await.unwrap();
    write(&door(&instance, "acme"), "secret").await.unwrap();
    let files = ["shared", "data", "data/template", "data/journal", "data/tenants"].map(|folder| {
        let entries = std::fs::read_dir(site.path(folder)).unwrap().map(Result::unwrap);
        entries.filter(|entry| entry.file_type().unwrap().is_file()).collect::<Vec<_>>()
    });
    let files: Vec<_> = files.into_iter().flatten().collect();
    for kind in [".db", ".db-wal", ".lock"] {
        let is_one = |file: &std::fs::DirEntry| file.file_name().to_str().unwrap().ends_with(kind);
        assert!(files.iter().any(is_one), "{kind}: {files:?}");
    }
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
    let folder = std::fs::metadata(site.path("data")).unwrap().permissions().mode() & 0o777;
    assert_eq!(folder, 0o700);
}

#[tokio::test]
async fn templates_of_other_versions_go_and_come_again_where_they_are_needed() {
    let site = Site::new();
    let old = site.open();
    make(&old, "acme").await;
    let of_old = site.listed("data/template");
    let tags =
        Migration::new("notes", "0002_tags").create_table(Table::new("notes_tag").column(Column::id()));
    let new_version = site.try_open(notes([tags])).unwrap();
    make(&new_version, "globex").await;
    assert_eq!(site.listed("data/template").len(), 2);
    std::fs::write(site.path("data/template/theirs.db"), "not ours").unwrap();

    new_version.reconcile().await.unwrap();
    let left = site.listed("data/template");
    assert_eq!(left.len(), 2, "the new one's, and what is not ours: {left:?}");
    assert!(left.contains(&"theirs.db".to_owned()) && !left.contains(&of_old[0]));

    // The process of the old version is still there, and makes tenants of its own version.
    make(&old, "initech").await;
    let tables = "SELECT name FROM sqlite_schema WHERE name = 'notes_tag'";
    assert_eq!(door(&old, "initech").raw(tables, vec![]).await.unwrap().len(), 0);
    make(&new_version, "umbrella").await;
    assert_eq!(door(&new_version, "umbrella").raw(tables, vec![]).await.unwrap().len(), 1);
    old.reconcile().await.unwrap();
    assert_eq!(site.listed("data/template"), [of_old[0].as_str(), "theirs.db"]);
}
