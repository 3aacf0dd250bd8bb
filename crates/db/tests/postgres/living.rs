//! A tenant's life on a server.

use std::num::NonZeroUsize;

use tenantry_core::{Isolation, Transition};
use tenantry_db::lifecycle::Target;
use tenantry_db::migrate::{Column, Migration};
use tenantry_db::model::QueryError;

use crate::common::*;
use crate::server::{TestServer, connect, on_each, on_each_bounced, on_server};

const SCHEMAS: &str = "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{25}$'";
const DATABASES: &str = "SELECT count(*) FROM pg_database WHERE datname ~ '^t[0-9a-z]{25}$'";

async fn lives(server: TestServer, isolation: Isolation, places: &str) {
    let site = server.site();
    let instance = site.open();
    let before = server.count(places).await;
    for name in ["acme", "globex"] {
        let record = instance.create_tenant(on_server(name, isolation)).await.unwrap();
        assert_eq!(record.placement.isolation(), isolation);
    }
    assert_eq!(server.count(places).await, before + 2);
    let (acme, globex) = (door(&instance, "acme"), door(&instance, "globex"));
    let of_acme = write(&acme, "of acme").await.unwrap();
    let of_globex = write(&globex, "of globex").await.unwrap();
    assert_eq!(of_acme.id, of_globex.id, "each has its own sequence");
    for _ in 0..3 {
        assert_eq!(titles(&acme).await.unwrap(), ["of acme"]);
        assert_eq!(titles(&globex).await.unwrap(), ["of globex"]);
        let raw = acme.raw("SELECT title FROM notes_note", vec![]).await.unwrap();
        assert_eq!(raw[0].get::<String>("title").unwrap(), "of acme");
    }

    let further =
        Migration::new("notes", "0002_body").add_column("notes_note", Column::text("body").null()).additive();
    let newer = site.try_open(notes([further])).unwrap();
    let behind = newer.behind(&Target::Fleet).await.unwrap();
    assert_eq!(behind.len(), 2);
    let summary = newer.migrate(behind, NonZeroUsize::new(4).unwrap(), |_| {}).await.unwrap();
    assert_eq!((summary.done, summary.failed.len()), (2, 0), "{summary:?}");
    assert_eq!(titles(&door(&newer, "acme")).await.unwrap(), ["of acme"]);
    assert_eq!(titles(&acme).await.unwrap(), ["of acme"], "the older program goes on");
    let body = door(&newer, "globex").raw("SELECT body FROM notes_note", vec![]).await.unwrap();
    assert_eq!(body[0].get::<Option<String>>("body").unwrap(), None);

    let id = acme.tenant().id();
    instance.directory().change_status(id, Transition::Suspend).await.unwrap();
    assert!(matches!(titles(&acme).await, Err(QueryError::Closed)));
    instance.directory().change_status(id, Transition::Delete).await.unwrap();
    instance.purge(id).await.unwrap();
    assert_eq!(server.count(places).await, before + 1);
    assert_eq!(titles(&globex).await.unwrap(), ["of globex"]);
    assert_eq!(site.listed("data/journal"), Vec::<String>::new());
}

#[tokio::test]
async fn a_tenant_lives_in_a_schema_of_its_own() {
    on_each(async |server| lives(server, Isolation::Schema, SCHEMAS).await).await;
}

#[tokio::test]
async fn a_tenant_lives_in_a_database_of_its_own() {
    on_each(async |server| lives(server, Isolation::Database, &own_databases()).await).await;
}

/// There the owner comes through PgBouncer too, which looks roles up as a superuser in the very database that is to go, and
/// lets go of it some seconds later.
#[tokio::test]
async fn a_tenant_lives_in_a_database_of_its_own_through_pgbouncer() {
    on_each_bounced(async |server| lives(server, Isolation::Database, &own_databases()).await).await;
}

/// Other tests make databases beside these.
fn own_databases() -> String {
    format!("{DATABASES} AND datdba = (SELECT datdba FROM pg_database WHERE datname = current_database())")
}

#[tokio::test]
async fn the_role_that_serves_owns_nothing() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        instance.create_tenant(on_server("acme", Isolation::Schema)).await.unwrap();
        let acme = door(&instance, "acme");
        write(&acme, "of acme").await.unwrap();
        for sql in ["DROP TABLE notes_note", "CREATE TABLE theirs (id bigint)", "TRUNCATE notes_note"] {
            let refused = acme.raw_execute(sql, vec![]).await;
            assert!(matches!(refused, Err(QueryError::Denied)), "{sql}: {refused:?}");
        }
        assert_eq!(titles(&acme).await.unwrap(), ["of acme"]);
    })
    .await;
}

