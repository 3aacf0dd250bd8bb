//! PostgreSQL databases that one tenant claims as a whole.

use std::time::Duration;

use tenantry_core::Transition;
use tenantry_db::lifecycle::CreateError;
use tenantry_db::{Location, PostgresServer, ServerTrouble};

use crate::common::*;
use crate::server::{ALIAS, TestServer, connect, on_each};

/// The server's own, by the URL of someone who spells its host otherwise.
fn spelled_otherwise(server: &TestServer) -> Location {
    let other = |url: &str| url.replace("127.0.0.1", "localhost").parse().unwrap();
    let [serving, owner] = server.urls();
    Location::Postgres(Box::new(PostgresServer { serving: other(&serving), owner: Some(other(&owner)) }))
}

#[tokio::test]
async fn a_database_is_taken_over_with_what_is_in_it_and_kept_when_its_tenant_is_purged() {
    on_each(async |server| {
        let [_, owner] = server.urls();
        let theirs = connect(&owner).await;
        theirs.batch_execute("CREATE TABLE theirs (id bigint); INSERT INTO theirs VALUES (7)").await.unwrap();
        let site = server.site();
        let instance = site.open();
        let record = instance.create_tenant(claiming("acme", ALIAS)).await.unwrap();
        let acme = door(&instance, "acme");
        write(&acme, "of acme").await.unwrap();
        let rows = acme.raw("SELECT id FROM theirs", vec![]).await.unwrap();
        assert_eq!(rows[0].get::<i64>("id").unwrap(), 7);
        assert_eq!(acme.raw_execute("INSERT INTO theirs VALUES ($1)", vec![8.into()]).await.unwrap(), 1);
        assert!(acme.raw_execute("DROP TABLE theirs", vec![]).await.is_err(), "it is the owner's");

        let again = instance.create_tenant(claiming("globex", ALIAS)).await.unwrap_err();
        assert!(matches!(again, CreateError::DatabaseTaken(_)), "{again:?}");
        instance.directory().change_status(record.id, Transition::Delete).await.unwrap();
        instance.purge(record.id).await.unwrap();
        instance.create_tenant(claiming("globex", ALIAS)).await.unwrap();
        assert_eq!(titles(&door(&instance, "globex")).await.unwrap(), ["of acme"]);
    })
    .await;
}

#[tokio::test]
async fn a_database_has_one_tenant_however_its_url_is_spelled() {
    on_each(async |server| {
        let mut site = server.site();
        site.databases.insert("again".parse().unwrap(), spelled_otherwise(&server));
        let instance = site.open();
        instance.create_tenant(claiming("acme", ALIAS)).await.unwrap();
        write(&door(&instance, "acme"), "of acme").await.unwrap();
        let refused = instance.create_tenant(claiming("globex", "again")).await.unwrap_err().to_string();
        assert_eq!(refused, "DB_AGAIN leads to the same database as DB_MAIN, which another tenant claims");
        assert_eq!(instance.directory().records().len(), 1);
        assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["of acme"]);
        assert_eq!(site.listed("data/journal"), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_role_that_nothing_keeps_apart_serves_nobody() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        instance.create_tenant(claiming("acme", ALIAS)).await.unwrap();
        assert_eq!(instance.check_servers(Duration::from_secs(60)).await, []);
        let role = server.server.serving.user();
        server.administrator.batch_execute(&format!("ALTER ROLE {role} BYPASSRLS")).await.unwrap();
        let troubles = instance.check_servers(Duration::from_secs(60)).await;
        let found = |variable: &str, role: &str| ServerTrouble::Unsafe {
            variable: variable.to_owned(),
            role: role.to_owned(),
        };
        // The owner is a member of the other role, and may become it.
        let owner = server.server.owner.as_ref().unwrap().user();
        assert_eq!(troubles, [found("DB_MAIN", role), found("DB_MAIN_OWNER", owner)]);
        let fresh = site.open();
        let refused = titles(&door(&fresh, "acme")).await.unwrap_err();
        assert!(matches!(refused, tenantry_db::model::QueryError::Unreachable(_)), "{refused:?}");
    })
    .await;
}
