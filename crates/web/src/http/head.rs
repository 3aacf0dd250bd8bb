//! A request's line and headers: a longer head than allowed is refused under the request's id.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use tower::{Layer, Service};

use super::Limits;
use super::layered::{Answer, Around, Layered};
use super::limits::refuse;

/// Holds each request's head to half of [`Limits::head_bytes`]: 414 where most of a longer one is its target, else 431.
///
/// [`serve`](super::serve) reads twice as much as is allowed, so that there is a request to refuse. What is longer still
/// it does not read to its end, and refuses without an id.
///
/// ```
/// use axum::{Router, routing::get};
/// use tenantry_web::http::{HeadLimitLayer, Limits};
///
/// let app: Router =
///     Router::new().route("/", get(async || "hello")).layer(HeadLimitLayer::new(&Limits::default()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HeadLimitLayer {
    bytes: usize,
}

impl HeadLimitLayer {
    /// The layer with the head's share of `limits`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { bytes: limits.head_bytes / 2 }
    }

    fn excess(self, request: &Request) -> Option<StatusCode> {
        let authority = request.uri().authority().map_or(0, |authority| authority.as_str().len());
        let target = authority + request.uri().path_and_query().map_or(0, |path| path.as_str().len());
        let headers = request.headers().iter();
        // With the marks between and behind them: ": ", and the end of the line.
        let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        match target + headers {
            length if length <= self.bytes => None,
            _ if target > self.bytes / 2 => Some(StatusCode::URI_TOO_LONG),
            _ => Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        }
    }
}

impl<S> Layer<S> for HeadLimitLayer {
    type Service = Layered<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(inner, *self)
    }
}

impl<S: Service<Request, Response = Response>> Around<S> for HeadLimitLayer {
    type Future = Answer<S::Future, ()>;

    fn answer(&self, inner: &mut S, request: Request) -> Self::Future {
        match self.excess(&request) {
            Some(status) => Answer::there(refuse(status)),
            None => Answer::of(inner.call(request), (), |(), response| response),
        }
    }
}
