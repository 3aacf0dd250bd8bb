//! An id for each request: in its answer, and in every line that the log has of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use tenantry_core::Slug;
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::layered::{Answer, Around, Layered};
use super::{TrustedProxies, accept, error};

/// The header that bears a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request's id: made here (a UUID whose order is that of time), or by a trusted proxy. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

/// The span of a request in the log, so that a layer further in can add the tenant to it.
#[derive(Clone, Debug)]
pub(crate) struct RequestSpan(Span);

impl RequestId {
    /// The id as text: 1 to 64 letters, digits, `-`, `_` and `.`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn make() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    fn parse(text: &str) -> Option<Self> {
        let valid = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        valid.then(|| Self(text.into()))
    }

    fn of(headers: &HeaderMap, peer: Option<SocketAddr>, proxies: &TrustedProxies) -> Self {
        let trusted = peer.is_some_and(|peer| proxies.contains(peer.ip()));
        let given = headers.get(REQUEST_ID).filter(|_| trusted).and_then(|value| value.to_str().ok());
        given.and_then(Self::parse).unwrap_or_else(Self::make)
    }
}

impl RequestSpan {
    /// Names the tenant in every line of the request's from here on.
    pub(crate) fn name_tenant(&self, slug: &Slug) {
        self.0.record("tenant", slug.as_str());
    }
}

/// Gives each request an id and a span in the log, and each failure its body (see [`Refusal`](super::Refusal)): also an
/// error that has no body, and one in plain text, which is how axum's extractors tell of input that they can't take (their
/// words are in the log, at the level `trace`). What an application says in HTML, JSON or another form stays as it is.
///
/// The span `request` holds `id`, `method`, `path` (never the query: it may hold secrets) and, once it is known,
/// `tenant`; the last line in it, "answered", tells `status` and `milliseconds`. It stands outermost.
///
/// ```
/// use axum::Router;
/// use tenantry_web::http::{RequestIdLayer, TrustedProxies};
///
/// let app: Router = Router::new().layer(RequestIdLayer::new(TrustedProxies::default()));
/// ```
#[derive(Clone, Debug)]
pub struct RequestIdLayer {
    proxies: Arc<TrustedProxies>,
}

/// What the answer to a request needs of it.
#[derive(Debug)]
pub struct Asked {
    id: RequestId,
    json: bool,
    start: Instant,
}

impl RequestIdLayer {
    /// The layer; the `X-Request-Id` of a request counts only when it comes from one of `proxies`.
    #[must_use]
    pub fn new(proxies: TrustedProxies) -> Self {
        Self { proxies: Arc::new(proxies) }
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = Layered<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(inner, self.clone())
    }
}

impl<S: Service<Request, Response = Response>> Around<S> for RequestIdLayer {
    type Future = Instrumented<Answer<S::Future, Asked>>;

    fn answer(&self, inner: &mut S, mut request: Request) -> Self::Future {
        let start = Instant::now();
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let id = RequestId::of(request.headers(), peer, &self.proxies);
        let path = request.uri().path();
        let span = tracing::info_span!("request", id = id.as_str(), method = %request.method(), path, tenant = Empty);
        let json = accept::wants_json(request.headers());
        request.extensions_mut().insert(id.clone());
        request.extensions_mut().insert(RequestSpan(span.clone()));
        let answer = span.in_scope(|| inner.call(request));
        Answer::of(answer, Asked { id, json, start }, Asked::finish).instrument(span)
    }
}

impl Asked {
    fn finish(self, response: Response) -> Response {
        let mut response = error::give_body(response, &self.id, self.json);
        if let Ok(value) = HeaderValue::from_str(self.id.as_str()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        // To the microsecond: what is finer says nothing.
        let micros = u32::try_from(self.start.elapsed().as_micros()).unwrap_or(u32::MAX);
        let milliseconds = f64::from(micros) / 1_000.0;
        tracing::info!(status = response.status().as_u16(), milliseconds, "answered");
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_from_outside_counts_only_from_a_proxy_and_only_when_it_is_harmless() {
        let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        let proxy = Some("10.1.2.3:5".parse().unwrap());
        let stranger = Some("192.0.2.1:5".parse().unwrap());
        let long = "a".repeat(65);
        for (value, peer, taken) in [
            ("abc-1.2_3", proxy, true),
            ("abc", stranger, false),
            ("abc", None, false),
            ("", proxy, false),
            ("a b", proxy, false),
            ("<script>", proxy, false),
            (long.as_str(), proxy, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(value).unwrap());
            let id = RequestId::of(&headers, peer, &proxies);
            assert_eq!(id.as_str() == value, taken, "{value:?} from {peer:?}");
            assert!(taken || Uuid::parse_str(id.as_str()).is_ok());
        }
    }
}
