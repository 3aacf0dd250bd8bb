//! A time by which each request is answered; a change runs to its end even when its client is gone.

use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;
use tower::{Layer, Service};
use tracing::Instrument;

use super::error::Refusal;
use super::{BoxFuture, InFlight, Limits};

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
#[derive(Clone, Debug)]
pub struct DeadlineLayer {
    answer: Duration,
}

/// What [`DeadlineLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct Deadline<S> {
    inner: S,
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
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { inner, answer: self.answer }
    }
}

impl<S> Service<Request> for Deadline<S>
where
    S: Service<Request, Response = Response>,
    S::Error: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        let in_flight = request.extensions().get::<InFlight>().cloned();
        let answer = timeout(self.answer, self.inner.call(request));
        if reads {
            return Box::pin(async move { answer.await.unwrap_or_else(|_| Ok(too_late())) });
        }
        let change = async move {
            let end = answer.await.unwrap_or_else(|_| Ok(too_late()));
            drop(in_flight);
            end
        };
        let task = tokio::spawn(change.in_current_span());
        Box::pin(async move {
            match task.await {
                Ok(end) => end,
                Err(error) => {
                    Ok(Refusal::caused_by(StatusCode::INTERNAL_SERVER_ERROR, error).into_response())
                }
            }
        })
    }
}

fn too_late() -> Response {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(Duration::from_secs(5)).into_response()
}
