//! From a host to a tenant, over real sockets: who is answered, who is refused, and what a refusal says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod common;

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use common::{Setup, Site, header, start};
use reqwest::{Method, Response};
use tenantry_core::{Tenant, Transition};
use tenantry_db::TenantDb;
use tenantry_web::http::{HostRules, InstanceRoutes, MountPath, Resolvers};

/// Ten times what a change of another program may take to be seen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Says who the tenant is, by all that a handler can take, and how the path looks to the application.
fn who() -> Router {
    let name =
        async |tenant: Tenant, db: TenantDb, mount: axum::Extension<MountPath>, uri: axum::http::Uri| {
            assert_eq!(tenant.id(), db.tenant().id());
            format!("{} {}|{uri}", tenant.slug(), mount.as_str())
        };
    Router::new()
        .route("/who", get(name))
        .route("/who/{id}", get(name))
        .route("/fail", get(async || Err::<(), _>(tenantry_web::http::Failure::from(secret()))))
        .route("/own", get(async || (StatusCode::CONFLICT, Body::from("my own words"))))
        .route("/panic", get(async || -> &'static str { panic!("canary-panic") }))
        .route("/change", post(async || -> &'static str { panic!("canary-panic") }))
}

fn secret() -> std::io::Error {
    std::io::Error::other("canary-cause")
}

async fn site() -> Site {
    start(Setup { app: who(), ..Setup::default() }).await
}

async fn text(response: Response) -> (u16, String) {
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn each_host_leads_to_its_tenant_and_to_no_other() {
    let site = site().await;
    for (host, slug) in [
        ("acme.example", "acme"),
        ("ACME.Example:8804", "acme"),
        ("acme.example.", "acme"),
        ("globex.example", "globex"),
    ] {
        assert_eq!(text(site.get(host, "/who").await).await, (200, format!("{slug} |/who")), "{host}");
    }
}

#[tokio::test]
async fn a_host_that_leads_to_no_tenant_never_gets_one() {
    let site = site().await;
    for (host, status) in [
        ("listed.example", 404),
        ("unlisted.example", 400),
        ("www.acme.example", 400),
        ("localhost", 400),
        ("127.0.0.1", 400),
    ] {
        let (found, body) = text(site.get(host, "/who").await).await;
        assert_eq!(found, status, "{host}");
        assert!(!body.contains("acme") && !body.contains("globex"), "{host}: {body}");
    }
}

#[tokio::test]
async fn a_host_that_is_none_is_refused_before_anything_is_routed() {
    let site = site().await;
    for head in [
        "GET /who HTTP/1.1\r\n",
        "GET /who HTTP/1.0\r\n",
        "GET /who HTTP/1.1\r\nHost: \r\n",
        "GET /who HTTP/1.1\r\nHost: acme.example\r\nHost: acme.example\r\n",
        "GET /who HTTP/1.1\r\nHost: acme.example\r\nHost: globex.example\r\n",
        "GET /who HTTP/1.1\r\nHost: acme.example/x\r\n",
        "GET /who HTTP/1.1\r\nHost: user@acme.example\r\n",
        "GET /who HTTP/1.1\r\nHost: acme.example, globex.example\r\n",
        "GET /who HTTP/1.1\r\nHost: acme.example:99999\r\n",
        "GET http://globex.example/who HTTP/1.1\r\nHost: acme.example\r\n",
        "GET /no/such/route HTTP/1.1\r\nHost: acme..example\r\n",
    ] {
        let answer = site.raw(&format!("{head}Connection: close\r\n\r\n")).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.0 400 "),
            "{head}: {answer}"
        );
        assert!(answer.contains("<h1>Bad Request (400)</h1>"), "{head}: {answer}");
    }
    // Whoever has nothing more to send is gone for a handler that waits, as the first look at a tenant's data does.
    assert_eq!(site.get("acme.example", "/who").await.status(), 200);
    let absolute = "GET http://ACME.example/who HTTP/1.1\r\nHost: acme.example\r\nConnection: close\r\n\r\n";
    assert!(site.raw(absolute).await.contains("acme |"), "the absolute form of the same host is right");
}

#[tokio::test]
async fn a_tenant_that_is_not_active_is_not_served() {
    let site = site().await;
    site.change("acme", Transition::Suspend).await;
    let response = site.get("acme.example", "/who").await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "3600"));
    site.change("acme", Transition::Maintain).await;
    let response = site.get("acme.example", "/who").await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "60"));
    site.change("acme", Transition::Activate).await;
    assert_eq!(site.get("acme.example", "/who").await.status(), 200);
    site.change("acme", Transition::Delete).await;
    // A deleted tenant's domain is as unknown as any other.
    let deleted = text(site.get("acme.example", "/who").await).await.0;
    assert_eq!(deleted, 400, "not listed");
    assert_eq!(site.get("globex.example", "/who").await.status(), 200, "the others go on");
}

