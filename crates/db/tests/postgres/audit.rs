//! What would not keep tenants apart in shared tables is found, named with what mends it, and refused.

use std::num::NonZeroUsize;
use std::time::Duration;

use tenantry_core::Isolation;
use tenantry_db::lifecycle::Target;
use tenantry_db::migrate::{Fault, Finding, Migration, Sql};
use tenantry_db::model::QueryError;
use tenantry_db::{Instance, Location, PostgresServer, PostgresUrl, ServerTrouble, TenantDb};

use crate::common::*;
use crate::rows::two;
use crate::server::{ALIAS, on_each, on_server};

async fn found(instance: &Instance) -> Vec<Finding> {
    let troubles = instance.check_servers(Duration::from_secs(60)).await;
    let findings = troubles.into_iter().map(|trouble| match trouble {
        ServerTrouble::Unprotected { variable, finding } => {
            assert_eq!(variable, "DB_MAIN");
            finding
        }
        other => panic!("{other:?}"),
    });
    findings.collect()
}

/// What provokes each finding, and what is found: the first mends what was done, perhaps with the others' help.
fn provocations(serving: &str, owner: &str) -> Vec<(String, Vec<(Fault, String)>)> {
    let note = "tenantry_shared.notes_note";
    let one = |sql: &str, fault, object: &str| (sql.to_owned(), vec![(fault, object.to_owned())]);
    let unsafe_policy = (Fault::FailsOpen, format!("tenant on {note}"));
    vec![
        one("ALTER TABLE notes_note DISABLE ROW LEVEL SECURITY", Fault::Unsecured, note),
        one("ALTER TABLE notes_note NO FORCE ROW LEVEL SECURITY", Fault::Unforced, note),
        one("DROP POLICY tenant ON notes_note", Fault::NoPolicy, note),
        one(
            "CREATE POLICY all_of_them ON notes_note FOR SELECT USING (true)",
            Fault::FailsOpen,
            "all_of_them on tenantry_shared.notes_note",
        ),
        (
            "ALTER POLICY tenant ON notes_note USING (current_setting('tenantry.tenant', true) IS NULL OR true)"
                .to_owned(),
            vec![unsafe_policy.clone(), (Fault::NoPolicy, note.to_owned())],
        ),
        (
            "ALTER POLICY tenant ON notes_note WITH CHECK (true)".to_owned(),
            vec![unsafe_policy, (Fault::NoPolicy, note.to_owned())],
        ),
        one(&format!("ALTER POLICY tenant ON notes_note TO {owner}"), Fault::NoPolicy, note),
        one("CREATE TABLE colours (id bigint PRIMARY KEY)", Fault::NoTenant, "tenantry_shared.colours"),
        one(
            "CREATE UNIQUE INDEX one_title ON notes_note (title)",
            Fault::UniqueAcross,
            "one_title on tenantry_shared.notes_note",
        ),
        one(
            "ALTER TABLE notes_note ADD CONSTRAINT only_title UNIQUE (title, tenant_id)",
            Fault::UniqueAcross,
            "only_title on tenantry_shared.notes_note",
        ),
        (
            "CREATE UNIQUE INDEX lone_id ON notes_note (id); \
             ALTER TABLE auth_group ADD CONSTRAINT strays FOREIGN KEY (id) REFERENCES notes_note (id)"
                .to_owned(),
            vec![
                (Fault::RefersAcross, "strays on tenantry_shared.auth_group".to_owned()),
                (Fault::UniqueAcross, "lone_id on tenantry_shared.notes_note".to_owned()),
            ],
        ),
        one("CREATE VIEW all_notes AS SELECT * FROM notes_note", Fault::ViewOfOwner, "tenantry_shared.all_notes"),
        one(
            "CREATE VIEW public.all_notes AS SELECT * FROM notes_note",
            Fault::ViewOfOwner,
            "public.all_notes",
        ),
        one(
            "CREATE MATERIALIZED VIEW kept AS SELECT * FROM notes_note",
            Fault::Materialized,
            "tenantry_shared.kept",
        ),
        one(
            "CREATE FUNCTION lends(n int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT n'",
            Fault::Definer,
            "lends(n integer)",
        ),
        one(
            &format!("GRANT TRUNCATE ON notes_note TO {serving}"),
            Fault::Granted,
            "TRUNCATE on tenantry_shared.notes_note",
        ),
        one(
            &format!("GRANT REFERENCES (id) ON notes_note TO {serving}"),
            Fault::Granted,
            "REFERENCES on tenantry_shared.notes_note",
        ),
        one("GRANT TRIGGER ON auth_user TO PUBLIC", Fault::Granted, "TRIGGER on tenantry_shared.auth_user"),
        one(
            &format!("GRANT DELETE ON tenantry_migration TO {serving}"),
            Fault::Granted,
            "DELETE on tenantry_shared.tenantry_migration",
        ),
        one(
            &format!("GRANT SELECT ON tenantry_tenant TO {serving}"),
            Fault::Granted,
            "SELECT on tenantry_shared.tenantry_tenant",
        ),
        one(
            &format!("GRANT CREATE ON SCHEMA tenantry_shared TO {serving}"),
            Fault::Granted,
            "CREATE on SCHEMA tenantry_shared",
        ),
        one(
            &format!("GRANT UPDATE ON SEQUENCE notes_note_id_seq TO {serving}"),
            Fault::Granted,
            "UPDATE on SEQUENCE tenantry_shared.notes_note_id_seq",
        ),
        one(
            &format!("ALTER DEFAULT PRIVILEGES IN SCHEMA tenantry_shared GRANT TRUNCATE ON TABLES TO {serving}"),
            Fault::Granted,
            "TRUNCATE on TABLES",
        ),
        one(
            &format!("ALTER DEFAULT PRIVILEGES GRANT TRIGGER ON TABLES TO {serving}"),
            Fault::Granted,
            "TRIGGER on TABLES",
        ),
        one(&format!("ALTER TABLE notes_note OWNER TO {serving}"), Fault::Owned, note),
    ]
}

