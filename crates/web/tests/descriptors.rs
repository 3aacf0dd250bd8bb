//! Without a descriptor left, the server waits until there is one, and goes on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what fails here fails the test")]

use std::fs::File;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tenantry_web::http::{Limits, listen, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// This binary has one test, since the bound is the process's.
#[tokio::test]
async fn a_connection_that_finds_no_descriptor_waits_and_is_served() {
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
    let early = tokio::time::timeout(Duration::from_millis(300), stream.read_to_string(&mut answer)).await;
    assert!(early.is_err(), "nothing could accept it: {answer}");
    assert!(!server.is_finished());

    drop(held);
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await;
    read.expect("served once there is a descriptor").unwrap();
    assert!(answer.ends_with("served"), "{answer}");
}
