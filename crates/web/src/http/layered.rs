//! The frame that all layers share: a tower service around another one, whose answers are futures without a box.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::Request;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower::Service;

/// What a layer of this module makes of a service.
#[derive(Clone, Copy, Debug)]
pub struct Layered<S, L> {
    inner: S,
    layer: L,
}

/// A layer's own part: what it does with a request for the service in it.
pub trait Around<S: Service<Request>> {
    /// The answer to come.
    type Future: Future<Output = Result<Response, S::Error>>;

    /// Lets `inner`, which is ready, answer the request, or answers in its place.
    fn answer(&self, inner: &mut S, request: Request) -> Self::Future;
}

impl<S, L> Layered<S, L> {
    pub(super) fn new(inner: S, layer: L) -> Self {
        Self { inner, layer }
    }
}

impl<S: Service<Request>, L: Around<S>> Service<Request> for Layered<S, L> {
    type Response = Response;
    type Error = S::Error;
    type Future = L::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> L::Future {
        self.layer.answer(&mut self.inner, request)
    }
}

pin_project! {
    /// An answer to come: the inner service's with a last touch, or one that is there already.
    #[project = Projected]
    #[derive(Debug)]
    pub enum Answer<F, N> {
        /// The inner service answers; then `touch` is given what was noted down of the request.
        Inner { #[pin] future: F, note: Option<N>, touch: fn(N, Response) -> Response },
        /// The inner service was not asked.
        There { response: Option<Response> },
    }
}

impl<F, N> Answer<F, N> {
    pub(super) fn of(future: F, note: N, touch: fn(N, Response) -> Response) -> Self {
        Self::Inner { future, note: Some(note), touch }
    }

    pub(super) fn there(response: Response) -> Self {
        Self::There { response: Some(response) }
    }
}

impl<F: Future<Output = Result<Response, E>>, E, N> Future for Answer<F, N> {
    type Output = Result<Response, E>;

    /// # Panics
    /// When it is polled once more after it was ready.
    #[expect(clippy::expect_used, reason = "as every future does that is polled after its end")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Inner { future, note, touch } => {
                let response = ready!(future.poll(cx))?;
                Poll::Ready(Ok(touch(note.take().expect("polled after its end"), response)))
            }
            Projected::There { response } => Poll::Ready(Ok(response.take().expect("polled after its end"))),
        }
    }
}
