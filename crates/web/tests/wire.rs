//! Requests as someone writes them who wants a server and what stands before it to disagree: about where a request
//! ends, whose it is, or which path it asks for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, Uri};
use axum::routing::any;
use common::{Setup, Site, start};
use tenantry_core::Tenant;
use tenantry_web::http::{HostRules, Resolvers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Ten times what an answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request for the other tenant, which hides in a first one.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: globex.example\r\n\r\n";

/// After it, the server closes the connection.
const LAST: &str = "GET /last HTTP/1.1\r\nHost: acme.example\r\nConnection: close\r\n\r\n";

/// Says whose the request is taken for, what it asks, and how long its body is.
fn app() -> Router {
    let told = async |tenant: Tenant, method: Method, uri: Uri, body: Bytes| {
        format!("<{} {method} {uri} {}>", tenant.slug(), body.len())
    };
    let unread = async |tenant: Tenant| format!("<{} unread>", tenant.slug());
    Router::new().route("/unread", any(unread)).route("/", any(told)).route("/{*rest}", any(told))
}

async fn site(resolvers: Resolvers) -> Site {
    let hosts = HostRules {
        allowed: vec!["listed.example".parse().unwrap()],
        base_domain: resolvers.base_domain.clone(),
        // None that a test can come from.
        proxies: "192.0.2.0/24".parse().unwrap(),
        ..HostRules::default()
    };
    start(Setup { app: app(), hosts, resolvers, ..Setup::default() }).await
}

/// What each of the server's answers to these bytes says: whose request it took, or its status.
async fn answers(site: &Site, bytes: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    // A server that has closed already takes no more.
    let _ = stream.write_all(bytes.as_bytes()).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the connection is closed in time");
    let text = String::from_utf8_lossy(&answer);
    let each = text.split("HTTP/1.1 ").skip(1).map(|answer| {
        let told =
            answer.split_once("\r\n\r\n").and_then(|(_, body)| body.strip_prefix('<')?.split_once('>'));
        let status = answer.split(' ').next().unwrap_or_default();
        told.filter(|_| status == "200").map_or(status, |(told, _)| told).to_owned()
    });
    each.collect()
}

/// A request to acme with these headers and this body; then the hidden one, and the last.
fn posted(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: acme.example\r\n{headers}\r\n\r\n{body}{HIDDEN}{LAST}")
}

#[tokio::test]
async fn a_request_ends_in_one_place_or_is_refused() {
    let site = site(Resolvers::default()).await;
    for (headers, body) in [
        ("Content-Length: 0\r\nContent-Length: 5", "hello"),
        ("Content-Length: 5, 5", "hello"),
        ("Content-Length: +5", "hello"),
        ("Content-Length: -1", "hello"),
        ("Content-Length: 0x5", "hello"),
        ("Content-Length : 5", "hello"),
        ("Content-Length: ", "hello"),
        ("Content-Length: 99999999999999999999", "hello"),
        ("Transfer-Encoding: gzip", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked, gzip", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("Transfer-Encoding: \"chunked\"", "0\r\n\r\n"),
        ("Transfer-Encoding: \u{b}chunked", "0\r\n\r\n"),
        ("Transfer-Encoding : chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "5\nhello\n0\n\n"),
        ("Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "5\r\nhelloXX0\r\n\r\n"),
        ("X: a\r\n folded", ""),
        ("X: a\rHost: globex.example", ""),
        ("X : a", ""),
        ("X: a\0b", ""),
    ] {
        assert_eq!(answers(&site, &posted("/", headers, body)).await, ["400"], "{headers:?} {body:?}");
    }
    // What names its end twice ends where the chunks do, and nothing after it is looked at.
    for headers in
        ["Transfer-Encoding: chunked\r\nContent-Length: 4", "Content-Length: 4\r\nTransfer-Encoding: chunked"]
    {
        for path in ["/", "/unread"] {
            let first = if path == "/" { "acme POST / 0" } else { "acme unread" };
            assert_eq!(answers(&site, &posted(path, headers, "0\r\n\r\n")).await, [first], "{headers:?}");
        }
    }
    let hidden = format!("Content-Length: {}", HIDDEN.len());
    let all = |first: &str| [first, "globex GET /hidden 0", "acme GET /last 0"].map(str::to_owned);
    for (path, headers, body, first) in [
        ("/", hidden.as_str(), HIDDEN, "acme POST / 46"),
        ("/unread", &hidden, HIDDEN, "acme unread"),
        ("/", "Content-Length: 5\r\nContent-Length: 5", "hello", "acme POST / 5"),
        ("/", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", "acme POST / 5"),
        ("/", "Transfer-Encoding: chunked", "5;a=b\r\nhello\r\n0\r\n\r\n", "acme POST / 5"),
        ("/", "Transfer-Encoding: chunked", "0\r\nHost: globex.example\r\n\r\n", "acme POST / 0"),
        ("/unread", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", "acme unread"),
    ] {
        assert_eq!(
            answers(&site, &posted(path, headers, body)).await,
            all(first),
            "{path} {headers:?} {body:?}"
        );
    }
}

#[tokio::test]
async fn each_request_of_a_connection_is_its_own_hosts_and_nothing_but_the_host_names_it() {
    let site = site(Resolvers::default()).await;
    let asked = |host: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let hosts = ["acme.example", "globex.example", "unknown.example", "listed.example", "globex.example"];
    let one_after_the_other: String = hosts.map(asked).concat() + LAST;
    assert_eq!(
        answers(&site, &one_after_the_other).await,
        ["acme GET / 0", "globex GET / 0", "400", "404", "globex GET / 0", "acme GET /last 0"]
    );
    for headers in [
        "X-Tenant: globex",
        "X-Forwarded-Host: globex.example",
        "Forwarded: host=globex.example",
        "X-Host: globex.example\r\nX-Original-Host: globex.example",
        "X-Original-URL: /hidden\r\nX-Rewrite-URL: /hidden",
        "X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE",
        "Connection: Host, X-Tenant",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        "Range: bytes=0-0",
    ] {
        let bytes = format!("GET / HTTP/1.1\r\nHost: acme.example\r\n{headers}\r\n\r\n{LAST}");
        assert_eq!(answers(&site, &bytes).await, ["acme GET / 0", "acme GET /last 0"], "{headers:?}");
    }
    for first in [
        "GET /\0 HTTP/1.1\r\nHost: acme.example",
        "GET /\u{7f} HTTP/1.1\r\nHost: acme.example",
        "GET /\u{1b}[31m HTTP/1.1\r\nHost: acme.example",
        "GET  / HTTP/1.1\r\nHost: acme.example",
        "GET\t/\tHTTP/1.1\r\nHost: acme.example",
        "GET / HTTP/2.0\r\nHost: acme.example",
        "GET /",
        "GET / HTTP/1.1\r\n Host: globex.example\r\nHost: acme.example",
        "GET / HTTP/1.1\r\nHost: acme.example\r\n .globex.example",
        "GET / HTTP/1.1\r\nHost: acme.example\0.globex.example",
        "GET / HTTP/1.1\r\nHo st: globex.example\r\nHost: acme.example",
    ] {
        assert_eq!(answers(&site, &format!("{first}\r\n\r\n{LAST}")).await, ["400"], "{first:?}");
    }
    for (first, status) in [
        ("CONNECT globex.example:80 HTTP/1.1\r\nHost: acme.example", "400"),
        ("GET globex.example HTTP/1.1\r\nHost: acme.example", "400"),
        ("GET http://globex.example/ HTTP/1.1\r\nHost: acme.example", "400"),
        ("GET http://globex.example@acme.example/ HTTP/1.1\r\nHost: acme.example", "400"),
        ("GET / HTTP/1.1\r\nHost: acme.example\u{e9}", "400"),
        ("CONNECT acme.example:80 HTTP/1.1\r\nHost: acme.example:80", "404"),
        ("OPTIONS * HTTP/1.1\r\nHost: acme.example", "404"),
    ] {
        let bytes = format!("{first}\r\n\r\n{LAST}");
        assert_eq!(answers(&site, &bytes).await, [status, "acme GET /last 0"], "{first:?}");
    }
}

/// What a proxy may have taken for another path, and so for another tenant's, is nobody's.
#[tokio::test]
async fn a_path_names_its_tenant_in_one_way_only() {
    let base = Some("base.example".parse().unwrap());
    let path_prefix = Some("/t".parse().unwrap());
    let site = site(Resolvers { base_domain: base, path_prefix, header: None }).await;
    for (path, expected) in [
        ("/t/acme", "acme GET / 0"),
        ("/t/acme/", "acme GET / 0"),
        ("/t/acme/who?x=/../t/globex", "acme GET /who?x=/../t/globex 0"),
        ("/t/acme/t/globex/who", "acme GET /t/globex/who 0"),
        ("/t/acme//globex.example", "acme GET //globex.example 0"),
        ("/t/acme/a..b/.c/d.", "acme GET /a..b/.c/d. 0"),
        ("/t/acme/../globex/who", "404"),
        ("/t/acme/..", "404"),
        ("/t/acme/./who", "404"),
        ("/t/acme/%2e%2E/globex/who", "404"),
        ("/t/acme/.%2e/globex/who", "404"),
        ("/t/../t/acme/who", "404"),
        ("/t/./acme/who", "404"),
        ("/x/../t/acme/who", "404"),
        ("/t/%61cme/who", "404"),
        ("/t/acme%2fwho", "404"),
        ("/t%2facme/who", "404"),
        ("/t/acme\\who", "404"),
        ("/t/acme;globex/who", "404"),
        ("/t/acme%00/who", "404"),
        ("/t/ACME/who", "404"),
        ("/T/acme/who", "404"),
        ("/t//acme/who", "404"),
        ("//t/acme/who", "404"),
        ("/t/", "404"),
    ] {
        let ask = |host| format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n{LAST}");
        assert_eq!(answers(&site, &ask("listed.example")).await[0], expected, "{path}");
        let globexs = answers(&site, &ask("globex.base.example")).await.remove(0);
        assert!(globexs == "404" || globexs.starts_with("globex GET /"), "{path}: {globexs}");
    }
}
