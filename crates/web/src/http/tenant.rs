//! From a request's claims to its tenant, and to the door to that tenant's data.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tenantry_core::{HostName, NotServing, Status, Tenant, TenantKey};
use tenantry_db::directory::{Directory, ResolveError};
use tenantry_db::model::{QueryError, VersionError};
use tenantry_db::{Instance, TenantDb, UnknownPlace};
use tower::{Layer, Service};

use super::claims::{BadClaim, Claims};
use super::error::{BEING_UPDATED, Failure, Help, Refusal, UPDATED_SOON};
use super::layered::{Answer, Around, Layered};
use super::request_id::RequestSpan;
use super::{Origin, Resolvers};

/// The domains that a helpful page names at most.
const NAMED_DOMAINS: usize = 20;

/// What a path resolver took off the front of a request's path: `/t/acme`, or nothing. Links of the application begin
/// with it. In the extensions of each request under [`TenantLayer`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountPath(Arc<str>);

impl MountPath {
    /// The path in front of the application's own, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Finds a request's tenant and puts the [`Tenant`] and its `TenantDb` into the extensions, where handlers take them
/// as arguments.
///
/// It stands under a [`HostLayer`](super::HostLayer). A request that leads to no tenant is answered 404, one whose claims
/// lead to different tenants too, and one whose tenant is not served 503 with `Retry-After`. There is no default.
///
/// Not served is also a tenant whose data is of another version than this program: see `TenantDb::ready`.
///
/// To take a path prefix off it must see a request before the router does, so it wraps the router from outside, as
/// here, rather than by `Router::layer`:
///
/// ```
/// use axum::{Router, routing::get};
/// use tenantry_core::Tenant;
/// use tenantry_db::Instance;
/// use tenantry_web::http::{HostLayer, HostRules, Resolvers, TenantLayer};
/// use tower::Layer;
///
/// fn app(instance: Instance) -> Router {
///     let routes = Router::new().route("/", get(async |tenant: Tenant| tenant.name().to_owned()));
///     let of_a_tenant = TenantLayer::new(instance, Resolvers::default()).layer(routes);
///     let rules = HostRules { base_domain: "example.com".parse().ok(), ..HostRules::default() };
///     Router::new().fallback_service(of_a_tenant).layer(HostLayer::new(rules))
/// }
/// ```
#[derive(Clone)]
pub struct TenantLayer {
    instance: Instance,
    resolvers: Arc<Resolvers>,
    debug: bool,
}

/// Raised when a request is not given a tenant; only the log and `DEBUG` see why.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoTenant {
    #[error(transparent)]
    BadClaim(#[from] BadClaim),
    #[error("this address leads to no tenant")]
    Unknown,
    #[error("what the request names leads to more than one tenant")]
    Disagreement,
    #[error(transparent)]
    NotServed(ResolveError),
    #[error(transparent)]
    UnknownPlace(#[from] UnknownPlace),
    /// A tenant's, for the developer to know which.
    #[error("{error}")]
    Version { tenant: Tenant, error: VersionError },
    #[error("the tenant layer stands under no host layer")]
    NoHost,
}

impl TenantLayer {
    /// The layer over the tenants of `instance`, which `resolvers` find.
    #[must_use]
    pub fn new(instance: Instance, resolvers: Resolvers) -> Self {
        Self { instance, resolvers: Arc::new(resolvers), debug: false }
    }

    /// Lets a refusal explain itself to the client, known domains included.
    #[must_use]
    pub fn debug(self, debug: bool) -> Self {
        Self { debug, ..self }
    }

    /// Gives a request its tenant; the door to the tenant's data where that is to be looked at before it is served.
    fn admit(&self, request: &mut Request) -> Result<Option<TenantDb>, NoTenant> {
        let host = request.extensions().get::<HostName>().ok_or(NoTenant::NoHost)?;
        let claims = self.resolvers.claims(host, request.uri().path(), request.headers())?;
        let tenant = decide(&claims, |key| self.instance.directory().resolve(key))?;
        if let Some(span) = request.extensions().get::<RequestSpan>() {
            span.name_tenant(tenant.slug());
        }
        let db = self.instance.tenant_db(&tenant)?;
        let mount = claims.mount_end.map(|end| take_off(request.uri_mut(), end));
        request.extensions_mut().insert(mount.unwrap_or_default());
        let unseen = (!db.is_ready()).then(|| db.clone());
        request.extensions_mut().insert(db);
        request.extensions_mut().insert(tenant);
        Ok(unseen)
    }

    /// The answer in the place of a tenant whose data can't be served just now.
    fn refuse_data(&self, tenant: &Tenant, error: QueryError, origin: Option<&Origin>) -> Response {
        match error {
            QueryError::Version(error) => {
                self.refuse(NoTenant::Version { tenant: tenant.clone(), error }, origin)
            }
            other => Failure::from(other).into_response(),
        }
    }

    fn refuse(&self, error: NoTenant, origin: Option<&Origin>) -> Response {
        let status = match &error {
            NoTenant::BadClaim(_) | NoTenant::Unknown | NoTenant::Disagreement => StatusCode::NOT_FOUND,
            NoTenant::NotServed(_) | NoTenant::UnknownPlace(_) | NoTenant::Version { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            NoTenant::NoHost => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let after = match &error {
            NoTenant::NotServed(why) => Some(retry_after(*why)),
            NoTenant::Version { .. } => Some(UPDATED_SOON),
            _ => None,
        };
        let sentence = matches!(error, NoTenant::Version { .. }).then_some(BEING_UPDATED);
        let help = self.debug.then(|| help(&error, self.instance.directory(), origin));
        let mut refusal = Refusal::caused_by(status, error);
        if let Some(after) = after {
            refusal = refusal.retry_after(after);
        }
        if let Some(sentence) = sentence {
            refusal = refusal.saying(sentence);
        }
        match help {
            Some(help) => refusal.help(help).into_response(),
            None => refusal.into_response(),
        }
    }
}

/// The one tenant that all claims lead to.
///
/// What is named on purpose must lead somewhere; a host may lead nowhere when something else names the tenant. Two
/// claims that lead to different tenants lead to none of them.
pub(super) fn decide(
    claims: &Claims,
    resolve: impl Fn(&TenantKey) -> Result<Tenant, ResolveError>,
) -> Result<Tenant, NoTenant> {
    let mut found = Vec::with_capacity(1);
    for key in &claims.by_name {
        match resolve(key) {
            Err(ResolveError::Unknown) => return Err(NoTenant::Unknown),
            known => found.push(known),
        }
    }
    let by_host = claims.by_host.iter().map(&resolve);
    found.extend(by_host.filter(|known| !matches!(known, Err(ResolveError::Unknown))));
    let mut found = found.into_iter();
    let first = found.next().ok_or(NoTenant::Unknown)?;
    if found.any(|other| !same(&other, &first)) {
        return Err(NoTenant::Disagreement);
    }
    first.map_err(|error| match error {
        ResolveError::Unknown => NoTenant::Unknown,
        known => NoTenant::NotServed(known),
    })
}

/// By id: a tenant's record may have changed between the two look-ups.
fn same(one: &Result<Tenant, ResolveError>, other: &Result<Tenant, ResolveError>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one.id() == other.id(),
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

/// When it may be worth asking again.
fn retry_after(why: ResolveError) -> Duration {
    match why {
        ResolveError::Unseen | ResolveError::NotServing(NotServing { status: Status::Provisioning }) => {
            Duration::from_secs(5)
        }
        ResolveError::NotServing(NotServing { status: Status::Maintenance }) => Duration::from_secs(60),
        _ => Duration::from_secs(3_600),
    }
}

/// What went wrong, the command that may help, and where the tenants are, as the client may reach them.
fn help(error: &NoTenant, directory: &Directory, origin: Option<&Origin>) -> Help {
    let records = directory.records();
    let domains = records.iter().flat_map(|record| &record.domains).take(NAMED_DOMAINS);
    let addresses = domains.filter_map(|host| Some(Origin { host: host.clone(), ..origin?.clone() }));
    let addresses: Vec<String> = addresses.map(|origin| format!("{origin}/")).collect();
    // No address is a tenant's domain.
    let host =
        origin.filter(|origin| !origin.host.is_address()).map_or("HOST", |origin| origin.host.as_str());
    let remedy = match error {
        NoTenant::Unknown if addresses.is_empty() => {
            Some(("Make the first tenant:", format!("tenant create SLUG --domain {host}")))
        }
        NoTenant::Unknown => Some(("Let it lead to one:", format!("tenant domain add SLUG {host}"))),
        NoTenant::NotServed(ResolveError::NotServing(_)) => {
            Some(("Serve it again:", "tenant activate SLUG".to_owned()))
        }
        NoTenant::Version { tenant, error: VersionError::Behind { .. } } => {
            Some(("Bring its data up to date:", format!("migrate --tenant {}", tenant.slug())))
        }
        NoTenant::Version { error: VersionError::Ahead { .. }, .. } => {
            Some(("Start the newer program, the one that ran:", "migrate".to_owned()))
        }
        _ => None,
    };
    Help { reason: error.to_string(), remedy, addresses }
}

/// Takes the first `end` bytes off the path. A path that a slug ended in becomes `/`.
fn take_off(uri: &mut Uri, end: usize) -> MountPath {
    let (mount, rest) = uri.path().split_at_checked(end).unwrap_or_default();
    let mount = MountPath(mount.into());
    let rest = if rest.is_empty() { "/" } else { rest };
    let text = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(text).ok();
    if let Ok(shorter) = Uri::from_parts(parts) {
        *uri = shorter;
    }
    mount
}

impl<S> Layer<S> for TenantLayer {
    type Service = Layered<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(inner, self.clone())
    }
}

impl<S> Around<S> for TenantLayer
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Future = Admitted<S::Future, S::Error>;

    fn answer(&self, inner: &mut S, mut request: Request) -> Self::Future {
        let there = match self.admit(&mut request) {
            Err(error) => Answer::there(self.refuse(error, request.extensions().get())),
            Ok(None) => Answer::of(inner.call(request), (), |(), response| response),
            Ok(Some(db)) => {
                // The clone is for the next request: this one is ready.
                let next = inner.clone();
                let (layer, mut inner) = (self.clone(), mem::replace(inner, next));
                return Admitted::Looking {
                    answer: Box::pin(async move {
                        match db.ready().await {
                            Ok(()) => inner.call(request).await,
                            Err(error) => {
                                Ok(layer.refuse_data(db.tenant(), error, request.extensions().get()))
                            }
                        }
                    }),
                };
            }
        };
        Admitted::Known { answer: there }
    }
}

pin_project! {
    /// An answer to come, at once or after a look at the tenant's data.
    #[project = Projected]
    pub enum Admitted<F, E> {
        /// It is known whether the tenant is served.
        Known { #[pin] answer: Answer<F, ()> },
        /// Its data is looked at first.
        Looking { answer: Pin<Box<dyn Future<Output = Result<Response, E>> + Send>> },
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for Admitted<F, E> {
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Known { answer } => answer.poll(cx),
            Projected::Looking { answer } => answer.as_mut().poll(cx),
        }
    }
}

impl fmt::Debug for TenantLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantLayer").field("resolvers", &self.resolvers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tenantry_core::{Alias, Placement, TenantId, TenantRecord};

    use super::*;

    /// Tenants by slug; `gone` is suspended, `later` in maintenance, every other name of the list active.
    fn resolve(key: &TenantKey) -> Result<Tenant, ResolveError> {
        let slug = match key {
            TenantKey::Slug(slug) => slug.as_str(),
            TenantKey::Domain(host) => host.as_str().strip_suffix(".example").unwrap_or_default(),
        };
        let known = ["acme", "globex", "gone", "later"];
        let number = known.iter().position(|name| *name == slug).ok_or(ResolveError::Unknown)?;
        let status = match slug {
            "gone" => Status::Suspended,
            "later" => Status::Maintenance,
            _ => Status::Active,
        };
        let record = TenantRecord {
            id: TenantId::new(i64::try_from(number).unwrap()),
            slug: slug.parse().unwrap(),
            name: slug.to_owned(),
            status,
            domains: vec![],
            placement: Placement::Claimed { database: Alias::default_alias() },
        };
        Ok(Tenant::from_record(Arc::new(record))?)
    }

    #[test]
    fn claims_lead_to_one_tenant_or_to_none() {
        for (host, names, expected) in [
            ("acme.example", &[][..], "acme"),
            ("other.example", &[], "this address leads to no tenant"),
            ("other.example", &["acme"], "acme"),
            ("acme.example", &["acme"], "acme"),
            ("acme.example", &["acme", "acme"], "acme"),
            ("acme.example", &["globex"], "what the request names leads to more than one tenant"),
            ("other.example", &["acme", "globex"], "what the request names leads to more than one tenant"),
            ("acme.example", &["nobody"], "this address leads to no tenant"),
            ("gone.example", &[], "the tenant is not served: its status is suspended"),
            ("gone.example", &["gone"], "the tenant is not served: its status is suspended"),
            ("gone.example", &["acme"], "what the request names leads to more than one tenant"),
            ("acme.example", &["gone"], "what the request names leads to more than one tenant"),
            ("later.example", &["gone"], "what the request names leads to more than one tenant"),
        ] {
            let claims = Claims {
                by_host: vec![TenantKey::Domain(host.parse().unwrap())],
                by_name: names.iter().map(|name| TenantKey::Slug(name.parse().unwrap())).collect(),
                mount_end: None,
            };
            let end = match decide(&claims, resolve) {
                Ok(tenant) => tenant.slug().to_string(),
                Err(error) => error.to_string(),
            };
            assert_eq!(end, expected, "{host} {names:?}");
        }
    }

    #[test]
    fn a_path_loses_its_front_and_keeps_its_query() {
        for (before, end, mount, after) in [
            ("/t/acme/notes/1?x=%2F", 7, "/t/acme", "/notes/1?x=%2F"),
            ("/t/acme/", 7, "/t/acme", "/"),
            ("/t/acme", 7, "/t/acme", "/"),
            ("/t/acme?x", 7, "/t/acme", "/?x"),
            ("/t/acme//evil.example", 7, "/t/acme", "//evil.example"),
            ("http://api.example/t/acme/notes", 7, "/t/acme", "http://api.example/notes"),
        ] {
            let mut uri: Uri = before.parse().unwrap();
            assert_eq!(take_off(&mut uri, end).as_str(), mount, "{before}");
            assert_eq!(uri.to_string(), after, "{before}");
        }
    }
}
