//! What a client may take of the server: bytes, time, connections.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service};

use super::error::Refusal;
use super::layered::{Answer, Around, Layered};

/// What a client may take of the server. The defaults suit a server behind a reverse proxy as well as a bare one.
///
/// [`serve`](super::serve) keeps those that belong to a connection, [`BodyLimitsLayer`] those of a request's body and
/// [`DeadlineLayer`](super::DeadlineLayer) the time for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at a time: 1,024. At the bound the server stops accepting, and new ones wait in the system's
    /// queue; none is refused. Each takes one descriptor.
    pub connections: usize,
    /// Bytes of a request's line and headers that are read: 32,768. More is answered with 431, and under a
    /// [`HeadLimitLayer`](super::HeadLimitLayer) more than half of it. At most 100 headers, always.
    pub head_bytes: usize,
    /// From a request's first byte (or from the connection's opening) to the end of its headers: 10 s.
    pub head: Duration,
    /// How long a connection stays open between two requests: 75 s. A proxy's own figure should be lower.
    pub idle: Duration,
    /// Bytes of a request's body: 2,097,152. More is answered with 413.
    pub body_bytes: usize,
    /// Between two pieces of a request's body: 10 s. Longer is answered with 408.
    pub body_stall: Duration,
    /// From the first wait for a request's body to its end: 30 s. Longer is answered with 408.
    pub body: Duration,
    /// From the end of the headers to the answer: 60 s. Longer is answered with 503.
    pub answer: Duration,
    /// How long a client may take none of its answer before the connection is closed: 30 s.
    pub answer_stall: Duration,
    /// How long requests in flight may take to end once the server is told to stop: 25 s.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            head_bytes: 32 * 1_024,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_bytes: 2 * 1_024 * 1_024,
            body_stall: Duration::from_secs(10),
            body: Duration::from_secs(30),
            answer: Duration::from_secs(60),
            answer_stall: Duration::from_secs(30),
            grace: Duration::from_secs(25),
        }
    }
}

/// Holds each request's body to [`Limits`]: 413 for one that is too large, 408 for one that comes too slowly.
///
/// ```
/// use axum::{Router, routing::post};
/// use tenantry_web::http::{BodyLimitsLayer, Limits};
///
/// let app: Router = Router::new()
///     .route("/notes", post(async |text: String| text))
///     .layer(BodyLimitsLayer::new(&Limits { body_bytes: 1_000, ..Limits::default() }));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BodyLimitsLayer {
    bytes: usize,
    stall: Duration,
    total: Duration,
}

impl BodyLimitsLayer {
    /// The layer with the body's share of `limits`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { bytes: limits.body_bytes, stall: limits.body_stall, total: limits.body }
    }

    fn bounded(self, body: Body, fault: Arc<Fault>) -> Body {
        let inner = http_body_util::Limited::new(body, self.bytes);
        let (stall, total) = (self.stall, self.total);
        Body::new(TimedBody { inner, stall, total, end: None, timer: None, fault })
    }
}

impl<S> Layer<S> for BodyLimitsLayer {
    type Service = Layered<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(inner, *self)
    }
}

impl<S: Service<Request, Response = Response>> Around<S> for BodyLimitsLayer {
    type Future = Answer<S::Future, Option<Arc<Fault>>>;

    fn answer(&self, inner: &mut S, mut request: Request) -> Self::Future {
        if request.body().size_hint().lower() > self.bytes as u64 {
            return Answer::there(refuse(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let fault = (!request.body().is_end_stream()).then(|| {
            let fault = Arc::new(Fault::default());
            let body = std::mem::take(request.body_mut());
            *request.body_mut() = self.bounded(body, Arc::clone(&fault));
            fault
        });
        Answer::of(inner.call(request), fault, |fault, response| {
            // The handler saw only a body that broke off; what it said about that is replaced by the reason.
            match fault.and_then(|fault| fault.get()) {
                Some(status) if !response.status().is_success() => refuse(status),
                _ => response,
            }
        })
    }
}

/// A refusal of what the client still has to send: the connection ends with it.
pub(super) fn refuse(status: StatusCode) -> Response {
    let mut response = Refusal::new(status).into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Why a body broke off, told to the layer past the handler.
#[derive(Debug, Default)]
pub struct Fault(AtomicU8);

impl Fault {
    const SLOW: u8 = 1;
    const LARGE: u8 = 2;

    fn set(&self, what: u8) {
        self.0.store(what, Ordering::Relaxed);
    }

    fn get(&self) -> Option<StatusCode> {
        match self.0.load(Ordering::Relaxed) {
            Self::SLOW => Some(StatusCode::REQUEST_TIMEOUT),
            Self::LARGE => Some(StatusCode::PAYLOAD_TOO_LARGE),
            _ => None,
        }
    }
}

/// Raised when a request's body comes too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the request's body came too slowly")]
struct SlowBody;

struct TimedBody {
    inner: http_body_util::Limited<Body>,
    stall: Duration,
    total: Duration,
    /// When the whole body must be there, counted from the first wait for it.
    end: Option<Instant>,
    /// Runs only while the body is waited for.
    timer: Option<Pin<Box<Sleep>>>,
    fault: Arc<Fault>,
}

impl TimedBody {
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let end = *self.end.get_or_insert(now + self.total);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end.min(now + self.stall))));
        ready!(timer.as_mut().poll(cx));
        self.fault.set(Fault::SLOW);
        Poll::Ready(())
    }
}

impl HttpBody for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.timer = None;
                if let Some(Err(error)) = &frame
                    && error.is::<LengthLimitError>()
                {
                    self.fault.set(Fault::LARGE);
                }
                Poll::Ready(frame)
            }
            Poll::Pending => self.poll_deadline(cx).map(|()| Some(Err(SlowBody.into()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
