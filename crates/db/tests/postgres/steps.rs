//! Migrations of shared tables: once for the tables, their steps once for each tenant, those to come included.

use std::num::NonZeroUsize;

use tenantry_core::Isolation;
use tenantry_db::Instance;
use tenantry_db::lifecycle::Target;
use tenantry_db::migrate::{Column, Migration, Sql};
use tenantry_db::model::{QueryError, VersionError};

use crate::common::*;
use crate::rows::two;
use crate::server::{on_each, on_server};

/// Adds a column and fills it, and gives each tenant a row to begin with.
fn welcomes() -> Migration {
    Migration::new("notes", "0002_welcome")
        .add_column("notes_note", Column::text("body").null())
        .run_sql(Sql { sqlite: "SELECT 1", postgres: "UPDATE notes_note SET body = upper(title)" })
        .run_rust("welcome", |db| {
            Box::pin(async move {
                let sql = "INSERT INTO notes_note (title, body) VALUES ('welcome', 'é \"{}'',\\')";
                db.raw_execute(sql, vec![]).await?;
                Ok(())
            })
        })
}

async fn migrate(instance: &Instance, target: &Target) -> usize {
    let behind = instance.behind(target).await.unwrap();
    let summary = instance.migrate(behind, NonZeroUsize::new(2).unwrap(), |_| {}).await.unwrap();
    assert!(summary.failed.is_empty(), "{summary:?}");
    summary.done
}

#[tokio::test]
async fn a_migration_runs_once_for_the_tables_and_its_steps_for_each_tenant() {
    on_each(async |server| {
        let site = server.site();
        let old = site.open();
        let [acme, _] = two(&old).await;
        for slug in ["acme", "globex"] {
            write(&door(&old, slug), slug).await.unwrap();
        }
        let new = site.try_open(notes([welcomes()])).unwrap();
        let refused = titles(&door(&new, "globex")).await;
        assert!(matches!(refused, Err(QueryError::Version(VersionError::Behind { .. }))), "{refused:?}");
        let early = new.create_tenant(on_server("initech", Isolation::Row)).await.unwrap_err().to_string();
        assert!(
            early.contains("migration notes.0002_welcome was not applied") && early.contains("`migrate`")
        );

        assert_eq!(new.migrated_with(&acme).len(), 1);
        let only_acme = Target::Tenant(slug("acme"));
        assert_eq!(migrate(&new, &only_acme).await, 2, "the tables are both tenants'");
        assert_eq!(new.behind(&Target::Fleet).await.unwrap(), []);
        let bodies = async |slug: &str| {
            let rows = door(&new, slug).raw("SELECT body FROM notes_note ORDER BY id", vec![]).await.unwrap();
            rows.iter().map(|row| row.get::<String>("body").unwrap()).collect::<Vec<_>>()
        };
        let welcome = "é \"{}',\\".to_owned();
        assert_eq!(bodies("acme").await, ["ACME".to_owned(), welcome.clone()]);
        assert_eq!(bodies("globex").await, ["GLOBEX".to_owned(), welcome.clone()]);
        until("the older program hears", async || titles(&door(&old, "acme")).await.is_err()).await;

        // A tenant that is made later begins with what the steps have put there, and its keys go on from it.
        new.create_tenant(on_server("initech", Isolation::Row)).await.unwrap();
        assert_eq!(bodies("initech").await, [welcome]);
        let initech = door(&new, "initech");
        let first = initech.query::<Note>().one().await.unwrap();
        let next = write(&initech, "next").await.unwrap();
        assert!(next.id > first.id);
        let count = "SELECT count(*) AS n, count(DISTINCT codename) AS names FROM auth_permission";
        for slug in ["acme", "globex", "initech"] {
            let rows = door(&new, slug).raw(count, vec![]).await.unwrap();
            let counts = ["n", "names"].map(|column| rows[0].get::<i64>(column).unwrap());
            assert_eq!(counts, [28, 28], "{slug}");
        }
        let ledger = "SELECT count(*) FROM tenantry_shared.tenantry_migration WHERE app = 'notes'";
        assert_eq!(server.count(ledger).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_fails_for_one_tenant_is_undone_for_all() {
    on_each(async |server| {
        let site = server.site();
        let old = site.open();
        two(&old).await;
        write(&door(&old, "globex"), "broken").await.unwrap();
        let fails = Migration::new("notes", "0002_fails")
            .add_column("notes_note", Column::text("body").null())
            .run_sql(Sql {
                sqlite: "SELECT 1",
                postgres: "UPDATE notes_note SET body = (1 / (length(title) - 6))::text",
            });
        let new = site.try_open(notes([fails])).unwrap();
        let behind = new.behind(&Target::Fleet).await.unwrap();
        let summary = new.migrate(behind, NonZeroUsize::MIN, |_| {}).await.unwrap();
        let failed: Vec<_> =
            summary.failed.iter().map(|(slug, why)| (slug.as_str(), why.to_string())).collect();
        assert_eq!((summary.done, failed.len()), (0, 2), "{failed:?}");
        assert!(failed.iter().all(|(_, why)| why.contains("division by zero")), "{failed:?}");
        assert_eq!(titles(&door(&old, "globex")).await.unwrap(), ["broken"]);
        let columns = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'body'";
        assert_eq!(server.count(columns).await, 0);
    })
    .await;
}

/// Waits for a lock that the test holds, then gives each tenant a row to begin with.
fn waits() -> Migration {
    let step = Migration::new("notes", "0002_waits").run_rust("wait", |db| {
        Box::pin(async move {
            db.raw("SELECT 1 FROM (SELECT pg_advisory_xact_lock_shared(42)) AS waited", vec![]).await?;
            db.raw_execute("INSERT INTO notes_note (title) VALUES ('welcome')", vec![]).await?;
            Ok(())
        })
    });
    step.additive()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tenant_that_is_made_during_a_migration_has_what_its_steps_put_there() {
    on_each(async |server| {
        let site = server.site();
        let old = site.open();
        two(&old).await;
        server.administrator.batch_execute("SELECT pg_advisory_lock(42)").await.unwrap();
        let new = site.try_open(notes([waits()])).unwrap();
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let meanwhile = async {
            until("the step waits", async || server.count(waiting).await == 1).await;
            let making = tokio::spawn({
                let old = old.clone();
                async move { old.create_tenant(on_server("initech", Isolation::Row)).await }
            });
            until("the creation waits", async || server.count(waiting).await == 2).await;
            server.administrator.batch_execute("SELECT pg_advisory_unlock(42)").await.unwrap();
            making.await.unwrap().unwrap();
        };
        let (migrated, ()) = tokio::join!(migrate(&new, &Target::Fleet), meanwhile);
        assert!(migrated >= 2, "{migrated}");
        for slug in ["acme", "globex", "initech"] {
            assert_eq!(titles(&door(&old, slug)).await.unwrap(), ["welcome"], "{slug}");
        }
    })
    .await;
}
