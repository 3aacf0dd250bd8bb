//! When a connection's time is over, to the second: on a clock that stands still until everybody waits for it.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};

use super::super::{BodyLimitsLayer, DeadlineLayer};
use super::*;

/// No two times are alike.
fn limits() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        head: seconds(3),
        idle: seconds(7),
        body_stall: seconds(11),
        body: seconds(31),
        answer: seconds(61),
        answer_stall: seconds(17),
        ..Limits::default()
    }
}

/// The client's end of a connection, and what keeps the server's end going.
struct Client {
    stream: DuplexStream,
    began: Instant,
    _stage: watch::Sender<Stage>,
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// What lies between the two ends, at most: less than the long answer.
const PIPE: usize = 1_024;
const LONG: usize = 200 * PIPE;

fn routes() -> Router {
    Router::new()
        .route("/", get(async || "hello").post(async |body: Bytes| body.len().to_string()))
        .route("/never", get(std::future::pending::<()>).post(std::future::pending::<()>))
        .route("/long", get(async || vec![b'a'; LONG]))
}

fn connect() -> Client {
    let limits = limits();
    connect_to(routes().layer((BodyLimitsLayer::new(&limits), DeadlineLayer::new(&limits))))
}

fn connect_to(app: Router) -> Client {
    let (stage, _) = watch::channel(Stage::Serving);
    let (held, _) = mpsc::channel(1);
    let server = Server { app, stage: stage.clone(), limits: Arc::new(limits()), held };
    let (stream, other_end) = tokio::io::duplex(PIPE);
    let permit = || Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    tokio::spawn(server.connection(other_end, ([192, 0, 2, 1], 5).into(), permit(), permit()));
    Client { stream, began: Instant::now(), _stage: stage }
}

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends when the connection is so many seconds old.
    async fn send_at(&mut self, seconds: u64, bytes: &[u8]) {
        self.wait_until(seconds).await;
        self.send(bytes).await;
    }

    #[expect(clippy::disallowed_methods, reason = "the clock is the test's: nobody waits")]
    async fn wait_until(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds).saturating_sub(self.began.elapsed())).await;
    }

    /// The next answer's status, with its headers and its body, which is short.
    async fn answer(&mut self) -> String {
        let mut text = String::new();
        loop {
            let mut piece = [0; PIPE];
            let length = self.stream.read(&mut piece).await.unwrap();
            assert!(length > 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if length.parse() == Ok(body.len()) {
                return text;
            }
        }
    }

    /// All that comes until the connection is closed, and how old it was by then.
    async fn until_closed(&mut self) -> (String, u64) {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).await.unwrap();
        (String::from_utf8(bytes).unwrap(), self.age())
    }

    /// In whole seconds.
    fn age(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_sent_request_is_closed_when_the_time_for_headers_is_over() {
    for sent in ["", "G", "GET", "GET / HTTP/1.1\r\nHost: acme.example\r\n"] {
        let mut client = connect();
        client.send(sent.as_bytes()).await;
        assert_eq!(client.until_closed().await, (String::new(), 3), "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn drops_of_a_request_do_not_win_more_time() {
    let mut client = connect();
    for second in 0..3 {
        client.send_at(second, &ASK[..2]).await;
    }
    assert_eq!(client.until_closed().await, (String::new(), 3));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_when_its_time_is_over() {
    let mut client = connect();
    client.send_at(2, ASK).await;
    assert!(client.answer().await.ends_with("hello"));
    client.send_at(8, ASK).await;
    assert!(client.answer().await.ends_with("hello"), "each request begins the time anew");
    assert_eq!(client.until_closed().await, (String::new(), 8 + 7));
}

#[tokio::test(start_paused = true)]
async fn a_further_request_has_the_time_for_headers_from_its_first_byte() {
    let mut client = connect();
    client.send(ASK).await;
    client.answer().await;
    let (first, rest) = ASK.split_at(8);
    client.send_at(6, first).await;
    client.send_at(8, rest).await;
    assert!(
        client.answer().await.ends_with("hello"),
        "it is longer under way than an idle connection may be"
    );
    client.send_at(9, first).await;
    assert_eq!(client.until_closed().await, (String::new(), 9 + 3));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_answered_408_and_closed() {
    let mut client = connect();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc").await;
    client.send_at(10, b"d").await;
    let (answer, closed) = client.until_closed().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(closed, 10 + 11);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_answered_408_when_its_whole_time_is_over() {
    let mut client = connect();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").await;
    for second in [10, 20, 30] {
        client.send_at(second, b"a").await;
    }
    let (answer, closed) = client.until_closed().await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(closed, 31);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_in_time_is_taken_however_many_pieces_it_has() {
    let mut client = connect();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n").await;
    for second in [10, 20, 30] {
        client.send_at(second, b"a").await;
    }
    assert!(client.answer().await.ends_with("3"));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_answered_503_and_the_connection_goes_on() {
    for method in ["GET", "POST"] {
        let mut client = connect();
        client.send(format!("{method} /never HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        let answer = client.answer().await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: 5\r\n"), "{answer}");
        assert_eq!(client.age(), 61, "{method}");
        client.send(ASK).await;
        assert!(client.answer().await.ends_with("hello"), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_no_layer_watches_over_is_cut_off_a_little_later() {
    let mut client = connect_to(routes());
    client.send(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(client.until_closed().await, (String::new(), 61 + 5));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_its_answer_is_let_go() {
    for (second, whole) in [(16, true), (18, false)] {
        let mut client = connect();
        client.send(b"GET /long HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        client.wait_until(second).await;
        let (got, _) = client.until_closed().await;
        assert_eq!(got.len() > LONG, whole, "after {second} s");
        assert!(whole || got.len() == PIPE, "what lay between the ends, and no more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_its_answer_slowly_gets_it_whole() {
    let mut client = connect();
    client.send(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut got = 0;
    while got < LONG {
        client.wait_until(client.age() + 16).await;
        let mut piece = [0; PIPE];
        let length = client.stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "let go after {got} bytes");
        got += length;
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = first.local_addr().unwrap();
    let refused = listen(address).unwrap_err();
    assert!(matches!(refused, ServeError::InUse(_)), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        format!("{address} is in use by another program: stop that one, or choose another address")
    );
}

#[tokio::test]
async fn an_address_of_another_machine_is_named() {
    let refused = listen(([192, 0, 2, 1], 8000).into()).unwrap_err();
    assert_eq!(refused.to_string(), "192.0.2.1:8000 is not an address of this machine");
}
