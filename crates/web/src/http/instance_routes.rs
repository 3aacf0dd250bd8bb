//! The instance's own routes, apart from every tenant's: exact paths, told from all others before any router is asked.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::MethodRouter;
use axum::routing::future::RouteFuture;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

/// Routes of the instance itself, by exact path: they are answered on every allowed host, without a tenant.
///
/// ```
/// use axum::routing::get;
/// use tenantry_web::http::InstanceRoutes;
///
/// let about = InstanceRoutes::new().route("/about", get(async || "an instance"));
/// # let _ = about;
/// ```
#[derive(Clone, Debug, Default)]
pub struct InstanceRoutes {
    paths: HashSet<&'static str>,
    router: Router,
}

impl InstanceRoutes {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more, at a path without parameters.
    ///
    /// # Panics
    /// When there is a route at that path already, and when the path has a parameter: what holds a `{` is compared as it
    /// stands, and no request's path would ever be that.
    #[must_use]
    pub fn route(mut self, path: &'static str, handler: MethodRouter) -> Self {
        assert!(!path.contains('{'), "the instance's routes are exact paths, and {path} has a parameter");
        self.paths.insert(path);
        Self { router: self.router.route(path, handler), ..self }
    }

    /// All of both.
    ///
    /// # Panics
    /// When both have a route at the same path.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        Self { router: self.router.merge(other.router), ..self }
    }

    /// The same under a layer.
    pub(super) fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<axum::routing::Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        Self { router: self.router.layer(layer), ..self }
    }

    /// These, and `site` for every other path. Nearly all requests are the site's: a router on their way, which boxes
    /// what it passes on, would cost each some allocations.
    pub(super) fn before<S>(self, site: S) -> Fork<S> {
        Fork { paths: Arc::new(self.paths), instance: self.router, site }
    }
}

/// The instance's routes, or the site.
#[derive(Clone, Debug)]
pub(super) struct Fork<S> {
    paths: Arc<HashSet<&'static str>>,
    instance: Router,
    site: S,
}

impl<S> Service<Request> for Fork<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The router is always ready.
        self.site.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if self.paths.contains(request.uri().path()) {
            Either::Instance { answer: self.instance.call(request) }
        } else {
            Either::Site { answer: self.site.call(request) }
        }
    }
}

pin_project! {
    /// The answer to come of whichever was asked.
    #[project = Projected]
    pub(super) enum Either<F> {
        Instance { #[pin] answer: RouteFuture<Infallible> },
        Site { #[pin] answer: F },
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Either<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.project() {
            Projected::Instance { answer } => answer.poll(cx),
            Projected::Site { answer } => answer.poll(cx),
        }
    }
}
