//! Which host a request names: parsed once, before anything else looks at it, and refused unless it is ours.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request};
use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tenantry_core::{HostError, HostName, HostPattern};
use tower::{Layer, Service};

use super::error::{Help, Refusal};
use super::layered::{Answer, Around, Layered};
use super::{Origin, Scheme, TrustedProxies};

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Which hosts the server answers for, and whose word it takes for a request's host.
#[derive(Clone, Debug, Default)]
pub struct HostRules {
    /// `ALLOWED_HOSTS`. A host that fits none of them, and is no tenant's domain, gets 400. Blank with `debug` means
    /// the names of this machine.
    pub allowed: Vec<HostPattern>,
    /// `BASE_DOMAIN`: it and all hosts below it are allowed.
    pub base_domain: Option<HostName>,
    /// Who may say by `X-Forwarded-Host`, `-Proto` and `-For` what the client's request was. They must set or remove
    /// these headers, whatever the client sent.
    pub proxies: TrustedProxies,
    /// Whether a refusal explains itself to the client.
    pub debug: bool,
}

impl HostRules {
    fn allow(&self, host: &HostName) -> bool {
        let below_base =
            self.base_domain.as_ref().is_some_and(|base| host == base || host.is_subdomain_of(base));
        let this_machine = self.debug && self.allowed.is_empty();
        below_base
            || self.allowed.iter().any(|pattern| pattern.matches(host))
            || (this_machine && HostPattern::this_machine().iter().any(|pattern| pattern.matches(host)))
    }
}

/// The address that a request came from, seen past the trusted proxies. In the extensions of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Puts a request's [`HostName`], [`Origin`] and [`ClientAddress`] into its extensions, or answers 400.
///
/// Where it was https, the response's extensions get the origin too, for a layer further out.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use tenantry_core::HostName;
/// use tenantry_web::http::{HostLayer, HostRules};
///
/// let rules = HostRules { allowed: vec![".example.com".parse()?], ..HostRules::default() };
/// let app: Router = Router::new()
///     .route("/", get(async |Extension(host): Extension<HostName>| host.to_string()))
///     .layer(HostLayer::new(rules));
/// # Ok::<(), tenantry_core::HostPatternError>(())
/// ```
#[derive(Clone)]
pub struct HostLayer {
    rules: Arc<HostRules>,
    registered: Registered,
}

type Registered = Arc<dyn Fn(&HostName) -> bool + Send + Sync>;

/// Raised when a request does not say in one way what was asked for; only the log and `DEBUG` see it.
#[derive(Debug, thiserror::Error)]
enum BadHost {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("the host {0} is no tenant's domain and not in ALLOWED_HOSTS")]
    NotAllowed(HostName),
    #[error("the proxy sent {0} more than once, or in no known form")]
    Forwarded(HeaderName),
}

impl BadHost {
    fn help(&self) -> Help {
        let remedy = match self {
            Self::NotAllowed(host) if !host.is_address() => {
                Some(("Add it there, or let it lead to a tenant:", format!("tenant domain add SLUG {host}")))
            }
            _ => None,
        };
        Help { reason: self.to_string(), remedy, addresses: Vec::new() }
    }
}

impl HostLayer {
    /// The layer that lets in what `rules` allow.
    #[must_use]
    pub fn new(rules: HostRules) -> Self {
        Self { rules: Arc::new(rules), registered: Arc::new(|_| false) }
    }

    /// Lets in, too, each host for which `registered` is true: a tenant's domain is allowed by itself.
    #[must_use]
    pub fn also(self, registered: impl Fn(&HostName) -> bool + Send + Sync + 'static) -> Self {
        Self { registered: Arc::new(registered), ..self }
    }

    fn admit(&self, request: &mut Request) -> Result<Origin, BadHost> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let proxied = peer.is_some_and(|peer| self.rules.proxies.contains(peer));
        let (host, authority) = host_of(request, proxied)?;
        if !self.rules.allow(&host) && !(self.registered)(&host) {
            return Err(BadHost::NotAllowed(host));
        }
        let scheme = scheme_of(request.headers(), proxied)?;
        let origin = Origin::of_authority(scheme, host.clone(), authority);
        if let Some(peer) = peer {
            let client = client_of(request.headers(), peer, &self.rules.proxies);
            request.extensions_mut().insert(ClientAddress(client));
        }
        request.extensions_mut().insert(host);
        request.extensions_mut().insert(origin.clone());
        Ok(origin)
    }

    fn refuse(&self, error: BadHost) -> Response {
        let help = self.rules.debug.then(|| error.help());
        let refusal = Refusal::caused_by(StatusCode::BAD_REQUEST, error);
        match help {
            Some(help) => refusal.help(help).into_response(),
            None => refusal.into_response(),
        }
    }
}

/// The host that the request is for, with the text that it was read from (its port is of use).
fn host_of(request: &Request, proxied: bool) -> Result<(HostName, &str), BadHost> {
    let headers = request.headers();
    let target = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let host = HostName::of_request(target, headers.get_all(HOST).iter().map(HeaderValue::as_bytes))?;
    let forwarded = if proxied { only(headers, FORWARDED_HOST)? } else { None };
    match forwarded {
        Some(forwarded) => Ok((HostName::from_authority(forwarded.as_bytes())?, forwarded)),
        None => {
            let header = headers.get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
            Ok((host, header))
        }
    }
}

fn scheme_of(headers: &HeaderMap, proxied: bool) -> Result<Scheme, BadHost> {
    let forwarded = if proxied { only(headers, FORWARDED_PROTO)? } else { None };
    match forwarded {
        None => Ok(Scheme::Http),
        Some(text) => Scheme::parse(text).ok_or(BadHost::Forwarded(FORWARDED_PROTO)),
    }
}