#[tokio::test]
async fn each_fault_is_found_and_mended_by_the_statement_that_is_named() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        two(&instance).await;
        write(&door(&instance, "acme"), "of acme").await.unwrap();
        assert_eq!(found(&instance).await, []);
        let owner = server.server.owner.as_ref().unwrap().user().to_owned();
        let administrator = &server.administrator;
        administrator.batch_execute("SET search_path = tenantry_shared").await.unwrap();
        for (sql, expected) in provocations(server.server.serving.user(), &owner) {
            // As the owner would have done it, who alone may mend most of it.
            let as_owner = format!("SET ROLE {owner}; {sql}; RESET ROLE");
            let as_administrator = format!("RESET ROLE; {sql}");
            let done = if sql.contains("OWNER TO") { as_administrator } else { as_owner };
            administrator.batch_execute(&done).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            let findings = found(&instance).await;
            let told: Vec<_> = findings.iter().map(|one| (one.fault, one.object.clone())).collect();
            assert_eq!(told, expected, "{sql}");
            // No door that is opened from now on leads to any of the tenants.
            let refused = titles(&door(&site.open(), "acme")).await;
            assert!(matches!(refused, Err(QueryError::Unprotected(_))), "{sql}: {refused:?}");
            for finding in &findings {
                assert!(finding.to_string().contains(&finding.remedy), "{finding}");
                let mended = administrator.batch_execute(&finding.remedy).await;
                mended.unwrap_or_else(|error| panic!("{}: {error:?}", finding.remedy));
            }
            administrator
                .batch_execute(
                    "RESET ROLE; DROP TABLE IF EXISTS public.colours; DROP VIEW IF EXISTS public.all_notes",
                )
                .await
                .unwrap();
            assert_eq!(found(&instance).await, [], "{sql}");
        }
        assert_eq!(titles(&door(&instance, "acme")).await.unwrap(), ["of acme"]);
    })
    .await;
}

#[tokio::test]
async fn a_role_that_may_become_the_owner_is_found() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        two(&instance).await;
        let (serving, owner) = (server.server.serving.user(), server.server.owner.as_ref().unwrap().user());
        let turned = format!("REVOKE {serving} FROM {owner}; GRANT {owner} TO {serving}");
        server.administrator.batch_execute(&turned).await.unwrap();
        let findings = found(&instance).await;
        assert!(findings.len() > 10 && findings.iter().all(|one| one.fault == Fault::Owned), "{findings:?}");
        server.administrator.batch_execute(&findings[0].remedy).await.unwrap();
        assert_eq!(found(&instance).await, []);
    })
    .await;
}