#[tokio::test]
async fn a_slug_below_the_base_domain_in_a_path_or_in_a_header_leads_to_its_tenant() {
    let base = Some("base.example".parse().unwrap());
    let hosts = HostRules { base_domain: base.clone(), ..Setup::default().hosts };
    let resolvers = Resolvers {
        base_domain: base,
        path_prefix: Some("/t".parse().unwrap()),
        header: Some("x-tenant".parse().unwrap()),
    };
    let site = start(Setup { hosts, resolvers, app: who(), ..Setup::default() }).await;
    for (host, path, named, status, expected) in [
        ("acme.base.example", "/who", "", 200, "acme |/who"),
        ("base.example", "/who", "", 404, ""),
        ("nobody.base.example", "/who", "", 404, ""),
        ("base.example", "/t/acme/who", "", 200, "acme /t/acme|/who"),
        ("base.example", "/t/globex/who/7?a=%2F&b", "", 200, "globex /t/globex|/who/7?a=%2F&b"),
        ("base.example", "/t/nobody/who", "", 404, ""),
        ("base.example", "/who", "globex", 200, "globex |/who"),
        ("base.example", "/who", "nobody", 404, ""),
        ("base.example", "/who", "Not A Slug", 404, ""),
        ("acme.example", "/who", "acme", 200, "acme |/who"),
        ("acme.example", "/who", "globex", 404, ""),
        ("acme.example", "/t/globex/who", "", 404, ""),
        ("acme.base.example", "/t/acme/who", "globex", 404, ""),
        ("base.example", "/t/acme/who", "globex", 404, ""),
    ] {
        let mut request = site.request(Method::GET, host, path);
        if !named.is_empty() {
            request = request.header("x-tenant", named);
        }
        let (found, body) = text(request.send().await.unwrap()).await;
        assert_eq!(found, status, "{host}{path} {named}");
        assert!(status != 200 || body == expected, "{host}{path} {named}: {body}");
    }
}

#[tokio::test]
async fn what_is_not_configured_is_no_claim() {
    let site = site().await;
    let named = site.request(Method::GET, "acme.example", "/who").header("x-tenant", "globex");
    assert_eq!(text(named.send().await.unwrap()).await, (200, "acme |/who".to_owned()));
    assert_eq!(site.get("acme.example", "/t/globex/who").await.status(), 404);
}

#[tokio::test]
async fn debug_explains_a_refusal_and_nothing_else_does() {
    let debug = HostRules { debug: true, ..HostRules::default() };
    let helpful = start(Setup { hosts: debug, ..Setup::default() }).await;
    let (status, body) = text(helpful.get("new.localhost", "/").await).await;
    assert_eq!(status, 404);
    for link in [r#"href="http://acme.example/""#, r#"href="http://globex.example/""#] {
        assert!(body.contains(link), "{link}: {body}");
    }
    assert!(body.contains("tenant domain add SLUG new.localhost"), "{body}");
    let (status, body) = text(helpful.get("evil.example", "/").await).await;
    assert_eq!(status, 400);
    assert!(body.contains("evil.example") && body.contains("ALLOWED_HOSTS"), "{body}");

    let bare = site().await;
    for host in ["listed.example", "evil.example"] {
        let (_, body) = text(bare.get(host, "/").await).await;
        assert!(!body.contains(".example") && !body.contains("DEBUG") && !body.contains("ALLOWED"), "{body}");
    }
}

#[tokio::test]
async fn health_is_told_whatever_the_host() {
    let site = site().await;
    for host in ["10.0.0.1:8000", "evil.example", "acme.example", "a b"] {
        assert_eq!(text(site.get(host, "/healthz").await).await, (200, "ok\n".to_owned()), "{host}");
        assert_eq!(text(site.get(host, "/readyz").await).await, (200, "ready\n".to_owned()), "{host}");
    }
}

#[tokio::test]
async fn a_failure_tells_its_id_and_not_its_cause() {
    let site = site().await;
    for (method, path) in [(Method::GET, "/fail"), (Method::GET, "/panic"), (Method::POST, "/change")] {
        for (accept, kind) in
            [("text/html", "text/html; charset=utf-8"), ("application/json", "application/json")]
        {
            let request = site.request(method.clone(), "acme.example", path).header("accept", accept);
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 500, "{path}");
            assert_eq!(header(&response, "content-type"), kind, "{path}");
            let id = header(&response, "x-request-id").to_owned();
            let body = response.text().await.unwrap();
            assert!(!id.is_empty() && body.contains(&id), "{path}: {body}");
            assert!(!body.contains("canary"), "{path}: {body}");
        }
    }
}