/// The one value of a header that may be there once.
fn only(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, BadHost> {
    let mut values = headers.get_all(&name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| BadHost::Forwarded(name)),
        (Some(_), Some(_)) => Err(BadHost::Forwarded(name)),
    }
}

/// The nearest address that is no trusted proxy's, read from the end that the nearest proxy wrote.
fn client_of(headers: &HeaderMap, peer: IpAddr, proxies: &TrustedProxies) -> IpAddr {
    let mut client = peer;
    let values = headers.get_all(FORWARDED_FOR).iter().rev().filter_map(|value| value.to_str().ok());
    for entry in values.flat_map(|value| value.rsplit(',')) {
        if !proxies.contains(client) {
            break;
        }
        let Ok(address) = entry.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

impl<S> Layer<S> for HostLayer {
    type Service = Layered<S, Self>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered::new(inner, self.clone())
    }
}

impl<S: Service<Request, Response = Response>> Around<S> for HostLayer {
    type Future = Answer<S::Future, Origin>;

    fn answer(&self, inner: &mut S, mut request: Request) -> Self::Future {
        match self.admit(&mut request) {
            Ok(origin) => Answer::of(inner.call(request), origin, |origin, mut response| {
                if origin.scheme == Scheme::Https {
                    response.extensions_mut().insert(origin);
                }
                response
            }),
            Err(error) => Answer::there(self.refuse(error)),
        }
    }
}

impl fmt::Debug for HostLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostLayer").field("rules", &self.rules).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(allowed: &str, debug: bool) -> HostLayer {
        let allowed = allowed.split(',').filter(|part| !part.is_empty());
        let rules = HostRules {
            allowed: allowed.map(|part| part.parse().unwrap()).collect(),
            base_domain: Some("base.example".parse().unwrap()),
            proxies: "10.0.0.0/8".parse().unwrap(),
            debug,
        };
        HostLayer::new(rules).also(|host| host.as_str() == "acme.example")
    }

    fn request(peer: &str, headers: &[(&'static str, &str)]) -> Request {
        let mut request = Request::builder().uri("/").body(axum::body::Body::empty()).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
        }
        let peer: SocketAddr = format!("{peer}:1").parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    }

    fn origin(layer: &HostLayer, peer: &str, headers: &[(&'static str, &str)]) -> Option<String> {
        layer.admit(&mut request(peer, headers)).ok().map(|origin| origin.to_string())
    }

    #[test]
    fn a_host_is_let_in_when_it_is_registered_listed_or_below_the_base_domain() {
        let strict = layer("listed.example,.tree.example", false);
        let debug = layer("", true);
        for (host, in_strict, in_debug) in [
            ("acme.example", true, true),
            ("ACME.Example.:8000", true, true),
            ("base.example", true, true),
            ("new.base.example", true, true),
            ("listed.example", true, false),
            ("a.tree.example", true, false),
            ("evil.example", false, false),
            ("www.acme.example", false, false),
            ("localhost", false, true),
            ("acme.localhost", false, true),
            ("127.0.0.1", false, true),
            ("a b", false, false),
            ("user@acme.example", false, false),
        ] {
            assert_eq!(origin(&strict, "192.0.2.1", &[("host", host)]).is_some(), in_strict, "{host}");
            assert_eq!(origin(&debug, "192.0.2.1", &[("host", host)]).is_some(), in_debug, "{host} in debug");
        }
        assert_eq!(origin(&strict, "192.0.2.1", &[]), None, "no host at all");
        let twice = [("host", "acme.example"), ("host", "acme.example")];
        assert_eq!(origin(&strict, "192.0.2.1", &twice), None, "two hosts");
    }

    #[test]
    fn forwarded_headers_count_only_from_a_proxy() {
        let layer = layer("", false);
        let forwarded = [
            ("host", "acme.example:8000"),
            ("x-forwarded-host", "new.base.example"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(origin(&layer, "10.0.0.1", &forwarded).as_deref(), Some("https://new.base.example"));
        assert_eq!(origin(&layer, "192.0.2.1", &forwarded).as_deref(), Some("http://acme.example:8000"));
        for bad in [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-host", "acme.example, new.base.example"),
            ("x-forwarded-proto", "gopher"),
            ("x-forwarded-proto", "https, http"),
        ] {
            assert_eq!(origin(&layer, "10.0.0.1", &[("host", "acme.example"), bad]), None, "{bad:?}");
        }
        let twice = [("host", "acme.example"), ("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")];
        assert_eq!(origin(&layer, "10.0.0.1", &twice), None, "two schemes");
        let hosts = [("host", "acme.example:8000"), ("x-forwarded-host", "a"), ("x-forwarded-host", "b")];
        for ignored in [&hosts[..], &[("host", "acme.example:8000"), twice[1], twice[2]]] {
            let seen = origin(&layer, "192.0.2.1", ignored);
            assert_eq!(seen.as_deref(), Some("http://acme.example:8000"), "{ignored:?}");
        }
    }

    #[test]
    fn the_client_is_the_nearest_address_that_no_proxy_has() {
        let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        for (peer, forwarded_for, client) in [
            ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
            ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("10.0.0.1", "nonsense", "10.0.0.1"),
            ("10.0.0.1", "203.0.113.9, nonsense, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "", "10.0.0.1"),
        ] {
            let request = request(peer, &[("x-forwarded-for", forwarded_for)]);
            let found = client_of(request.headers(), peer.parse().unwrap(), &proxies);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded_for}");
        }
    }
}
