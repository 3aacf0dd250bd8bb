//! A tenant whose data is of another version than the server, over real sockets: told that it is being updated, alone.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use common::columns::{Ground, in_every_column};
use common::{Setup, Site, header, start_with};
use reqwest::{Method, Response};
use tenantry_db::lifecycle::{Home, NewTenant, Target};
use tenantry_db::migrate::{Column, Migration, Registry, Table};
use tenantry_db::{Instance, TenantDb};
use tenantry_web::http::{Failure, HostRules};

/// Ten times what a change of another program may take to be seen.
const PATIENCE: Duration = Duration::from_secs(10);

fn follows(further: impl IntoIterator<Item = Migration>) -> Registry {
    let notes = Table::new("notes_note").column(Column::id()).column(Column::text("title"));
    let first = Migration::new("notes", "0001_initial").create_table(notes);
    Registry { models: vec![], migrations: std::iter::once(first).chain(further).collect() }
}

fn tags() -> Migration {
    Migration::new("notes", "0002_tags").create_table(Table::new("notes_tag").column(Column::id()))
}

/// One route that asks the data, and two that don't; what got as far as a handler is counted.
fn app(reached: &Arc<AtomicUsize>) -> Router {
    let (to_plain, to_change) = (Arc::clone(reached), Arc::clone(reached));
    let titles = async |db: TenantDb| -> Result<String, Failure> {
        Ok(format!("{} notes", db.raw("SELECT title FROM notes_note", vec![]).await?.len()))
    };
    let counted = |counter: Arc<AtomicUsize>| {
        move || {
            counter.fetch_add(1, Ordering::Relaxed);
            std::future::ready("reached")
        }
    };
    Router::new()
        .route("/notes", get(titles))
        .route("/plain", get(counted(to_plain)))
        .route("/change", post(counted(to_change)))
}

async fn make(instance: &Instance, slug: &str, home: Home) {
    let domains = vec![format!("{slug}.example").parse().unwrap()];
    instance
        .create_tenant(NewTenant { slug: slug.parse().unwrap(), name: None, domains, home })
        .await
        .unwrap();
}

async fn migrate(instance: &Instance, slug: &str) {
    let tenant = instance.behind(&Target::Tenant(slug.parse().unwrap())).await.unwrap();
    let summary = instance.migrate(tenant, NonZeroUsize::MIN, |_| {}).await.unwrap();
    assert_eq!((summary.done, summary.failed.len()), (1, 0), "{slug}");
}

/// Asks until the answer has this status; no answer on the way is any other than it or `before`.
async fn until(site: &Site, host: &str, before: u16, status: u16) -> Response {
    let begun = Instant::now();
    loop {
        let response = site.get(host, "/notes").await;
        // A tenant that another process makes is there before it is whole, for as long as this one has not heard more.
        let being_made = response.status() == 503 && header(&response, "retry-after") == "5";
        if response.status() == status && !being_made {
            return response;
        }
        assert!(response.status() == before || being_made, "{host}: {}", response.status());
        assert!(begun.elapsed() < PATIENCE, "{host} does not answer {status}");
    }
}

in_every_column!(
    apart: who_is_behind_is_told_to_come_again_and_the_others_are_served_all_the_while,
    who_is_ahead_is_served_if_that_is_declared_additive_and_else_never_fails_as_a_fault_of_the_program,
    debug_names_what_is_missing_and_the_command_that_helps,
);

async fn who_is_behind_is_told_to_come_again_and_the_others_are_served_all_the_while(ground: Ground) {
    let reached = Arc::default();
    let site = start_with(ground, Setup { app: app(&reached), ..Setup::default() }, follows([tags()]), 64);
    make(&site.instance, "globex", site.home(0)).await;
    let old = site.beside(follows([]), 64);
    make(&old, "acme", site.home(1)).await;
    until(&site, "acme.example", 400, 503).await;
    for (method, path) in [(Method::GET, "/notes"), (Method::GET, "/plain"), (Method::POST, "/change")] {
        let response = site.request(method, "acme.example", path).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "10"), "{path}");
        let page = response.text().await.unwrap();
        assert!(page.contains("This site is being updated"), "{path}: {page}");
        assert!(!page.contains("migrat") && !page.contains("acme") && !page.contains("0002"), "{page}");
    }
    assert_eq!(reached.load(Ordering::Relaxed), 0, "no handler ran");
    let json = site.request(Method::GET, "acme.example", "/notes").header("accept", "application/json");
    let json = json.send().await.unwrap().text().await.unwrap();
    assert!(
        json.starts_with(r#"{"detail":"This site is being updated: try again in a few minutes.""#),
        "{json}"
    );
    assert_eq!(site.get("globex.example", "/notes").await.status(), 200);

    migrate(&site.beside(follows([tags()]), 64), "acme").await;
    until(&site, "acme.example", 503, 200).await;
    assert_eq!(site.get("acme.example", "/plain").await.status(), 200);
    assert_eq!(site.get("globex.example", "/notes").await.status(), 200);
}

async fn who_is_ahead_is_served_if_that_is_declared_additive_and_else_never_fails_as_a_fault_of_the_program(
    ground: Ground,
) {
    let renamed = Migration::new("notes", "0002_renamed").rename_column("notes_note", "title", "heading");
    let site = start_with(ground, Setup { app: app(&Arc::default()), ..Setup::default() }, follows([]), 64);
    for (number, slug) in ["acme", "globex"].into_iter().enumerate() {
        make(&site.instance, slug, site.home(number)).await;
        assert_eq!(site.get(&format!("{slug}.example"), "/notes").await.status(), 200);
    }
    migrate(&site.beside(follows([tags().additive()]), 64), "globex").await;
    migrate(&site.beside(follows([renamed]), 64), "acme").await;
    let refused = until(&site, "acme.example", 200, 503).await;
    assert_eq!(header(&refused, "retry-after"), "10");
    assert!(refused.text().await.unwrap().contains("This site is being updated"));
    // By now it has heard of the other one too.
    assert_eq!(site.get("globex.example", "/notes").await.status(), 200);
    assert_eq!(site.get("globex.example", "/plain").await.status(), 200);
}

async fn debug_names_what_is_missing_and_the_command_that_helps(ground: Ground) {
    let hosts = HostRules { debug: true, ..Setup::default().hosts };
    let site = start_with(ground, Setup { hosts, ..Setup::default() }, follows([tags()]), 64);
    let old = site.beside(follows([]), 64);
    make(&old, "acme", site.home(1)).await;
    let later = site.beside(follows([tags(), Migration::new("notes", "0003_later")]), 64);
    make(&later, "globex", site.home(2)).await;
    for (host, reason, command) in [
        ("acme.example", "migration notes.0002_tags was not applied", "<code>migrate --tenant acme</code>"),
        ("globex.example", "migration notes.0003_later is not known here", "<code>migrate</code>"),
    ] {
        let page = until(&site, host, 400, 503).await.text().await.unwrap();
        assert!(page.contains(reason) && page.contains(command), "{host}: {page}");
    }
}
