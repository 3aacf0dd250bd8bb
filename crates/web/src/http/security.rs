//! The headers that tell browsers and caches to be careful, on every response that has not set its own.

use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use tower::{Layer, Service};

use super::layered::{Answer, Around, Layered};
use super::{Origin, Scheme};

const ALWAYS: [(HeaderName, HeaderValue); 6] = [
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    // Scripts and styles from this origin's files alone: nothing inline, nothing evaluated.
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
        ),
    ),
    // What a tenant's person sees is in no cache, shared or the browser's own.
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Adds the careful headers to each response, except where the handler has set its own.
///
/// `X-Frame-Options`, `X-Content-Type-Options`, `Referrer-Policy`, `Cross-Origin-Opener-Policy`,
/// `Content-Security-Policy`, `Cache-Control: no-store`; on https also `Strict-Transport-Security` where that is asked for.
/// It stands outside of [`HostLayer`](super::HostLayer), so that refusals bear the headers too.
///
/// ```
/// use std::time::Duration;
///
/// use axum::{Router, routing::get};
/// use tenantry_web::http::SecurityHeadersLayer;
///
/// let hour = Duration::from_secs(3_600);
/// let app: Router = Router::new().route("/", get(async || "hello")).layer(SecurityHeadersLayer::new(hour));
/// ```
#[derive(Clone, Debug)]
pub struct SecurityHeadersLayer {
    strict_transport: Option<HeaderValue>,
}

impl SecurityHeadersLayer {
    /// The layer; a browser that was answered over https asks the same host in no other way for `hsts` (whole seconds),
    /// and is told nothing of that where it is zero. Nobody can take this back before its time. Hosts below the
    /// tenant's domain are not in it: they are the tenant's business.
    #[must_use]
    pub fn new(hsts: Duration) -> Self {
        let told = (hsts.as_secs() > 0).then(|| format!("max-age={}", hsts.as_secs()));
        Self { strict_transport: told.and_then(|told| told.try_into().ok()) }
    }
}

impl<S> Layer<S> for SecurityHeadersLayer {
    type Service = Layered<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(inner, self.clone())
    }
}

impl<S: Service<Request, Response = Response>> Around<S> for SecurityHeadersLayer {
    type Future = Answer<S::Future, Option<HeaderValue>>;

    fn answer(&self, inner: &mut S, request: Request) -> Self::Future {
        Answer::of(inner.call(request), self.strict_transport.clone(), careful)
    }
}

fn careful(strict_transport: Option<HeaderValue>, mut response: Response) -> Response {
    let https = response.extensions().get::<Origin>().is_some_and(|origin| origin.scheme == Scheme::Https);
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    if https && let Some(value) = strict_transport {
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(value);
    }
    response
}
