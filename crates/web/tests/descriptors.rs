//! Without a descriptor left, the server waits until there is one, and goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

use std::fs::File;
use std::io::{self, ErrorKind};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tenantry_web::http::{Limits, listen, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Ten times what any step here should take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A log that tells of each line that says that nothing can be accepted.
#[derive(Clone)]
struct Log(UnboundedSender<()>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if String::from_utf8_lossy(bytes).contains("can't accept a connection") {
            let _ = self.0.send(());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// This binary has one test, since the bound and the log are the process's.
#[tokio::test]
async fn a_connection_that_finds_no_descriptor_waits_and_is_served() {
    let (tell, mut seen) = unbounded_channel();
    let log = Log(tell);
    let subscriber = tracing_subscriber::fmt().with_writer(move || log.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let app: Router = Router::new().route("/", get(async || "served"));
    let server = tokio::spawn(serve(listener, app, Limits::default(), std::future::pending()));

    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    let mut held: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    held.pop();
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert!(File::open("/dev/null").is_err(), "there is no descriptor left");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let told = tokio::time::timeout(PATIENCE, seen.recv()).await;
    told.expect("the log tells that it can't be accepted").unwrap();
    let early = stream.try_read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(early, Err(ErrorKind::WouldBlock), "nothing could accept it");
    assert!(!server.is_finished());

    drop(held);
    let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("served once there is a descriptor").unwrap();
    assert!(answer.ends_with("served"), "{answer}");
}
