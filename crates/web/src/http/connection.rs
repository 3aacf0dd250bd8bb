//! One connection: whose turn it is, until when, and the sentry that closes it when that time has passed.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use super::Limits;

/// Whose turn it is on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The client's, which owes nothing: between two requests.
    Idle,
    /// The client's, in the middle of a request's headers.
    Head,
    /// The server's: the handler runs.
    Answer,
    /// The client's, to take its answer.
    Take,
    /// The client's, to take the rest of its answer: nothing is added to it any more.
    Rest,
}

/// Whose turn it is and since when, shared by the connection's stream, its service and its sentry.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    state: Arc<Mutex<(Turn, Instant)>>,
    allowed: Arc<Allowed>,
}

#[derive(Debug)]
struct Allowed {
    idle: Duration,
    head: Duration,
    answer: Duration,
    take: Duration,
}

impl Turns {
    /// A new connection's client owes a request.
    pub(super) fn new(limits: &Limits) -> Self {
        let allowed = Allowed {
            idle: limits.idle,
            head: limits.head,
            // The deadline layer answers first; this ends what no layer watches over.
            answer: limits.answer + Duration::from_secs(5),
            take: limits.answer_stall,
        };
        Self { state: Arc::new(Mutex::new((Turn::Head, Instant::now()))), allowed: Arc::new(allowed) }
    }

    /// The next turn, from now on.
    pub(super) fn pass_to(&self, turn: Turn) {
        *self.lock() = (turn, Instant::now());
    }

    /// The turn and the time when it is over.
    pub(super) fn deadline(&self) -> (Turn, Instant) {
        let (turn, since) = *self.lock();
        let allowed = match turn {
            Turn::Idle => self.allowed.idle,
            Turn::Head => self.allowed.head,
            Turn::Answer => self.allowed.answer,
            Turn::Take | Turn::Rest => self.allowed.take,
        };
        (turn, since + allowed)
    }

    /// The client took a piece of its answer: it has the whole time again.
    fn extend(&self) {
        let mut state = self.lock();
        if matches!(state.0, Turn::Take | Turn::Rest) {
            state.1 = Instant::now();
        }
    }

    fn pass_if(&self, from: Turn, to: Turn) {
        let mut state = self.lock();
        if state.0 == from {
            *state = (to, Instant::now());
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Turn, Instant)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `connection` until it ends or a turn is over: then the turn is returned, and the connection dropped.
///
/// The timer is moved only when a deadline comes nearer or it rings, not for each request.
pub(super) async fn watch<C: Future>(turns: Turns, connection: C) -> Result<C::Output, Turn> {
    let mut connection = pin!(connection);
    let mut timer = pin!(sleep_until(turns.deadline().1));
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(end) = connection.as_mut().poll(cx) {
            return Poll::Ready(Ok(end));
        }
        loop {
            let (turn, deadline) = turns.deadline();
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if deadline <= Instant::now() {
                return Poll::Ready(Err(turn));
            }
            timer.as_mut().reset(deadline);
        }
    })
    .await
}

/// A connection's stream, which notes what its client does.
#[derive(Debug)]
pub(super) struct WatchedStream<T> {
    stream: T,
    turns: Turns,
}

impl<T> WatchedStream<T> {
    pub(super) fn new(stream: T, turns: Turns) -> Self {
        Self { stream, turns }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WatchedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.turns.pass_if(Turn::Idle, Turn::Head);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WatchedStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if written.is_ready() {
            self.turns.extend();
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if written.is_ready() {
            self.turns.extend();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            // It comes once all is written that there was. Then the client is free to ask again.
            self.turns.pass_if(Turn::Rest, Turn::Idle);
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// An answer's body: once the connection has let go of it, only what is already read of it is to be taken.
#[derive(Debug)]
pub(super) struct WatchedBody {
    inner: Body,
    turns: Turns,
}

impl WatchedBody {
    pub(super) fn new(inner: Body, turns: Turns) -> Self {
        turns.pass_to(Turn::Take);
        Self { inner, turns }
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.turns.pass_if(Turn::Take, Turn::Rest);
    }
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
