//! `/metrics` on its own listener: what is measured of tenants in files, and who can't read it.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod common;

use std::collections::BTreeSet;

use common::{Server, command, ok, two_tenants};
use reqwest::StatusCode;

const TENANTS: [&str; 3] = ["acme", "globex", "hooli"];

fn host(slug: &str) -> String {
    format!("{slug}.checkhost.local")
}

#[tokio::test]
async fn what_an_instance_does_is_measured() {
    let folder = two_tenants();
    ok(folder.path(), "tenant create hooli --domain hooli.checkhost.local");
    let mut server = Server::run(
        command(folder.path()).arg("serve").env("METRICS_LISTEN", "127.0.0.1:0").env("OPEN_TENANTS", "1"),
    );
    let metrics = server.metrics();
    assert_eq!(metrics.figure("tenantry_http_requests_total{status=\"2xx\"}").await, 0.0);
    assert_eq!(metrics.figure("tenantry_sqlite_open_tenants").await, 0.0);

    for slug in TENANTS {
        let signed_in = server.get(&host(slug), "/admin/login/", "").await;
        assert_eq!(signed_in.status(), StatusCode::OK);
    }
    let unknown = server.get("nobody.checkhost.local", "/", "").await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
    assert_eq!(metrics.figure("tenantry_http_requests_total{status=\"2xx\"}").await, 3.0);
    assert_eq!(metrics.figure("tenantry_http_requests_total{status=\"4xx\"}").await, 1.0);
    assert_eq!(metrics.figure("tenantry_http_requests_total{status=\"5xx\"}").await, 0.0);
    assert_eq!(metrics.figure("tenantry_http_requests_in_flight").await, 0.0);
    assert_eq!(metrics.figure("tenantry_http_requests_abandoned_total").await, 0.0);

    // The gate reads the ledger of each: all were open, and there is room for two.
    assert_eq!(metrics.figure("tenantry_sqlite_openings_total").await, 3.0);
    assert_eq!(metrics.figure("tenantry_sqlite_evictions_total").await, 1.0);
    assert_eq!(metrics.figure("tenantry_sqlite_open_tenants").await, 2.0);
    let [taken, limit] = ["tenantry_sqlite_descriptors", "tenantry_sqlite_descriptors_limit"];
    assert!(metrics.figure(taken).await <= metrics.figure(limit).await);

    assert_eq!(metrics.figure("tenantry_directory_tenants{entry=\"whole\"}").await, 3.0);
    assert_eq!(metrics.figure("tenantry_directory_tenants{entry=\"unreadable\"}").await, 0.0);
    assert!(metrics.figure("tenantry_directory_unseen_seconds").await < 10.0);
    let before = metrics.figure("tenantry_directory_generation").await;
    ok(folder.path(), "tenant rename hooli hooli-2");
    metrics.until("tenantry_directory_generation", before + 1.0).await;
}

#[tokio::test]
async fn the_page_for_operators_names_every_metric_and_no_other() {
    let folder = two_tenants();
    let mut server = Server::run(command(folder.path()).arg("serve").env("METRICS_LISTEN", "127.0.0.1:0"));
    let text = server.metrics().text().await;
    let measured: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let page = include_str!("../../../docs/metrics.md");
    let described: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(measured, described);
}

#[tokio::test]
async fn no_tenant_is_named_and_no_tenant_s_visitor_reads_it() {
    let folder = two_tenants();
    let mut server = Server::run(command(folder.path()).arg("serve").env("METRICS_LISTEN", "127.0.0.1:0"));
    let metrics = server.metrics();
    for slug in ["acme", "globex"] {
        let page = server.get(&host(slug), "/metrics", "").await;
        assert_eq!(page.status(), StatusCode::NOT_FOUND, "{slug}");
        assert!(!page.text().await.unwrap().contains("tenantry_"), "{slug}");
    }
    let by_address = server.get("127.0.0.1", "/metrics", "").await;
    assert_eq!(by_address.status(), StatusCode::BAD_REQUEST);

    let text = metrics.text().await;
    for name in ["acme", "globex", "checkhost"] {
        assert!(!text.contains(name), "{name} is in {text}");
    }
    // And the other way round: nothing of a tenant's is served there.
    for path in ["/", "/admin/login/", "/api/tenants", "/healthz"] {
        let url = metrics.url.replace("/metrics", path);
        let answer = metrics.client.get(url).header("host", host("acme")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_measured_for_others_unless_that_is_asked_for() {
    let folder = two_tenants();
    let server = Server::start(folder.path());
    for host in [host("acme").as_str(), "127.0.0.1"] {
        assert_ne!(server.get(host, "/metrics", "").await.status(), StatusCode::OK, "{host}");
    }
    assert!(ok(folder.path(), "check --config").contains("`/metrics` is answered nowhere"));
    let taken = server.address.trim_start_matches("http://").trim_end_matches('/');
    let twice = command(folder.path()).arg("serve").env("METRICS_LISTEN", taken).output().unwrap();
    assert!(!twice.status.success());
    let said = String::from_utf8(twice.stderr).unwrap();
    assert!(said.contains("in use by another program"), "{said}");
}
