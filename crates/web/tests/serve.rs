//! The accept loop over real sockets: what it closes, what it refuses, what it lets end. When a connection's time is over,
//! to the second, is tested where the clock is the test's (`src/http/serve/tests.rs`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{any, get, post};
use tenantry_web::http::{BodyLimitsLayer, DeadlineLayer, Limits, Stopped, listen, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// Ten times what any step here should take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A limit that is waited for.
const SHORT: Duration = Duration::from_millis(50);

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    end: JoinHandle<Stopped>,
}

fn start(limits: Limits, routes: Router) -> Running {
    let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let app = routes.layer((BodyLimitsLayer::new(&limits), DeadlineLayer::new(&limits)));
    let shutdown = async move {
        let _ = stopped.await;
    };
    let end = tokio::spawn(serve(listener, app, limits, shutdown));
    Running { address, stop, end }
}

fn echo() -> Router {
    Router::new().route("/", get(async || "hello").post(async |body: Bytes| body.len().to_string()))
}

async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// All that the server sends until it closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is a close too: the server does not read what it refuses.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer on a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let whole = async {
        loop {
            let mut piece = [0; 1024];
            let length = stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&piece[..length]);
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() == announced.parse::<usize>().unwrap() {
                return text.into_owned();
            }
        }
    };
    tokio::time::timeout(PATIENCE, whole).await.expect("an answer in time")
}

#[tokio::test]
async fn a_half_sent_request_is_closed() {
    let server = start(Limits { head: SHORT, ..Limits::default() }, echo());
    let mut stream = connect(&server).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: acme.example\r\n").await.unwrap();
    assert_eq!(until_closed(&mut stream).await, "");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_answered_413_announced_or_not() {
    let server = start(Limits { body_bytes: 10, ..Limits::default() }, echo());
    for (request, status) in [
        ("Content-Length: 10\r\n\r\n0123456789", "200"),
        ("Content-Length: 11\r\n\r\n", "413"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", "200"),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n", "413"),
    ] {
        let mut stream = connect(&server).await;
        let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        stream.write_all(format!("{head}{request}").as_bytes()).await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
    }
}

#[tokio::test]
async fn headers_that_are_too_large_or_too_many_are_answered_431() {
    let server = start(Limits { head_bytes: 4_096, ..Limits::default() }, echo());
    let large = format!("x: {}\r\n", "a".repeat(5_000));
    let many = (0..101).map(|number| format!("x{number}: a\r\n")).collect::<String>();
    for headers in [large, many] {
        let mut stream = connect(&server).await;
        stream.write_all(format!("GET / HTTP/1.1\r\n{headers}\r\n").as_bytes()).await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    }
}

#[tokio::test]
async fn at_the_bound_new_connections_wait_and_none_is_refused() {
    let server = start(Limits { connections: 2, ..Limits::default() }, echo());
    let clients = (0..40).map(|_| {
        let address = server.address;
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
            until_closed(&mut stream).await
        })
    });
    for client in clients.collect::<Vec<_>>() {
        let answer = client.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

/// Tells when the handler that holds it is gone, and whether it had come to its end.
struct Witness {
    ended: bool,
    gone: Option<oneshot::Sender<bool>>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        if let Some(gone) = self.gone.take() {
            let _ = gone.send(self.ended);
        }
    }
}

#[tokio::test]
async fn a_change_goes_on_when_its_client_hangs_up_and_reading_does_not() {
    for (method, ends) in [
        ("POST", true),
        ("PUT", true),
        ("PATCH", true),
        ("DELETE", true),
        ("GET", false),
        ("HEAD", false),
        ("OPTIONS", false),
        ("TRACE", false),
    ] {
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (gone, went) = oneshot::channel();
        let held = Arc::new(Mutex::new(Some(gone)));
        let steps = (Arc::clone(&begun), Arc::clone(&go), held);
        let handler = async move || {
            let (begun, go, held) = steps;
            let mut witness = Witness { ended: false, gone: held.lock().unwrap().take() };
            begun.notify_one();
            go.notified().await;
            witness.ended = true;
        };
        let routes = Router::new().route("/", any(handler)).route("/other", get(async || "served"));
        let server = start(Limits { connections: 1, ..Limits::default() }, routes);
        let mut stream = connect(&server).await;
        stream.write_all(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
        begun.notified().await;
        drop(stream);
        // There is room for one connection, so once this one is served the first is over.
        let mut other = connect(&server).await;
        other.write_all(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(answer(&mut other).await.ends_with("served"));
        go.notify_one();
        let ended = tokio::time::timeout(PATIENCE, went).await.expect("the handler is gone in time").unwrap();
        assert_eq!(ended, ends, "{method}");
    }
}

/// A handler that tells that it has begun, and ends when it is told to go on.
fn held(
    begun: &Arc<Notify>,
    go: &Arc<Notify>,
) -> impl Fn() -> Pin<Box<dyn Future<Output = &'static str> + Send>> + Clone + Send + Sync + 'static {
    let steps = (Arc::clone(begun), Arc::clone(go));
    move || {
        let (begun, go) = steps.clone();
        Box::pin(async move {
            begun.notify_one();
            go.notified().await;
            "done"
        })
    }
}

#[tokio::test]
async fn stopping_lets_requests_end_and_takes_no_new_ones() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = held(&begun, &go);
    let server = start(Limits::default(), Router::new().route("/slow", get(handler)).merge(echo()));
    let mut idle = connect(&server).await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    answer(&mut idle).await;
    let mut slow = connect(&server).await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    begun.notified().await;

    server.stop.send(()).unwrap();
    assert_eq!(until_closed(&mut idle).await, "", "an idle connection is closed at once");
    assert!(TcpStream::connect(server.address).await.is_err(), "the listener is closed");
    assert!(!server.end.is_finished(), "the slow request is waited for");
    go.notify_one();
    let answer = until_closed(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("done"), "{answer}");
    assert_eq!(server.end.await.unwrap(), Stopped { complete: true });
}

#[tokio::test]
async fn stopping_waits_for_a_change_whose_client_is_gone() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = held(&begun, &go);
    let routes = Router::new().route("/", post(handler)).route("/other", get(async || "served"));
    let server = start(Limits { connections: 1, ..Limits::default() }, routes);
    let mut stream = connect(&server).await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    begun.notified().await;
    drop(stream);
    // There is room for one connection, so once this one is served the first is over, and the change goes on alone.
    let mut other = connect(&server).await;
    other.write_all(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(answer(&mut other).await.ends_with("served"));
    server.stop.send(()).unwrap();
    assert_eq!(until_closed(&mut other).await, "", "nothing is left but the change");
    assert!(!server.end.is_finished(), "the change is waited for");
    go.notify_one();
    assert_eq!(server.end.await.unwrap(), Stopped { complete: true });
}

#[tokio::test]
async fn stopping_ends_when_the_grace_period_does() {
    let never = Router::new().route("/", get(std::future::pending::<()>));
    let server = start(Limits { grace: SHORT, ..Limits::default() }, never);
    let mut stream = connect(&server).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut half = connect(&server).await;
    half.write_all(b"GET / HT").await.unwrap();
    // A third, answered one shows that the server has seen the first two.
    let mut seen = connect(&server).await;
    seen.write_all(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    answer(&mut seen).await;
    server.stop.send(()).unwrap();
    let stopped = tokio::time::timeout(PATIENCE, server.end).await.expect("in time").unwrap();
    assert_eq!(stopped, Stopped { complete: false });
    assert_eq!(until_closed(&mut stream).await, "");
}
