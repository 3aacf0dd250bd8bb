//! The schemas of a Django project with a schema for each tenant become tenants: nothing of Django's changes, and its users
//! sign in.

use std::path::PathBuf;
use std::process::Command;

use reqwest::StatusCode;
use serde_json::Value;

use crate::place::{Place, on_each};
use crate::proxy::Proxy;

/// The schemas. The last one's tenant is not active.
const SCHEMAS: [&str; 3] = ["acme", "Globex_North", "dormant"];

/// What of the proxy's messages is passed over between two kills.
const STEP: usize = 11;

/// Runs `with_django.py` beside this file with the Python of `TENANTRY_TEST_PYTHON`, as the role that owns the tables.
#[expect(clippy::disallowed_methods, reason = "which Python to test with is no setting of the program")]
fn django(place: &Place, command: &str) -> String {
    let python = std::env::var_os("TENANTRY_TEST_PYTHON").expect(
        "TENANTRY_TEST_PYTHON must name a Python that has Django 4.1 and psycopg2 (`cargo xtask test` sets one up by itself)",
    );
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/with_django.py");
    let mut python = Command::new(&python);
    python.arg(script).args([command, &place.address, &place.name, &format!("{}_owner", place.name)]);
    let output = python.args(SCHEMAS).env("PGPASSWORD", "hush-owner").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "with_django.py {command} failed:\n{told}");
    String::from_utf8(output.stdout).unwrap()
}

fn outcomes(told: &str) -> Vec<(String, String)> {
    let told: Vec<Value> = serde_json::from_str(told).unwrap();
    let text = |told: &Value, key: &str| told[key].as_str().unwrap().to_owned();
    told.iter().map(|told| (text(told, "schema"), text(told, "outcome"))).collect()
}

fn all(outcome: &str) -> Vec<(String, String)> {
    SCHEMAS.map(|schema| (schema.to_owned(), outcome.to_owned())).to_vec()
}

