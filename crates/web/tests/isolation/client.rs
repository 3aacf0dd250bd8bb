//! A client of few instructions: one connection, one request at a time, every byte of the answer kept.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

/// An answer, head and body as they came.
pub(crate) struct Answer {
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.text.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// What stands between the first of two texts and the next of the other.
    pub(crate) fn between(&self, before: &str, after: &str) -> &str {
        let rest = self.text.split_once(before).map_or("", |(_, rest)| rest);
        rest.split_once(after).map_or("", |(found, _)| found)
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn ask(&mut self, request: &str) -> Answer {
        loop {
            let mut stream = self.connected().await;
            // A server may close a connection that was idle; a new one is not.
            if stream.write_all(request.as_bytes()).await.is_ok()
                && let Some(text) = read_answer(&mut stream).await
            {
                self.stream = Some(stream);
                return Answer { text };
            }
        }
    }

    /// Sends a request and goes away once its handler has begun.
    pub(crate) async fn leave(&mut self, request: &str, begun: &Semaphore) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        begun.acquire().await.unwrap().forget();
    }

    async fn connected(&mut self) -> TcpStream {
        match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(self.address).await.unwrap(),
        }
    }
}

/// The head, and as much of a body as it says there is. `None`: the connection ended before.
async fn read_answer(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::with_capacity(8 * 1_024);
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(text.into_owned());
        }
    }
}
