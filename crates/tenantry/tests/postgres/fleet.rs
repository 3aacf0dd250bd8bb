//! The fleet: who is behind, canaries, runs that are killed, and tenants that are migrated when they are asked for.

use std::process::Command;
use std::time::Instant;

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};

use crate::common::Server;
use crate::place::{Place, on_each};
use crate::proxy::Proxy;

const UNDONE: &str =
    "DROP TABLE tenantry_session; DELETE FROM tenantry_migration WHERE name = '0002_sessions'";
/// As before, but for something that is in the way of the migration.
const IN_THE_WAY: &str = "DELETE FROM tenantry_migration WHERE name = '0002_sessions'";

fn json_of(command: &mut Command) -> Value {
    let done = command.output().unwrap();
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

/// A tenant's place: what it is called on the disk or on the server.
fn name(shown: &str) -> String {
    let shown: Value = serde_json::from_str(shown).unwrap();
    shown["placement"]["made"]["name"].as_str().unwrap().to_owned()
}

/// Sets tenants' data back to what an older program has left, and the directory with it.
#[allow(clippy::disallowed_methods, reason = "what another program does, no door of ours is for")]
async fn set_back(place: &Place, slugs: &[&str], sql: &str) {
    for slug in slugs {
        let shown = place.ok(&format!("tenant show {slug} --json"));
        let name = name(&shown);
        if shown.contains("\"schema\"") {
            let sql = format!("SET search_path TO \"{name}\"; {sql}; RESET search_path");
            place.administrator.batch_execute(&sql).await.unwrap();
        } else {
            let file = place.folder().join(format!("data/tenants/{name}.db"));
            rusqlite::Connection::open(file).unwrap().execute_batch(sql).unwrap();
        }
    }
    note_old(place, slugs);
}

/// Lets the directory say that tenants are of the version before.
#[allow(clippy::disallowed_methods, reason = "what another program does, no door of ours is for")]
fn note_old(place: &Place, slugs: &[&str]) {
    let directory = rusqlite::Connection::open(place.folder().join("data/directory.db")).unwrap();
    let all: String = directory.query_row("SELECT migrations FROM version", (), |row| row.get(0)).unwrap();
    let before = all.lines().filter(|line| *line != "tenantry.0002_sessions").collect::<Vec<_>>().join("\n");
    let add = "INSERT INTO version VALUES ('0ld', ?1) ON CONFLICT DO NOTHING";
    directory.execute(add, [before]).unwrap();
    for slug in slugs {
        let note = "UPDATE tenant SET version = '0ld' WHERE slug = ?1";
        assert_eq!(directory.execute(note, [slug]).unwrap(), 1);
    }
}

fn make(place: &Place, slug: &str, home: &str) {
    place.ok(&format!("tenant create {slug} --domain {slug}.checkhost.local {home}"));
}

fn status(place: &Place) -> Value {
    json_of(&mut place.command("fleet status --json"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fleets_standing_is_told_without_asking_any_tenant() {
    on_each(async |mut place| {
        let proxy = Proxy::start(&place.address).await;
        place.way.clone_from(&proxy.address);
        for (slug, home) in [
            ("acme", "--server main"),
            ("globex", "--server main"),
            ("hooli", "--server main --isolation row"),
            ("initech", ""),
            ("umbrella", ""),
        ] {
            make(&place, slug, home);
        }
        let fresh = status(&place);
        assert_eq!((&fresh["total"], &fresh["up_to_date"]), (&json!(5), &json!(5)), "{fresh}");
        assert_eq!(fresh["tenants"], json!([]));

        set_back(&place, &["acme", "initech"], UNDONE).await;
        let directory = place.folder().join("data/directory.db");
        #[allow(clippy::disallowed_methods, reason = "what another program does, no door of ours is for")]
        let directory = rusqlite::Connection::open(directory).unwrap();
        directory
            .execute_batch(
                "INSERT INTO version SELECT 'n3w', migrations || char(10) || 'notes.0009_new' FROM version \
                 WHERE version <> '0ld'; UPDATE tenant SET version = 'n3w' WHERE slug = 'globex'; \
                 UPDATE tenant SET version = NULL, noted = NULL WHERE slug = 'umbrella'",
            )
            .unwrap();
        proxy.go_deaf();
        let seen = status(&place);
        let counts = ["up_to_date", "behind", "ahead", "unknown"].map(|name| seen[name].as_u64().unwrap());
        assert_eq!(counts, [1, 2, 1, 1], "{seen}");
        let listed = seen["tenants"].as_array().unwrap();
        let listed: Vec<_> = listed
            .iter()
            .map(|of| (of["tenant"].as_str().unwrap(), of["state"].as_str().unwrap(), of["missing"].clone()))
            .collect();
        let missing = json!(["tenantry.0002_sessions"]);
        assert_eq!(
            listed,
            [
                ("acme", "behind", missing.clone()),
                ("globex", "ahead", json!([])),
                ("initech", "behind", missing),
                ("umbrella", "unknown", json!([])),
            ]
        );
        assert!(seen["tenants"][0]["noted"].is_string() && seen["tenants"][3]["noted"].is_null(), "{seen}");
        let schemas =
            seen["places"].as_array().unwrap().iter().find(|of| of["isolation"] == "schema").unwrap();
        assert_eq!((&schemas["behind"], &schemas["ahead"]), (&json!(1), &json!(1)), "{seen}");
        assert!(seen["versions"].as_array().unwrap().len() == 4, "{seen}");

        let told = place.ok("fleet status --per-page 1 --page 3");
        assert!(told.contains("initech") && !told.contains("acme") && told.contains("page 3 of 4"), "{told}");
        assert!(place.refused("fleet status --page 5 --per-page 1").contains("the last one is 4"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_fails_is_the_last_that_was_touched() {
    on_each(async |place| {
        let slugs = ["acme", "globex", "hooli", "initech"];
        for (slug, home) in slugs.into_iter().zip(["--server main", "", "--server main", ""]) {
            make(&place, slug, home);
        }
        // They take turns: the first of each server, then the second of each.
        set_back(&place, &["acme", "hooli", "initech"], UNDONE).await;
        set_back(&place, &["globex"], IN_THE_WAY).await;
        let planned = json_of(&mut place.command("migrate --plan --json"));
        assert_eq!(planned.as_array().unwrap().len(), 4, "{planned}");
        assert_eq!(status(&place)["behind"], json!(4), "a plan does nothing");

        let told = place.refused("migrate --canary 3");
        assert!(told.contains("a canary failed; 2 tenants left as they were"), "{told}");
        let seen = status(&place);
        assert_eq!((&seen["up_to_date"], &seen["behind"]), (&json!(1), &json!(3)), "{seen}");
        let again = json_of(&mut place.command("migrate --canary 1 --json"));
        assert_eq!((&again["done"], &again["untouched"]), (&json!(0), &json!(2)), "{again}");
        assert_eq!(again["tenants"][0]["outcome"], json!("failed"), "{again}");
        assert!(again["tenants"][0]["error"].as_str().unwrap().contains("already exists"), "{again}");

        set_back(&place, &["globex"], "DROP TABLE tenantry_session").await;
        let mended = json_of(&mut place.command("migrate --canary 1 --jobs 3 --json"));
        assert_eq!((&mended["done"], &mended["untouched"]), (&json!(3), &json!(0)), "{mended}");
        for of in mended["tenants"].as_array().unwrap() {
            assert_eq!(of["applied"], json!(["tenantry.0002_sessions"]), "{mended}");
        }
        assert_eq!(status(&place)["up_to_date"], json!(4));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_killed_goes_on_where_it_was() {
    on_each(async |mut place| {
        let proxy = Proxy::start(&place.address).await;
        place.way.clone_from(&proxy.address);
        let slugs = ["one", "two", "three", "four", "five", "six"];
        slugs.iter().for_each(|slug| make(&place, slug, "--server main"));
        set_back(&place, &slugs, UNDONE).await;
        // One message in two thirds of the way: some are done, and some were not begun.
        proxy.arm(usize::MAX);
        place.ok("migrate --jobs 1");
        let messages = proxy.messages();
        set_back(&place, &slugs, UNDONE).await;
        proxy.arm(messages * 2 / 3);
        let process = place.spawn("migrate --jobs 1");
        proxy.name(process.id());
        let killed = process.wait_with_output().unwrap();
        proxy.disarm();
        assert_eq!(killed.status.code(), None, "{killed:?}");

        let rest = json_of(&mut place.command("migrate --json"));
        let applied = |of: &&Value| of["applied"] == json!(["tenantry.0002_sessions"]);
        let migrated = rest["tenants"].as_array().unwrap().iter().filter(applied).count();
        assert!((1..=4).contains(&migrated), "{rest}");
        assert_eq!(rest["failed"], json!([]), "{rest}");
        assert_eq!(status(&place)["up_to_date"], json!(6));
        assert!(place.ok("migrate").contains("every tenant is up to date"));
    })
    .await;
}

fn lazy(place: &Place) -> Server {
    Server::run(place.command("serve").env("MIGRATE_ON_ACCESS", "true"))
}

async fn answer(server: &Server, slug: &str) -> reqwest::Response {
    server.get(&format!("{slug}.checkhost.local"), "/admin/login/", "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_asked_for_is_migrated_where_that_is_wanted() {
    on_each(async |place| {
        let homes = ["--server main", "", "--server main", "", "--server main --isolation row", ""];
        let slugs = ["acme", "globex", "broken", "cracked", "shared", "asleep"];
        slugs.iter().zip(homes).for_each(|(slug, home)| make(&place, slug, home));
        set_back(&place, &["acme", "globex", "asleep"], UNDONE).await;
        set_back(&place, &["broken", "cracked"], IN_THE_WAY).await;
        let shared = "DELETE FROM tenantry_shared.tenantry_migration WHERE name = '0002_sessions'";
        place.administrator.batch_execute(shared).await.unwrap();
        note_old(&place, &["shared"]);
        let planned = json_of(&mut place.command("migrate --plan --json"));
        let whose = planned.as_array().unwrap().iter().filter(|line| line["tenant"] == "shared").count();
        assert_eq!((planned.as_array().unwrap().len(), whose), (6, 1), "{planned}");

        let server = place.serve();
        for slug in slugs {
            assert_eq!(answer(&server, slug).await.status(), StatusCode::SERVICE_UNAVAILABLE, "{slug}");
        }
        drop(server);
        assert_eq!(status(&place)["behind"], json!(6), "off unless it is asked for");

        let server = lazy(&place);
        for slug in ["acme", "globex"] {
            let ask = || answer(&server, slug);
            let at_once = tokio::join!(ask(), ask(), ask(), ask());
            for answer in <[_; 4]>::from(at_once) {
                assert_eq!(answer.status(), StatusCode::OK, "{slug}");
            }
        }
        for slug in ["broken", "cracked", "shared"] {
            let refused = answer(&server, slug).await;
            assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "{slug}");
            assert!(refused.headers().contains_key(RETRY_AFTER), "{slug}");
        }
        // Mended, and yet not tried at the next request: a minute must pass, or somebody migrate it.
        set_back(&place, &["broken", "cracked"], "DROP TABLE tenantry_session").await;
        let begun = Instant::now();
        while begun.elapsed() < std::time::Duration::from_secs(1) {
            for slug in ["broken", "cracked"] {
                assert_eq!(answer(&server, slug).await.status(), StatusCode::SERVICE_UNAVAILABLE, "{slug}");
            }
        }
        let seen = status(&place);
        assert_eq!((&seen["up_to_date"], &seen["behind"]), (&json!(2), &json!(4)), "{seen}");
        for slug in ["broken", "cracked"] {
            place.ok(&format!("migrate --tenant {slug}"));
            server.until(&format!("{slug}.checkhost.local"), StatusCode::OK).await;
        }
    })
    .await;
}
