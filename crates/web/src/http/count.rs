//! Counts requests: how many are being answered, and what came of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use tower::{Layer, Service};

use super::layered::{Answer, Around, Layered};

/// The classes of statuses, which are counted apart.
const CLASSES: usize = 5;

/// How many requests there were since the process's start. Cheap to clone: all clones count together.
#[derive(Clone, Debug, Default)]
pub struct RequestCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    in_flight: AtomicU64,
    by_class: [AtomicU64; CLASSES],
    abandoned: AtomicU64,
}

impl RequestCounts {
    /// Requests whose answer has not begun yet.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// Requests whose client went away before the answer began.
    #[must_use]
    pub fn abandoned(&self) -> u64 {
        self.0.abandoned.load(Ordering::Relaxed)
    }

    /// Answers, by the class of their status: informational, successful, redirecting, refusing, failing.
    #[must_use]
    pub fn by_class(&self) -> [u64; 5] {
        self.0.by_class.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

/// Counts every request that passes, in [`RequestCounts`]. It stands around all others, so that it sees each answer as the
/// client does.
///
/// ```
/// use axum::{Router, routing::get};
/// use tenantry_web::http::{RequestCountLayer, RequestCounts};
///
/// let counts = RequestCounts::default();
/// let app: Router =
///     Router::new().route("/", get(async || "hello")).layer(RequestCountLayer::new(counts.clone()));
/// assert_eq!(counts.in_flight(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct RequestCountLayer {
    counts: RequestCounts,
}

impl RequestCountLayer {
    /// The layer that counts into `counts`.
    #[must_use]
    pub fn new(counts: RequestCounts) -> Self {
        Self { counts }
    }
}

impl<S> Layer<S> for RequestCountLayer {
    type Service = Layered<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(inner, self.clone())
    }
}

impl<S: Service<Request, Response = Response>> Around<S> for RequestCountLayer {
    type Future = Answer<S::Future, Counting>;

    fn answer(&self, inner: &mut S, request: Request) -> Self::Future {
        let counting = Counting::begin(Arc::clone(&self.counts.0));
        Answer::of(inner.call(request), counting, |counting, response| {
            counting.end(response.status());
            response
        })
    }
}

/// A request that is being answered. Dropped before its end, it was abandoned.
#[derive(Debug)]
pub struct Counting {
    counts: Arc<Counts>,
    answered: bool,
}

impl Counting {
    fn begin(counts: Arc<Counts>) -> Self {
        counts.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { counts, answered: false }
    }

    fn end(mut self, status: StatusCode) {
        self.answered = true;
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        self.counts.by_class[class.min(CLASSES - 1)].fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.counts.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}
