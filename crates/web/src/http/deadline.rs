//! A time by which each request is answered; a change runs to its end even when its client is gone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tokio::task::JoinHandle;
use tokio::time::{Timeout, timeout};
use tower::{Layer, Service};
use tracing::Instrument;

use super::error::Refusal;
use super::layered::{Around, Layered};
use super::{InFlight, Limits};

/// Answers 503 when the handler takes longer than [`Limits::answer`], and protects changes from their clients.
///
/// When a client disconnects, the handler of its request is dropped where it waits. That is right for reading, and
/// wrong for a change (every method but GET, HEAD, OPTIONS and TRACE), which would stop half-way: a change runs in a
/// task of its own, goes on without its client, and ends with its deadline at the latest.
///
/// ```
/// use axum::{Router, routing::post};
/// use tenantry_web::http::{DeadlineLayer, Limits};
///
/// let app: Router = Router::new()
///     .route("/notes", post(async || "added"))
///     .layer(DeadlineLayer::new(&Limits::default()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    answer: Duration,
}

impl DeadlineLayer {
    /// The layer with the time of `limits`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { answer: limits.answer }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Layered<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(inner, *self)
    }
}

impl<S> Around<S> for DeadlineLayer
where
    S: Service<Request, Response = Response>,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
{
    type Future = InTime<S::Future, S::Error>;

    fn answer(&self, inner: &mut S, request: Request) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        let in_flight = request.extensions().get::<InFlight>().cloned();
        let answer = timeout(self.answer, inner.call(request));
        if reads {
            return InTime::Reading { answer };
        }
        let change = async move {
            let end = answer.await.unwrap_or_else(|_| Ok(too_late()));
            drop(in_flight);
            end
        };
        InTime::Changing { task: tokio::spawn(change.in_current_span()) }
    }
}

pin_project! {
    /// An answer that comes in time, or 503 in its place.
    #[project = Projected]
    #[derive(Debug)]
    pub enum InTime<F, E> {
        /// Dropped with its client.
        Reading { #[pin] answer: Timeout<F> },
        /// Goes on without its client.
        Changing { task: JoinHandle<Result<Response, E>> },
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for InTime<F, E> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            Projected::Reading { answer } => ready!(answer.poll(cx)).unwrap_or_else(|_| Ok(too_late())),
            Projected::Changing { task } => ready!(Pin::new(task).poll(cx)).unwrap_or_else(|error| {
                Ok(Refusal::caused_by(StatusCode::INTERNAL_SERVER_ERROR, error).into_response())
            }),
        })
    }
}

fn too_late() -> Response {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(Duration::from_secs(5)).into_response()
}