/// As if the owner's variable had never been there.
#[tokio::test]
async fn an_owner_that_serves_as_well_is_told_to_have_another_serve() {
    on_each(async |mut server| {
        let mut site = server.site();
        two(&site.open()).await;
        let owner = server.server.owner.take().unwrap();
        let serving = std::mem::replace(&mut server.server.serving, owner.clone());
        let locate = |server: &PostgresServer| Location::Postgres(Box::new(server.clone()));
        site.databases.insert(ALIAS.parse().unwrap(), locate(&server.server));
        let instance = site.open();
        let findings = found(&instance).await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(
            (findings[0].fault, findings[0].object.as_str()),
            (Fault::Owned, "SCHEMA tenantry_shared")
        );
        let refused = titles(&door(&instance, "acme")).await;
        assert!(matches!(refused, Err(QueryError::Unprotected(_))), "{refused:?}");

        let name = format!("{}_anew", serving.user());
        let anew = serving_url(&serving, &name);
        let remedy = findings[0].remedy.replace("\"serving\"", &name).replace("'...'", "'serving'");
        server.administrator.batch_execute(&remedy).await.unwrap();
        server.server = PostgresServer { serving: anew, owner: Some(owner) };
        site.databases.insert(ALIAS.parse().unwrap(), locate(&server.server));
        let instance = site.open();
        assert_eq!(found(&instance).await, []);
        write(&door(&instance, "acme"), "served").await.unwrap();
        instance.create_tenant(on_server("initech", Isolation::Row)).await.unwrap();
    })
    .await;
}

/// The same place for another role.
fn serving_url(url: &PostgresUrl, name: &str) -> PostgresUrl {
    let url = url.to_string();
    let (_, place) = url.split_once('@').unwrap();
    format!("postgres://{name}:serving@{place}").parse().unwrap()
}

/// A tenant in a schema of its own has nothing to do with it.
#[tokio::test]
async fn only_tenants_in_the_shared_tables_suffer_and_are_served_once_it_is_mended() {
    on_each(async |server| {
        let site = server.site();
        let instance = site.open();
        two(&instance).await;
        instance.create_tenant(on_server("initech", Isolation::Schema)).await.unwrap();
        let breaks = "ALTER TABLE tenantry_shared.auth_user DISABLE ROW LEVEL SECURITY";
        server.administrator.batch_execute(breaks).await.unwrap();
        let fresh = site.open();
        let refused = titles(&door(&fresh, "acme")).await.unwrap_err();
        let cause = std::error::Error::source(&refused).unwrap().to_string();
        assert!(cause.contains("ALTER TABLE tenantry_shared.auth_user ENABLE ROW LEVEL SECURITY"), "{cause}");
        assert!(!refused.to_string().contains("auth_user"), "the cause is for the log: {refused}");
        assert_eq!(titles(&door(&fresh, "initech")).await.unwrap(), Vec::<String>::new());
        let made = fresh.create_tenant(on_server("hooli", Isolation::Row)).await.unwrap_err().to_string();
        assert!(made.contains("do not keep them apart"), "{made}");

        server.administrator.batch_execute(&breaks.replace("DISABLE", "ENABLE")).await.unwrap();
        until("it is served again", async || titles(&door(&fresh, "acme")).await.is_ok()).await;
        fresh.create_tenant(on_server("hooli", Isolation::Row)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_would_let_tenants_meet_is_not_kept() {
    on_each(async |server| {
        let site = server.site();
        let old = site.open();
        two(&old).await;
        let view = "CREATE OR REPLACE VIEW everyone AS SELECT username FROM auth_user";
        let leaks = Migration::new("notes", "0002_view").run_sql(Sql { sqlite: "SELECT 1", postgres: view });
        let new = site.try_open(notes([leaks])).unwrap();
        let behind = new.behind(&Target::Fleet).await.unwrap();
        let summary = new.migrate(behind, NonZeroUsize::MIN, |_| {}).await.unwrap();
        let why = summary.failed[0].1.to_string();
        assert!(why.contains("ALTER VIEW tenantry_shared.everyone SET (security_invoker = true)"), "{why}");
        assert_eq!(summary.done, 0);
        assert_eq!(server.count("SELECT count(*) FROM pg_views WHERE viewname = 'everyone'").await, 0);
        let db: TenantDb = door(&old, "acme");
        assert_eq!(titles(&db).await.unwrap(), Vec::<String>::new());
    })
    .await;
}
