//! Requests that can't be answered: each gets its status, a fixed text and its id, as JSON and as a page, and changes
//! nothing.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::{Server, command, ok};
use serde_json::Value;

/// What would tell of the program's inside.
const INSIDE: [&str; 8] = ["i64", "u32", "NewNote", "deserialize", "`title`", "column", "SQLite", "parse"];

const ACME: &str = "Host: acme.localhost\r\n";

/// A request without what every one of the test's has.
struct Asked {
    line: String,
    headers: String,
    body: Vec<u8>,
}

/// An answer in its parts.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Asked {
    fn get(path: &str, headers: &str) -> Self {
        Self { line: format!("GET {path}"), headers: headers.to_owned(), body: Vec::new() }
    }

    fn of_acme(line: &str) -> Self {
        Self { line: line.to_owned(), headers: ACME.to_owned(), body: Vec::new() }
    }

    fn note(body: impl Into<Vec<u8>>) -> Self {
        Self::post("/notes", "application/json", body)
    }

    fn post(path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = format!("{ACME}Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
        Self { line: format!("POST {path}"), headers, body }
    }

    fn send(&self, server: &Server, accept: &str) -> Answer {
        let address = server.address.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!(
            "{} HTTP/1.1\r\n{}Accept: {accept}\r\nConnection: close\r\n\r\n",
            self.line, self.headers
        );
        // A server that refuses early need not take it all.
        let _ = stream.write_all(&[head.as_bytes(), &self.body].concat());
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| unreachable!("{read:?}: {text}"));
        Answer { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let value = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_else(|| unreachable!("no {name}: {}", self.head))
    }
}

#[test]
fn what_can_t_be_answered_gets_a_fixed_text_and_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::run(command(folder.path()).args(["demo", "127.0.0.1:0"]));
    let list = "tenant list --json --data demo-data";
    let before = (Asked::of_acme("GET /notes").send(&server, "*/*").body, ok(folder.path(), list));
    let long = "a".repeat(20_000);

    let (unclear, unknown) = ("The request could not be understood.", "Not found.");
    let (wrong, method) = ("The request's values are not valid.", "The method is not allowed here.");
    let kind = "The request's media type is not supported.";
    for (asked, status, detail) in [
        (Asked::get("/notes", ""), 400, unclear),
        (Asked::get("/notes", "Host: \r\n"), 400, unclear),
        (Asked::get("/notes", "Host: a b\r\n"), 400, unclear),
        (Asked::get("/notes", "Host: user@acme.localhost\r\n"), 400, unclear),
        (Asked::get("/notes", "Host: acme.localhost:port\r\n"), 400, unclear),
        (Asked::get("/notes", "Host: acme.localhost\r\nHost: globex.localhost\r\n"), 400, unclear),
        (Asked::get("/notes", &format!("Host: {}.localhost\r\n", &long[..300])), 400, unclear),
        (Asked::get("/notes", "Host: evil.example\r\n"), 400, unclear),
        (Asked::get("/notes", "Host: nobody.localhost\r\n"), 404, unknown),
        (Asked::of_acme("GET /nowhere"), 404, unknown),
        (Asked::of_acme("GET /notes/99999"), 404, unknown),
        (Asked::of_acme("GET /notes/-1"), 404, unknown),
        (Asked::of_acme("GET /notes/one"), 400, unclear),
        (Asked::of_acme("GET /notes/1.5"), 400, unclear),
        (Asked::of_acme("GET /notes/99999999999999999999"), 400, unclear),
        (Asked::of_acme("GET /notes/%FF"), 400, unclear),
        (Asked::of_acme("DELETE /notes"), 405, method),
        (Asked::of_acme("PUT /notes/1"), 405, method),
        (Asked::of_acme("BREW /notes"), 405, method),
        (Asked::of_acme("DELETE /admin/login/"), 405, method),
        (Asked::note(""), 400, unclear),
        (Asked::note(r#"{"title":"#), 400, unclear),
        (Asked::note(b"{\"title\":\"\xff\"}"), 400, unclear),
        (Asked::note("[]"), 422, wrong),
        (Asked::note(r#"{"body":"without a title"}"#), 422, wrong),
        (Asked::note(r#"{"title":5}"#), 422, wrong),
        (Asked::note(format!(r#"{{"title":"{}"}}"#, &long[..201])), 422, wrong),
        (Asked::note(r#"{"title":"a\u0000b"}"#), 422, wrong),
        (Asked::post("/notes", "application/x-www-form-urlencoded", "title=a"), 415, kind),
        (Asked::post("/admin/login/", "application/json", "{}"), 415, kind),
        (Asked::post("/admin/login/", "application/x-www-form-urlencoded", "username=ann"), 422, wrong),
        (Asked::note(format!(r#"{{"title":"{}"}}"#, "a".repeat(3 << 20))), 413, "The request is too large."),
        (Asked::of_acme(&format!("GET /notes?{long}")), 414, "The request's address is too long."),
        (
            Asked::get("/notes", &format!("{ACME}Cookie: a={long}\r\n")),
            431,
            "The request's headers are too large.",
        ),
    ] {
        let what = format!("{:.80} {:.80}", asked.line, asked.headers);
        let json = asked.send(&server, "application/json");
        assert_eq!((json.status, json.header("content-type")), (status, "application/json"), "{what}");
        let told: Value = serde_json::from_str(&json.body).unwrap();
        assert_eq!(
            (told["detail"].as_str(), told["request_id"].as_str()),
            (Some(detail), Some(json.header("x-request-id"))),
            "{what}"
        );

        let page = asked.send(&server, "text/html");
        assert_eq!(
            (page.status, page.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{what}"
        );
        assert!(
            page.body.contains(&format!("<code>{}</code>", page.header("x-request-id"))),
            "{what}: {}",
            page.body
        );
        assert_ne!(page.header("x-request-id"), json.header("x-request-id"));
        for body in [&json.body, &page.body] {
            assert!(INSIDE.iter().all(|word| !body.contains(word)), "{what}: {body}");
        }
    }
    assert_eq!((Asked::of_acme("GET /notes").send(&server, "*/*").body, ok(folder.path(), list)), before);
}

/// What is too long to be read to its end is no request yet, and has no id.
#[test]
fn a_head_without_an_end_is_refused_while_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let endless = Asked::get("/healthz", &format!("Cookie: a={}\r\n", "a".repeat(100_000)));
    assert_eq!(endless.send(&server, "*/*").status, 431);
    assert_eq!(Asked::get("/healthz", "").send(&server, "*/*").status, 200);
}
