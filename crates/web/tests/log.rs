//! What the log says of a request: every line bears its id and its tenant, and no line a secret.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::{get, post};
use common::{Setup, Site, header, start};
use reqwest::Method;
use tenantry_db::TenantDb;
use tenantry_db::model::{Auto, Cell, Field, Kind, Model, Problem, Value};
use tenantry_web::http::Failure;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines of the request with this id, as JSON.
    fn of(&self, id: &str) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.filter(|line| line["span"]["id"] == id).collect()
    }
}

/// A name that says when it is read, and panics over one of its values.
struct Said(String);

impl Field for Said {
    type Plain = Self;
    const KIND: Kind = String::KIND;

    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value) -> Result<Self, Problem> {
        String::from_value(value).map(Self)
    }

    fn read(cell: Cell<'_>) -> Result<Self, Problem> {
        let words = String::read(cell)?;
        tracing::info!("canary-thread");
        assert!(words != "panic", "canary-job");
        Ok(Self(words))
    }
}

#[derive(Model)]
#[model(app = "auth", table = "auth_group", crate = "tenantry_db")]
struct Group {
    #[field(primary_key)]
    id: Auto<i64>,
    name: Said,
}

/// Inserts a row, which a thread of the pool reads back.
async fn store(db: TenantDb, name: &str) -> Result<&'static str, Failure> {
    db.insert(Group { id: Auto::unset(), name: Said(name.to_owned()) }).await?;
    Ok("stored")
}

async fn site() -> (Site, Log) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().json().with_span_list(false).with_writer(move || writer.clone()).finish();
    // One for the process: this binary has one test.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let inside = async || {
        tracing::info!("canary-inside");
        "hello"
    };
    let app = Router::new()
        .route("/inside", get(inside).post(inside))
        .route("/fail", get(async || Err::<(), _>(Failure::from(io::Error::other("canary-cause")))))
        .route("/store", post(async |db: TenantDb| store(db, "well").await))
        .route("/store/panic", post(async |db: TenantDb| store(db, "panic").await))
        .route("/panic", post(async || -> &'static str { panic!("canary-panic") }))
        .route("/forge", post(async |said: String| Err::<(), _>(Failure::from(io::Error::other(said)))));
    (start(Setup { app, ..Setup::default() }).await, log)
}

#[tokio::test]
async fn every_line_of_a_request_bears_its_id_and_its_tenant() {
    let (site, log) = site().await;
    for (method, path, status, said) in [
        (Method::GET, "/inside?password=canary-query", 200, "canary-inside"),
        (Method::POST, "/inside?password=canary-query", 200, "canary-inside"),
        (Method::GET, "/fail?password=canary-query", 500, "canary-cause"),
        (Method::POST, "/panic?password=canary-query", 500, "canary-panic"),
        (Method::POST, "/store", 200, "canary-thread"),
        (Method::POST, "/store/panic", 500, "canary-thread"),
        (Method::POST, "/store/panic", 500, "canary-job"),
    ] {
        let response = site.request(method.clone(), "acme.example", path).send().await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let lines = log.of(header(&response, "x-request-id"));
        assert!(lines.iter().any(|line| line.to_string().contains(said)), "{path}: {lines:?}");
        let last = lines.last().unwrap();
        assert_eq!(last["fields"]["message"], "answered", "{path}");
        assert_eq!(last["fields"]["status"], status, "{path}");
        let milliseconds = last["fields"]["milliseconds"].as_f64().unwrap().to_string();
        let fraction = milliseconds.split('.').nth(1).unwrap_or_default();
        assert!(fraction.len() <= 3, "{path}: {milliseconds}");
        for line in &lines {
            assert_eq!(line["span"]["tenant"], "acme", "{line}");
            assert_eq!(line["span"]["method"], method.as_str(), "{line}");
            assert_eq!(line["span"]["path"], path.split('?').next().unwrap(), "{line}");
        }
    }
    let forged = "said\n2026-01-01 INFO granted\r\u{1b}[2J\u{85}\u{2028}end";
    let forging = site.request(Method::POST, "acme.example", "/forge").body(forged).send().await.unwrap();
    let lines = log.of(header(&forging, "x-request-id"));
    let cause = lines.iter().find_map(|line| line["fields"]["cause"].as_str()).unwrap();
    assert_eq!(cause, r"said\n2026-01-01 INFO granted\r\u{1b}[2J\u{85}\u{2028}end");
    let basic =
        site.request(Method::GET, "acme.example", "/api/tenants").basic_auth("root", Some("canary-word"));
    let refused = basic.send().await.unwrap();
    assert_eq!(log.of(header(&refused, "x-request-id")).len(), 1);
    let unknown = site.request(Method::GET, "listed.example", "/inside").send().await.unwrap();
    let lines = log.of(header(&unknown, "x-request-id"));
    assert!(lines.len() == 2 && lines.iter().all(|line| line["span"]["tenant"].is_null()), "{lines:?}");
    let given = site.request(Method::GET, "acme.example", "/inside").header("x-request-id", "from-the-proxy");
    assert_eq!(header(&given.send().await.unwrap(), "x-request-id"), "from-the-proxy");
    assert_eq!(log.of("from-the-proxy").len(), 2);

    let all = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for secret in ["canary-query", "canary-word", "Y2FuYXJ5"] {
        assert!(!all.contains(secret), "{all}");
    }
}