#[tokio::test]
async fn what_can_t_be_made_leaves_nothing() {
    on_each(async |server| {
        let site = server.site();
        let fails = Migration::new("notes", "0002_fails")
            .run_sql(tenantry_db::migrate::Sql { sqlite: "SELECT 1", postgres: "SELECT no_such_function()" });
        let newer = site.try_open(notes([fails])).unwrap();
        for isolation in [Isolation::Schema, Isolation::Database, Isolation::Row] {
            let refused = newer.create_tenant(on_server("acme", isolation)).await.unwrap_err().to_string();
            assert!(
                refused.contains("notes.0002_fails failed") && refused.contains("no_such_function"),
                "{refused}"
            );
        }
        assert_eq!(server.count(SCHEMAS).await, 0);
        assert!(newer.directory().records().is_empty());
        assert_eq!(site.listed("data/journal"), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_holds_up_nobody_else() {
    on_each(async |server| {
        let mut site = server.site();
        let nowhere = "postgres://nobody:secret@127.0.0.1:1/nowhere".parse().unwrap();
        let away = tenantry_db::PostgresServer { serving: nowhere, owner: None };
        site.databases.insert("away".parse().unwrap(), tenantry_db::Location::Postgres(Box::new(away)));
        let instance = site.open();
        let refused = instance.create_tenant(claiming("globex", "away")).await.unwrap_err().to_string();
        assert!(refused.contains("can't be reached") && !refused.contains("secret"), "{refused}");
        instance.create_tenant(on_server("acme", Isolation::Schema)).await.unwrap();
        write(&door(&instance, "acme"), "of acme").await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_that_migrate_at_once_do_each_migration_once() {
    on_each(async |server| {
        let site = server.site();
        let old = site.open();
        let tenants =
            [("acme", Isolation::Schema), ("globex", Isolation::Database), ("initech", Isolation::Row)];
        for (name, isolation) in tenants {
            old.create_tenant(on_server(name, isolation)).await.unwrap();
        }
        let further = || {
            let names = ["0002", "0003", "0004", "0005"];
            let column = |name: &'static str| Column::text(name).null();
            let columns = ["b", "c", "d", "e"].map(column);
            names.into_iter().zip(columns).map(|(name, column)| {
                Migration::new("notes", name).add_column("notes_note", column).additive()
            })
        };
        let migrate = async || {
            let other = site.try_open(notes(further())).unwrap();
            let behind = other.behind(&Target::Fleet).await.unwrap();
            let summary = other.migrate(behind, NonZeroUsize::new(2).unwrap(), |_| {}).await.unwrap();
            assert!(summary.failed.is_empty(), "{summary:?}");
        };
        tokio::join!(migrate(), migrate(), migrate(), migrate());
        for (name, _) in tenants {
            let sql = "SELECT count(*) AS n FROM tenantry_migration WHERE app = 'notes'";
            let rows = door(&old, name).raw(sql, vec![]).await.unwrap();
            assert_eq!(rows[0].get::<i64>("n").unwrap(), 5);
        }
    })
    .await;
}

#[tokio::test]
async fn data_that_another_process_has_just_removed_is_not_an_error_of_the_program() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        for (slug, isolation, kind) in
            [("acme", Isolation::Schema, "SCHEMA"), ("globex", Isolation::Database, "DATABASE")]
        {
            let record = instance.create_tenant(on_server(slug, isolation)).await.unwrap();
            write(&door(&instance, slug), "lost").await.unwrap();
            let tenantry_core::Placement::Made { name, .. } = &record.placement else { panic!("{record:?}") };
            let how = if kind == "SCHEMA" { "CASCADE" } else { "WITH (FORCE)" };
            server.administrator.batch_execute(&format!("DROP {kind} \"{name}\" {how}")).await.unwrap();
            let gone = async || {
                let found = titles(&door(&instance, slug)).await;
                assert!(matches!(found, Err(QueryError::Gone | QueryError::Unreachable(_))), "{found:?}");
                matches!(found, Err(QueryError::Gone))
            };
            until("nothing is there", gone).await;
        }
    })
    .await;
}

/// Whoever migrated it was killed before the directory heard of it.
#[tokio::test]
async fn a_ledger_that_changes_while_its_tenant_is_served_is_seen_in_the_data() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        let record = instance.create_tenant(on_server("acme", Isolation::Schema)).await.unwrap();
        let tenantry_core::Placement::Made { name, .. } = &record.placement else { panic!("{record:?}") };
        let acme = door(&instance, "acme");
        write(&acme, "before").await.unwrap();
        assert_eq!(titles(&acme).await.unwrap(), ["before"]);
        let is_refused = async || matches!(titles(&acme).await, Err(QueryError::Version(_)));
        let insert = "(app, name, checksum, additive, adopted, applied) VALUES ('notes', '0002_new', 'x', false, false, now())";
        for (change, undo) in [
            (
                format!("INSERT INTO \"{name}\".tenantry_migration {insert}"),
                format!("DELETE FROM \"{name}\".tenantry_migration WHERE name = '0002_new'"),
            ),
            (
                format!("UPDATE \"{name}\".tenantry_migration SET checksum = reverse(checksum) WHERE app = 'notes'"),
                format!("UPDATE \"{name}\".tenantry_migration SET checksum = reverse(checksum) WHERE app = 'notes'"),
            ),
        ] {
            server.administrator.batch_execute(&change).await.unwrap();
            until("it is refused", is_refused).await;
            server.administrator.batch_execute(&undo).await.unwrap();
            until("it is served again", async || titles(&acme).await.is_ok()).await;
        }
        assert_eq!(titles(&acme).await.unwrap(), ["before"]);
    })
    .await;
}

/// A server goes on with what a client had asked for that was killed.
#[tokio::test]
async fn what_a_killed_process_had_asked_for_ends_with_its_tenant() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        let record = instance.create_tenant(on_server("acme", Isolation::Schema)).await.unwrap();
        let tenantry_core::Placement::Made { name, .. } = record.placement.clone() else { panic!("{record:?}") };
        let [_, owner] = server.urls();
        let ghost = connect(&owner).await;
        let asked = format!("SELECT pg_sleep(600), '{name}'");
        let asked = tokio::spawn(async move { ghost.batch_execute(&asked).await });
        let running = format!("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%{name}%' AND pid <> pg_backend_pid()");
        until("the ghost", async || server.count(&running).await == 1).await;
        instance.directory().change_status(record.id, Transition::Delete).await.unwrap();
        instance.purge(record.id).await.unwrap();
        assert!(asked.await.unwrap().is_err());
        assert_eq!(server.count(&running).await, 0);
    })
    .await;
}
