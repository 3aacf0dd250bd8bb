//! All layers in their order: from a request's bytes to a handler that knows its tenant.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use axum::routing::get;
use tenantry_core::TenantKey;
use tenantry_db::Instance;
use tenantry_db::directory::ResolveError;
use tower::Layer;
use tower::util::MapResponseLayer;
use tower_http::catch_panic::CatchPanicLayer;

use super::assets::ASSETS;
use super::{
    BodyLimitsLayer, DeadlineLayer, HeadLimitLayer, HostLayer, HostRules, InstanceRoutes, Limits,
    RequestIdLayer, Resolvers, SecurityHeadersLayer, Site, TenantLayer, error, health,
};

/// What stands between the network and an application's routes.
#[derive(Debug)]
pub struct Edge {
    /// What a client may take.
    pub limits: Limits,
    /// Which hosts are answered for.
    pub hosts: HostRules,
    /// How a request names its tenant.
    pub resolvers: Resolvers,
    /// How long browsers are to ask over https alone, see [`SecurityHeadersLayer::new`].
    pub hsts: Duration,
}

impl Edge {
    /// The whole site: `app`'s routes below the tenant of each request, `instance_routes` (the instance's own, on every
    /// allowed host) before any tenant is looked for, `/healthz` and `/readyz` before even the host is.
    pub fn around(
        self,
        instance: Instance,
        instance_routes: InstanceRoutes,
        app: Router,
    ) -> impl Site + use<> {
        let Self { limits, hosts, resolvers, hsts } = self;
        let proxies = hosts.proxies.clone();
        let directory = instance.directory().clone();
        let tenants = TenantLayer::new(instance.clone(), resolvers).debug(hosts.debug);
        let host = HostLayer::new(hosts).also(move |host| {
            !matches!(directory.resolve(&TenantKey::Domain(host.clone())), Err(ResolveError::Unknown))
        });
        // The body's limit is the edge's, not the extractors'.
        let checks =
            (host, BodyLimitsLayer::new(&limits), DeadlineLayer::new(&limits), DefaultBodyLimit::disable());
        let own = health::routes(instance).merge(instance_routes.layer(checks.clone()));
        let own = ASSETS
            .into_iter()
            .fold(own, |own, asset| own.route(asset.path, get(move || std::future::ready(asset.response()))));
        let layers = (
            RequestIdLayer::new(proxies),
            SecurityHeadersLayer::new(hsts),
            // The catcher gives the body a type of its own.
            MapResponseLayer::new(IntoResponse::into_response),
            CatchPanicLayer::custom(error::panicked),
            HeadLimitLayer::new(&limits),
        );
        layers.layer(own.before(checks.layer(tenants.layer(app))))
    }
}