#[tokio::test]
async fn a_route_that_is_not_there_is_answered_in_the_same_form() {
    let site = site().await;
    let request = site.request(Method::GET, "acme.example", "/nothing").header("accept", "application/json");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 404);
    let id = header(&response, "x-request-id").to_owned();
    let body = response.text().await.unwrap();
    assert_eq!(body, format!(r#"{{"detail":"Not found.","request_id":"{id}"}}"#));
    let request = site.request(Method::POST, "acme.example", "/who").header("accept", "application/json");
    let response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET,HEAD"));
}

#[tokio::test]
async fn head_is_told_what_get_is_when_something_fails_too() {
    let site = site().await;
    for (host, path, status, kind) in [
        ("acme.example", "/nothing", 404, "text/html; charset=utf-8"),
        ("acme.example", "/fail", 500, "text/html; charset=utf-8"),
        ("acme.example", "/panic", 500, "text/html; charset=utf-8"),
        ("evil.example", "/who", 400, "text/html; charset=utf-8"),
        ("acme.example", "/own", 409, ""),
    ] {
        let got = site.get(host, path).await;
        let head = site.request(Method::HEAD, host, path).send().await.unwrap();
        assert_eq!((got.status().as_u16(), head.status().as_u16()), (status, status), "{host}{path}");
        assert_eq!(
            (header(&got, "content-type"), header(&head, "content-type")),
            (kind, kind),
            "{host}{path}"
        );
        assert_eq!(header(&got, "content-length"), header(&head, "content-length"), "{host}{path}");
        assert_eq!(head.text().await.unwrap(), "", "{host}{path}");
    }
    assert_eq!(site.get("acme.example", "/own").await.text().await.unwrap(), "my own words");
}

#[tokio::test]
async fn every_answer_bears_the_careful_headers_and_hsts_only_on_https() {
    let site = site().await;
    for (host, path, status) in [
        ("acme.example", "/who", 200),
        ("acme.example", "/nothing", 404),
        ("acme.example", "/panic", 500),
        ("listed.example", "/who", 404),
        ("evil.example", "/who", 400),
        ("evil.example", "/healthz", 200),
        ("acme.example", "/api/tenants", 401),
    ] {
        let response = site.get(host, path).await;
        assert_eq!(response.status(), status, "{host}{path}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("strict-transport-security", ""),
        ] {
            assert_eq!(header(&response, name), value, "{host}{path} {name}");
        }
        let policy = header(&response, "content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
    }
    let https = site.request(Method::GET, "acme.example", "/who").header("x-forwarded-proto", "https");
    let response = https.send().await.unwrap();
    assert_eq!(header(&response, "strict-transport-security"), "max-age=3600");

    let off = start(Setup { hsts: Duration::ZERO, app: who(), ..Setup::default() }).await;
    let https = off.request(Method::GET, "acme.example", "/who").header("x-forwarded-proto", "https");
    assert_eq!(header(&https.send().await.unwrap(), "strict-transport-security"), "");
}

#[tokio::test]
#[allow(
    clippy::disallowed_methods,
    reason = "another program spoils the directory, and mends it; nothing tells when that is seen"
)]
async fn a_server_that_can_t_read_its_directory_is_alive_and_not_ready() {
    let site = site().await;
    let until = async |status: u16| {
        let begun = Instant::now();
        while site.get("evil.example", "/readyz").await.status() != status {
            assert!(begun.elapsed() < PATIENCE, "/readyz does not answer {status}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let other = rusqlite::Connection::open(site.data().join("directory.db")).unwrap();
    other.execute_batch("ALTER TABLE instance RENAME TO hidden").unwrap();
    until(503).await;
    assert_eq!(site.get("evil.example", "/healthz").await.status(), 200);
    assert_eq!(site.get("acme.example", "/who").await.status(), 200, "what was read last is served on");
    let body = site.get("evil.example", "/readyz").await.text().await.unwrap();
    assert!(!body.contains("directory") && !body.contains("instance"), "{body}");
    other.execute_batch("ALTER TABLE hidden RENAME TO instance").unwrap();
    until(200).await;
}

#[test]
#[should_panic(expected = "the instance's routes are exact paths, and /about/{id} has a parameter")]
fn a_route_of_the_instance_that_no_path_could_match_is_refused() {
    let _ = InstanceRoutes::new().route("/about/{id}", get(async || "never reached"));
}