fn tenants(place: &Place) -> Vec<Value> {
    let listed: Value = serde_json::from_str(&place.ok("tenant list --json")).unwrap();
    listed["tenants"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schemas_of_a_django_project_become_tenants_whose_users_sign_in() {
    on_each(async |place| {
        django(&place, "make");
        let before = django(&place, "dump");
        assert_eq!(outcomes(&place.ok("adopt --database main --plan --json")), all("free"));
        assert_eq!((tenants(&place), django(&place, "dump")), (vec![], before.clone()));

        assert_eq!(outcomes(&place.ok("adopt --database main --json")), all("adopted"));
        assert_eq!(django(&place, "dump"), before, "nothing of Django's has changed");
        let first = tenants(&place);
        assert_eq!(outcomes(&place.ok("adopt --database main --json")), all("tenant"));
        assert_eq!(tenants(&place), first);
        let said = place.ok("adopt --database main");
        assert!(said.contains("Globex_North: is the tenant globex-north already"), "{said}");
        assert!(place.ok("migrate").contains("up to date"));
        assert!(place.ok("check").contains("nothing is amiss"));

        let server = place.serve();
        for (schema, slug) in [("acme", "acme"), ("Globex_North", "globex-north")] {
            let host = format!("{slug}.checkhost.local");
            let (answer, session) = server.sign_in(&host, "ann", &format!("{schema}-pass-1")).await;
            assert_eq!(answer.status(), StatusCode::FOUND, "{slug}");
            let session = session.unwrap();
            assert_eq!(server.get(&host, "/admin/", &session).await.status(), StatusCode::OK, "{slug}");
            let other = if slug == "acme" { "globex-north" } else { "acme" };
            let elsewhere = server.get(&format!("{other}.checkhost.local"), "/admin/", &session).await;
            assert_eq!(elsewhere.status(), StatusCode::FOUND, "{slug}'s session is nobody's elsewhere");
        }
        let (refused, none) = server.sign_in("acme.checkhost.local", "ann", "Globex_North-pass-1").await;
        assert_eq!((refused.status(), none), (StatusCode::OK, None));
        let dormant = server.get("dormant.checkhost.local", "/admin/login/", "").await;
        assert_eq!(dormant.status(), StatusCode::SERVICE_UNAVAILABLE, "who was not active is not served");
        drop(server);
        assert_eq!(django(&place, "check").trim(), "ann signs in, nothing to migrate");

        // What was there before stays when its tenant goes.
        place.confirmed_for(&["acme"], "tenant delete");
        place.confirmed_for(&["acme"], "tenant purge");
        assert_eq!(django(&place, "check").trim(), "ann signs in, nothing to migrate");
        assert!(place.ok("adopt --database main").contains("acme: is the tenant acme now"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_t_be_taken_is_refused_with_the_reason_and_nothing_changes() {
    on_each(async |place| {
        assert!(place.refused("adopt --database main").contains("DB_MAIN has no table tenant_tenant"));
        django(&place, "make");
        let name = &place.name;
        let add = |name: &str, schema: &str, host: &str| {
            format!(
                "INSERT INTO tenant_tenant (name, schema_name, sub_domain, active) VALUES ('{name}', '{schema}', '{host}', true);"
            )
        };
        let strangers = format!(
            "CREATE ROLE {name}_stranger; CREATE SCHEMA strange; CREATE TABLE strange.auth_user (id bigint); \
             ALTER TABLE strange.auth_user OWNER TO {name}_stranger; GRANT ALL ON SCHEMA strange TO {name}_owner; \
             CREATE SCHEMA closed; CREATE SCHEMA bare AUTHORIZATION {name}_owner; \
             CREATE SCHEMA partly AUTHORIZATION {name}_owner; CREATE TABLE partly.auth_user (id bigint); \
             ALTER TABLE partly.auth_user OWNER TO {name}_owner;"
        );
        place.administrator.batch_execute(&strangers).await.unwrap();
        let rows = [
            add("Injected", "x; DROP SCHEMA acme CASCADE; --", "injected.checkhost.local"),
            add("Public", "public", "public.checkhost.local"),
            add("Upper", "ACME", "upper.checkhost.local"),
            add("Short", "ab", "short.checkhost.local"),
            add("Host", "hosted", "no host/at all"),
            add("Gone", "gone", "gone.checkhost.local"),
            add("Strange", "strange", "strange.checkhost.local"),
            add("Closed", "closed", "closed.checkhost.local"),
            add("Bare", "bare", "bare.checkhost.local"),
            add("Partly", "partly", "partly.checkhost.local"),
        ];
        place.administrator.batch_execute(&rows.concat()).await.unwrap();
        place.ok("tenant create dormant");
        place.ok("tenant create other --domain acme.checkhost.local");
        let (before, records) = (django(&place, "dump"), tenants(&place));

        let done = place.command("adopt --database main").output().unwrap();
        assert!(!done.status.success());
        let said = String::from_utf8(done.stdout).unwrap();
        for reason in [
            "acme: can't be taken: the domain acme.checkhost.local is taken",
            "Globex_North: can be taken as globex-north",
            "dormant: can't be taken: the slug dormant is taken",
            "x; DROP SCHEMA acme CASCADE; --: can't be taken: a schema's name holds only letters",
            "public: can't be taken: this schema is PostgreSQL's own, everybody's",
            "ab: can't be taken: \"ab\" can't be its slug: a slug is at least 3 characters long",
            "hosted: can't be taken: its host name can't be used",
            "gone: can't be taken: there is no schema of this very name",
            "bare: can't be taken: it has none of Django's tables",
            "partly: can't be taken: the database is not as Django 4.1 leaves it",
        ] {
            assert!(said.contains(reason), "{reason}: {said}");
        }
        let mend = format!("GRANT \"{name}_stranger\" TO \"{name}_owner\"");
        assert!(said.contains(&mend), "{mend}: {said}");
        let create = format!("GRANT USAGE, CREATE ON SCHEMA \"closed\" TO \"{name}_owner\"");
        assert!(said.contains(&create), "{create}: {said}");
        let told = String::from_utf8(done.stderr).unwrap();
        assert!(told.contains("12 schemas can't be taken: nothing changed"), "{told}");
        assert_eq!((django(&place, "dump"), tenants(&place)), (before.clone(), records));

        assert!(place.refused("adopt --database main nobody").contains("names no schema \"nobody\""));
        assert!(place.refused("adopt --database nowhere").contains("DB_NOWHERE is not configured"));
        // One of them alone, and the rest is left.
        assert!(place.ok("adopt --database main Globex_North").contains("is the tenant globex-north now"));
        assert_eq!(django(&place, "dump"), before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adoption_that_is_killed_is_done_or_never_happened() {
    on_each(async |mut place| {
        django(&place, "make");
        let before = django(&place, "dump");
        let proxy = Proxy::start(&place.address).await;
        place.way.clone_from(&proxy.address);
        let (mut at, mut killed) = (1, 0);
        loop {
            proxy.arm(at);
            let process = place.spawn("adopt --database main");
            proxy.name(process.id());
            let done = process.wait_with_output().unwrap();
            proxy.disarm();
            if done.status.success() {
                break;
            }
            assert!(done.status.code().is_none(), "{}", String::from_utf8_lossy(&done.stderr));
            killed += 1;
            // Now and then the next one ends by itself what the one before has left.
            if killed % 2 == 0 {
                place.ok("reconcile");
                assert_eq!(tenants(&place), Vec::<Value>::new(), "killed at message {at}");
            }
            at += STEP;
        }
        assert!(killed > 3, "{killed} kills prove little");
        assert_eq!(tenants(&place).len(), SCHEMAS.len());
        assert_eq!(django(&place, "dump"), before);
        assert_eq!(django(&place, "check").trim(), "ann signs in, nothing to migrate");
        assert!(place.ok("reconcile").contains("nothing"));
    })
    .await;
}
