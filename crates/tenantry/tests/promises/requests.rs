//! What a request costs, and that nothing of it stays.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use reqwest::StatusCode;
use serde::Serialize;
use tenantry::axum::extract::State;
use tenantry::axum::routing::{get, post};
use tenantry::axum::{Json, Router};
use tenantry::db::migrate::Registry;
use tenantry::db::testkit::counted;
use tenantry::prelude::*;
use tenantry::web::http::InstanceRoutes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

use crate::site::{Site, door, instance, make};

#[derive(Model, Serialize)]
#[model(app = "notes", ordering("-id"))]
struct Note {
    #[field(primary_key)]
    id: Auto<i64>,
    #[field(max_length = 200)]
    title: String,
}

fn notes() -> Registry {
    let table = Table::new("notes_note").column(Column::id()).column(Column::varchar("title", 200));
    let made = Migration::new("notes", "0001_initial").create_table(table);
    Registry { models: vec![Note::META], migrations: vec![made] }
}

/// The instance with two tenants, each with a note that bears its name.
async fn two_with_notes(folder: &Path) -> Instance {
    let instance = instance(folder, notes());
    for slug in ["acme", "globex"] {
        make(&instance, slug).await;
        let note = Note { id: Auto::unset(), title: format!("of {slug}") };
        door(&instance, slug).insert(note).await.unwrap();
    }
    instance
}

async fn list(db: TenantDb) -> Result<Json<Vec<Note>>, Failure> {
    Ok(Json(db.query::<Note>().limit(20).all().await?))
}

/// Leaves what it can: a transaction half done, settings of the connection, and a panic.
async fn leave(db: TenantDb) -> Result<(), Failure> {
    for sql in
        ["BEGIN", "PRAGMA query_only = 1", "CREATE TEMP TABLE notes_note (id, title)", "SAVEPOINT stays"]
    {
        assert!(db.raw_execute(sql, vec![]).await.is_err(), "{sql}");
        assert!(db.raw(sql, vec![]).await.is_err(), "{sql}");
    }
    db.transaction(async |tx| {
        tx.insert(Note { id: Auto::unset(), title: "half done".to_owned() }).await?;
        assert_eq!(tx.query::<Note>().count().await?, 0, "a fault of the handler's own");
        Ok::<(), QueryError>(())
    })
    .await?;
    Ok(())
}

/// On which threads handlers ran.
type Threads = Arc<Mutex<HashSet<ThreadId>>>;

async fn who(State(threads): State<Threads>, tenant: Tenant, db: TenantDb) -> Result<String, Failure> {
    threads.lock().unwrap().insert(std::thread::current().id());
    let titles = db.query::<Note>().all().await?.into_iter().map(|note| note.title);
    Ok(format!("{}: {}", tenant.slug(), titles.collect::<Vec<_>>().join(", ")))
}

/// One connection, kept alive from request to request.
struct Connection(BufStream<TcpStream>);

impl Connection {
    async fn ask(&mut self, method: &str, host: &str, path: &str) -> (u16, String) {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
        self.0.write_all(request.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        let (mut head, mut line) = (Vec::new(), String::new());
        while self.0.read_line(&mut line).await.unwrap() > 2 {
            head.push(std::mem::take(&mut line).to_lowercase());
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
        self.0.read_exact(&mut body).await.unwrap();
        let status = head[0].split_whitespace().nth(1).unwrap().parse().unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}

/// On a runtime of one thread, so that whatever stayed on it would meet the next request.
#[tokio::test]
async fn nothing_of_a_request_stays_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let instance = two_with_notes(folder.path()).await;
    let threads = Threads::default();
    let of_tenants =
        Router::new().route("/who", get(who)).with_state(Arc::clone(&threads)).route("/leave", post(leave));
    let outside = get(async |tenant: Tenant| tenant.slug().to_string());
    let site = Site::start(instance, InstanceRoutes::new().route("/outside", outside), of_tenants);
    let mut connection = Connection(BufStream::new(TcpStream::connect(site.address).await.unwrap()));
    for round in 0..5 {
        for (slug, other) in [("acme", "globex"), ("globex", "acme")] {
            let host = format!("{slug}.example");
            let own = (200, format!("{slug}: of {slug}"));
            assert_eq!(connection.ask("GET", &host, "/who").await, own, "{round}");
            let (failed, said) = connection.ask("POST", &host, "/leave").await;
            assert_eq!(failed, 500, "{round}: {said}");
            // Whoever names no tenant has none, right after a request that had one.
            for (host, path, status) in [
                ("nobody.example", "/who", 400),
                (host.as_str(), "/outside", 500),
                ("nobody.example", "/outside", 400),
            ] {
                let (refused, said) = connection.ask("GET", host, path).await;
                assert_eq!(refused, status, "{round}: {host}{path}");
                assert!(!said.contains(slug) && !said.contains(other), "{round}: {said}");
            }
            let own = (200, format!("{other}: of {other}"));
            assert_eq!(connection.ask("GET", &format!("{other}.example"), "/who").await, own, "{round}");
        }
    }
    assert_eq!(threads.lock().unwrap().len(), 1, "every handler ran on one thread");
}

/// In whose environment [`the_counted_process`] counts.
const COUNTED: &str = "TENANTRY_TEST_COUNTED";

/// Nothing by itself: what is counted is counted for the process, so this runs in one of its own.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the other process is told by its environment what to do")]
async fn the_counted_process() {
    if std::env::var_os(COUNTED).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let of_tenants = Router::new().route("/notes", get(list));
    let instance = two_with_notes(folder.path()).await;
    let site = Site::start(instance.clone(), InstanceRoutes::new(), of_tenants);

    let before = counted();
    let (listed, tenants) = site.get("acme.example", "/api/tenants").await;
    assert!(listed == StatusCode::OK && tenants.contains("globex"), "{tenants}");
    assert_eq!(counted(), before, "the list of tenants asks no tenant");

    for slug in ["acme", "globex"] {
        site.get(&format!("{slug}.example"), "/notes").await;
    }
    let mut opened = 0;
    for round in 0..20 {
        for slug in ["acme", "globex"] {
            let before = counted();
            let (listed, notes) = site.get(&format!("{slug}.example"), "/notes").await;
            assert_eq!((listed, notes), (StatusCode::OK, format!("[{{\"id\":1,\"title\":\"of {slug}\"}}]")));
            let after = counted();
            // The answer may be here before its connection is back: then the next request opens another.
            if after.connections == before.connections {
                assert_eq!(after.statements - before.statements, 1, "round {round}");
            } else {
                opened += after.connections - before.connections;
            }
        }
    }
    assert!(opened <= 2 * 2, "a file has at most three readers: {opened} more than the first");
    let before = counted();
    site.get("nobody.example", "/notes").await;
    site.get("acme.example", "/api/tenants").await;
    assert_eq!(counted(), before);
}

#[test]
fn a_warm_request_costs_one_statement_and_the_list_of_tenants_none() {
    let mut counting = Command::new(std::env::current_exe().unwrap());
    counting.args(["--exact", "requests::the_counted_process"]).env(COUNTED, "yes");
    let ended = counting.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
}
