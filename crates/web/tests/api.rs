//! `/api/tenants` over real sockets, to the byte that its first clients know.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod common;

use common::{OPERATOR, Setup, Site, header, start};
use reqwest::{Method, Response};
use tenantry_core::Transition;
use tenantry_web::rest::TenantsAccess;

const PATH: &str = "/api/tenants";
const LIST: &str = concat!(
    r#"[{"id":1,"name":"Acme","schema_name":"acme","sub_domain":"acme.example","active":true},"#,
    r#"{"id":2,"name":"Globex & Sons","schema_name":"globex","sub_domain":"globex.example","active":true}]"#
);
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn public() -> Site {
    start(Setup { access: TenantsAccess::Public, ..Setup::default() }).await
}

async fn ask(site: &Site, method: &str, path: &str, accept: Option<&str>) -> Response {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = site.request(method, "listed.example", path);
    let request = match accept {
        Some(accept) => request.header("accept", accept),
        None => request,
    };
    request.send().await.unwrap()
}

/// All headers of an answer in the order of their names, but those that differ each time.
fn headers(response: &Response) -> Vec<String> {
    let mut lines: Vec<String> = response
        .headers()
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort();
    lines
}

/// What every answer bears, and what this one has of its own.
fn with_common(own: &[&str]) -> Vec<String> {
    let common = [
        "allow: GET, HEAD, OPTIONS",
        "cache-control: no-store",
        "content-security-policy: default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         object-src 'none'",
        "cross-origin-opener-policy: same-origin",
        "referrer-policy: same-origin",
        "vary: Accept, Cookie",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
    ];
    let mut lines: Vec<String> = common.iter().chain(own).map(ToString::to_string).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn the_list_is_what_it_was_to_the_byte() {
    let site = public().await;
    let response = ask(&site, "GET", PATH, None).await;
    assert_eq!(response.status(), 200);
    let length = format!("content-length: {}", LIST.len());
    assert_eq!(headers(&response), with_common(&["content-type: application/json", &length]));
    assert_eq!(response.text().await.unwrap(), LIST);
}

#[tokio::test]
async fn the_page_is_what_it_is_to_the_byte() {
    let site = public().await;
    let response = ask(&site, "GET", PATH, Some(BROWSER)).await;
    assert_eq!(response.status(), 200);
    let length = format!("content-length: {}", header(&response, "content-length"));
    assert_eq!(headers(&response), with_common(&["content-type: text/html; charset=utf-8", &length]));
    let mut page = response.text().await.unwrap();
    // The paths of what a page needs change with their content.
    for name in ["/styles", "/symbol", "/script"] {
        let end = page.find(name).unwrap();
        page.replace_range(end - 16..end, "…");
    }
    assert_eq!(page, include_str!("data/tenant_map.txt"));
}

#[tokio::test]
async fn it_is_the_same_on_every_allowed_host_and_on_no_other() {
    let site = public().await;
    for host in ["acme.example", "globex.example", "listed.example"] {
        assert_eq!(site.get(host, PATH).await.text().await.unwrap(), LIST, "{host}");
    }
    assert_eq!(site.get("evil.example", PATH).await.status(), 400);
    site.change("acme", Transition::Suspend).await;
    let listed = site.get("acme.example", PATH).await.text().await.unwrap();
    assert!(listed.contains(r#""sub_domain":"acme.example","active":false"#), "{listed}");
    site.change("acme", Transition::Delete).await;
    assert!(!site.get("globex.example", PATH).await.text().await.unwrap().contains("acme"));
}

#[tokio::test]
async fn what_is_asked_for_decides_the_answer() {
    let site = public().await;
    let not_found = r#"{"detail":"Not found."}"#;
    let not_acceptable = r#"{"detail":"Could not satisfy the request Accept header."}"#;
    let options = concat!(
        r#"{"name":"Tenant Map","description":"","renders":["application/json","text/html"],"#,
        r#""parses":["application/json","application/x-www-form-urlencoded","multipart/form-data"]}"#
    );
    for (method, query, accept, status, body) in [
        ("GET", "", Some("*/*"), 200, LIST),
        ("GET", "?format=json", Some(BROWSER), 200, LIST),
        ("GET", "?page=2&search=acme&ordering=-id&limit=1&indent=2", None, 200, LIST),
        ("GET", "", Some("application/*"), 200, LIST),
        ("GET", "", Some("application/json, text/html"), 200, LIST),
        ("GET", "", Some("text/html;q=0.8, application/json;q=0.9"), 200, LIST),
        ("GET", "", Some("text/html;q=0, */*"), 200, LIST),
        ("GET", "", Some("application/xml, */*;q=0.1"), 200, LIST),
        ("GET", "", Some("*/*;q=0"), 406, not_acceptable),
        ("GET", "?format=json", Some("text/html"), 406, not_acceptable),
        ("GET", "?format=api", Some("application/json"), 406, not_acceptable),
        ("OPTIONS", "?format=xml", None, 404, not_found),
        ("GET", "?format=xml", None, 404, not_found),
        ("GET", "?format=xml", Some(BROWSER), 404, not_found),
        ("GET", "", Some("application/xml"), 406, not_acceptable),
        ("POST", "", Some("application/xml"), 406, not_acceptable),
        ("OPTIONS", "", None, 200, options),
        ("POST", "", None, 405, r#"{"detail":"Method \"POST\" not allowed."}"#),
        ("PUT", "", None, 405, r#"{"detail":"Method \"PUT\" not allowed."}"#),
        ("PATCH", "", None, 405, r#"{"detail":"Method \"PATCH\" not allowed."}"#),
        ("DELETE", "", None, 405, r#"{"detail":"Method \"DELETE\" not allowed."}"#),
        ("TRACE", "", None, 405, r#"{"detail":"Method \"TRACE\" not allowed."}"#),
        ("PURGE", "", None, 405, r#"{"detail":"Method \"PURGE\" not allowed."}"#),
        ("DELETE", "?format=xml", None, 404, not_found),
    ] {
        let response = ask(&site, method, &format!("{PATH}{query}"), accept).await;
        assert_eq!(response.status(), status, "{method} {query} {accept:?}");
        assert_eq!(header(&response, "content-type"), "application/json", "{method} {query} {accept:?}");
        assert_eq!(header(&response, "allow"), "GET, HEAD, OPTIONS", "{method} {query} {accept:?}");
        assert_eq!(header(&response, "vary"), "Accept, Cookie", "{method} {query} {accept:?}");
        assert_eq!(response.text().await.unwrap(), body, "{method} {query} {accept:?}");
    }
}

#[tokio::test]
async fn json_is_indented_when_that_is_asked_for() {
    let site = public().await;
    let row = |id, name, slug, end| {
        let pairs = [
            format!("\"id\": {id}"),
            format!("\"name\": \"{name}\""),
            format!("\"schema_name\": \"{slug}\""),
            format!("\"sub_domain\": \"{slug}.example\""),
            "\"active\": true".to_owned(),
        ];
        format!("  {{\n    {}\n  }}{end}\n", pairs.join(",\n    "))
    };
    let indented = format!("[\n{}{}]", row(1, "Acme", "acme", ","), row(2, "Globex & Sons", "globex", ""));
    let response = ask(&site, "GET", PATH, Some("application/json; indent=2")).await;
    let length = format!("content-length: {}", indented.len());
    assert_eq!(headers(&response), with_common(&["content-type: application/json", &length]));
    assert_eq!(response.text().await.unwrap(), indented);
    let refused = ask(&site, "POST", PATH, Some("application/json; indent=4")).await.text().await.unwrap();
    assert_eq!(refused, "{\n    \"detail\": \"Method \\\"POST\\\" not allowed.\"\n}");
    for accept in ["application/json; indent=0", "application/json; indent=two"] {
        assert_eq!(ask(&site, "GET", PATH, Some(accept)).await.text().await.unwrap(), LIST, "{accept}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_nothing_more() {
    for (site, status) in [(public().await, 200), (start(Setup::default()).await, 401)] {
        for (query, accept, status) in [
            ("", None, status),
            ("", Some(BROWSER), status),
            ("?format=xml", None, 404),
            ("", Some("application/xml"), 406),
        ] {
            let path = format!("{PATH}{query}");
            let got = ask(&site, "GET", &path, accept).await;
            let head = ask(&site, "HEAD", &path, accept).await;
            assert_eq!(
                (got.status().as_u16(), head.status().as_u16()),
                (status, status),
                "{path} {accept:?}"
            );
            assert_eq!(headers(&head), headers(&got), "{path} {accept:?}");
            assert_eq!(head.text().await.unwrap(), "", "{path} {accept:?}");
        }
    }
    let raw = format!("HEAD {PATH} HTTP/1.1\r\nHost: listed.example\r\nConnection: close\r\n\r\n");
    assert!(public().await.raw(&raw).await.ends_with("\r\n\r\n"), "not a byte after the headers");
}

#[tokio::test]
async fn with_a_slash_at_its_end_it_is_not_there() {
    let site = public().await;
    for host in ["listed.example", "acme.example"] {
        for path in ["/api/tenants/", "/api/tenants/1", "/api/Tenants", "/api"] {
            let response = site.get(host, path).await;
            assert_eq!(response.status(), 404, "{host}{path}");
            assert!(!response.text().await.unwrap().contains("globex"), "{host}{path}");
        }
    }
}

#[tokio::test]
async fn a_browser_sees_a_page_that_shows_the_answer() {
    let site = public().await;
    for (method, query, accept, shown) in [
        ("GET", "", Some(BROWSER), "HTTP 200 OK"),
        ("GET", "?format=api", None, "HTTP 200 OK"),
        ("OPTIONS", "", Some("text/html"), "HTTP 200 OK"),
        ("POST", "", Some("text/html"), "HTTP 405 Method Not Allowed"),
    ] {
        let response = ask(&site, method, &format!("{PATH}{query}"), accept).await;
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8", "{method} {query}");
        let page = response.text().await.unwrap();
        assert!(page.contains("<title>Tenant Map</title>"), "{page}");
        assert!(page.contains(shown), "{page}");
        assert!(page.contains("<b>Allow:</b> GET, HEAD, OPTIONS"), "{page}");
        assert!(page.contains("<b>Content-Type:</b> application/json"), "{page}");
        assert!(page.contains("?format=json") && page.contains("?format=api"), "{page}");
        assert!(page.contains(r#"data-method="OPTIONS""#), "{page}");
        assert!(
            !page.contains("<style") && !page.contains(" style=") && !page.contains("<script>"),
            "{page}"
        );
    }
    let page = ask(&site, "GET", PATH, Some(BROWSER)).await.text().await.unwrap();
    assert!(page.contains("Globex &#38; Sons") && !page.contains("Globex & Sons"), "{page}");
}

#[tokio::test]
async fn what_a_page_needs_is_there_and_may_be_kept() {
    let site = public().await;
    let page = ask(&site, "GET", PATH, Some(BROWSER)).await.text().await.unwrap();
    for (attribute, kind) in [("href=\"/_tenantry/", "text/css"), ("src=\"/_tenantry/", "text/javascript")] {
        let start = page.find(attribute).unwrap() + attribute.find('/').unwrap();
        let path = page[start..].split('"').next().unwrap();
        let response = site.get("evil.example", path).await;
        assert_eq!(response.status(), 200, "{path}");
        assert!(header(&response, "content-type").starts_with(kind), "{path}");
        assert_eq!(header(&response, "cache-control"), "public, max-age=31536000, immutable", "{path}");
    }
}

#[tokio::test]
async fn only_an_operator_sees_the_list_unless_it_is_public() {
    let site = start(Setup::default()).await;
    site.add_operator().await;
    let (name, password) = OPERATOR;
    let missing = r#"{"detail":"Authentication credentials were not provided."}"#;
    let wrong = r#"{"detail":"Invalid username/password."}"#;
    for (given, status, body) in [
        (None, 401, missing),
        (Some((name, password)), 200, LIST),
        (Some((name, "Operator-pass-2")), 401, wrong),
        (Some((name, "")), 401, wrong),
        (Some(("ROOT", password)), 401, wrong),
        (Some(("nobody", password)), 401, wrong),
    ] {
        for method in [Method::GET, Method::OPTIONS, Method::POST] {
            let request = site.request(method.clone(), "acme.example", PATH);
            let request = match given {
                Some((name, password)) => request.basic_auth(name, Some(password)),
                None => request,
            };
            let response = request.send().await.unwrap();
            let (expected, body) = match (status, &method) {
                (200, &Method::POST) => (405, r#"{"detail":"Method \"POST\" not allowed."}"#),
                (200, &Method::OPTIONS) => (200, ""),
                _ => (status, body),
            };
            assert_eq!(response.status(), expected, "{given:?} {method}");
            let challenge = header(&response, "www-authenticate");
            assert_eq!(challenge.starts_with("Basic realm="), expected == 401, "{given:?} {method}");
            let text = response.text().await.unwrap();
            assert!(body.is_empty() || text == body, "{given:?} {method}: {text}");
            assert!(status == 200 || !text.contains("acme"), "{given:?} {method}: {text}");
        }
    }
    let bearer = site.request(Method::GET, "acme.example", PATH).header("authorization", "Bearer cm9vdA==");
    let response = bearer.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (401, missing));
    let malformed = site.request(Method::GET, "acme.example", PATH).header("authorization", "Basic !");
    let response = malformed.send().await.unwrap();
    assert_eq!(response.status(), 401);
    let text = response.text().await.unwrap();
    assert_eq!(text, r#"{"detail":"Invalid basic header. Credentials not correctly base64 encoded."}"#);
}

#[tokio::test]
async fn wrong_credentials_are_refused_even_where_none_are_needed() {
    let site = public().await;
    let request = site.request(Method::GET, "acme.example", PATH).basic_auth("root", Some("wrong"));
    assert_eq!(request.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn who_guesses_an_operator_s_password_is_told_to_wait() {
    let site = start(Setup::default()).await;
    site.add_operator().await;
    let ask = async |name: &str, password: &str| {
        let request = site.request(Method::GET, "acme.example", PATH).basic_auth(name, Some(password));
        request.send().await.unwrap()
    };
    for _ in 0..12 {
        assert_eq!(ask(OPERATOR.0, OPERATOR.1).await.status(), 200);
    }
    for _ in 0..10 {
        assert_eq!(ask(OPERATOR.0, "wrong").await.status(), 401);
    }
    let refused = ask(OPERATOR.0, OPERATOR.1).await;
    assert_eq!(refused.status(), 429);
    let wait = header(&refused, "retry-after").to_owned();
    let expected = format!(r#"{{"detail":"Request was throttled. Expected available in {wait} seconds."}}"#);
    assert_eq!(refused.text().await.unwrap(), expected);
    assert_eq!(ask("nobody", "wrong").await.status(), 401, "another name");
}
