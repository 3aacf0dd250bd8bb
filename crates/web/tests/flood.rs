//! Floods: clients that ask for much and wait for nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what fails here fails the test")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::post;
use common::{Setup, admin, start};
use reqwest::Method;
use tenantry_web::http::{DeadlineLayer, Limits, listen, serve};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Ten times what any step here should take.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

/// How many clients ask for a change and hang up once it has begun.
const CLIENTS: usize = 24;

/// A change goes on without its client, and holds what it was sent: were there no bound, each client that comes and
/// goes would leave one more behind.
#[tokio::test(flavor = "multi_thread")]
async fn changes_whose_clients_are_gone_are_bounded_too() {
    let limits = Limits { connections: 3, ..Limits::default() };
    let begun: Arc<[Semaphore]> = (0..CLIENTS).map(|_| Semaphore::new(0)).collect();
    let (total, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let steps = (Arc::clone(&begun), Arc::clone(&total), Arc::clone(&go));
    let change = move |Path(client): Path<usize>| {
        let (begun, total, go) = steps.clone();
        async move {
            begun[client].add_permits(1);
            total.add_permits(1);
            go.acquire().await.unwrap().forget();
        }
    };
    let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/{client}", post(change)).layer(DeadlineLayer::new(&limits));
    tokio::spawn(serve(listener, app, limits, std::future::pending()));
    for client in 0..CLIENTS {
        let begun = Arc::clone(&begun);
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("POST /{client} HTTP/1.1\r\nHost: a\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            begun[client].acquire().await.unwrap().forget();
        });
    }
    let begin =
        async |count, patience| timeout(patience, total.acquire_many(count)).await.map(Result::unwrap);
    begin(6, PATIENCE).await.expect("three connections, and as many changes left behind").forget();
    assert!(begin(1, SHORT).await.is_err(), "one more than that");
    go.add_permits(CLIENTS);
    begin(18, PATIENCE).await.expect("the others follow as those end").forget();
}

/// The body of any other request may have two mebibytes.
#[tokio::test]
async fn a_form_of_someone_who_is_not_signed_in_is_small() {
    let site = start(Setup { app: admin(), ..Setup::default() }).await;
    for (length, status) in [(10, 200), (10_000, 200), (20_000, 413), (1_000_000, 413)] {
        let form = [("username", "ada"), ("password", &"x".repeat(length))];
        let request = site.request(Method::POST, "acme.example", "/admin/login/").form(&form);
        let answer = request.header("sec-fetch-site", "same-origin").send().await.unwrap();
        assert_eq!(answer.status(), status, "{length}");
    }
}
