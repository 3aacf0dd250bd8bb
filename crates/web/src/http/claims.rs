//! What a request claims about its tenant. Claims, all of them: only the directory makes a tenant of one.

use std::fmt;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};
use tenantry_core::{HostName, Slug, TenantKey};

/// The ways in which a request may name its tenant. The exact domain always counts; the others when they are set.
#[derive(Clone, Debug, Default)]
pub struct Resolvers {
    /// `BASE_DOMAIN`: `SLUG.BASE_DOMAIN` names the tenant with that slug.
    pub base_domain: Option<HostName>,
    /// A path below which the next part is the slug; both are taken off before the routes are looked at.
    pub path_prefix: Option<PathPrefix>,
    /// A header whose value is the slug.
    pub header: Option<HeaderName>,
}

/// The path in front of a slug: `/t` makes `/t/acme/notes` the path `/notes` of the tenant `acme`.
///
/// ```
/// use tenantry_web::http::PathPrefix;
///
/// assert_eq!("/t".parse::<PathPrefix>()?.to_string(), "/t");
/// assert!("t/".parse::<PathPrefix>().is_err());
/// # Ok::<(), tenantry_web::http::PathPrefixError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPrefix(Box<str>);

/// Raised when a text is not a path prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a path prefix: parts of letters, digits, - and _, each with a slash before it, such as /t"
)]
pub struct PathPrefixError(String);

/// All that a request claims.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// What the host may mean; a host that means nothing is no contradiction to another claim.
    pub(super) by_host: Vec<TenantKey>,
    /// What the request says on purpose: each must be right.
    pub(super) by_name: Vec<TenantKey>,
    /// Where the path prefix and the slug end in the request's path.
    pub(super) mount_end: Option<usize>,
}

/// Raised when a request's claim can't be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadClaim {
    #[error("what the request names as its tenant is not a slug")]
    NotASlug,
    #[error("the header that names the tenant is there more than once")]
    Repeated,
    #[error("a path that may name a tenant has a part . or .. in it")]
    Dots,
}

impl Resolvers {
    /// Collects what a request to `host` claims.
    pub(super) fn claims(
        &self,
        host: &HostName,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Claims, BadClaim> {
        let mut claims = Claims { by_host: vec![TenantKey::Domain(host.clone())], ..Claims::default() };
        claims.by_host.extend(self.below_base(host).map(TenantKey::Slug));
        if let Some(name) = &self.header {
            claims.by_name.extend(slug_in_header(headers, name)?.map(TenantKey::Slug));
        }
        // What stands before this server may have resolved them, and seen another tenant's path than this one.
        if self.path_prefix.is_some() && path.split('/').any(is_dots) {
            return Err(BadClaim::Dots);
        }
        if let Some((slug, end)) = self.path_prefix.as_ref().and_then(|prefix| prefix.split(path)) {
            claims.by_name.push(TenantKey::Slug(slug.parse().map_err(|_| BadClaim::NotASlug)?));
            claims.mount_end = Some(end);
        }
        Ok(claims)
    }

    fn below_base(&self, host: &HostName) -> Option<Slug> {
        let base = self.base_domain.as_ref()?;
        host.as_str().strip_suffix(base.as_str())?.strip_suffix('.')?.parse().ok()
    }
}

/// Whether a part of a path is `.` or `..`, which browsers and proxies resolve, also when it is encoded.
fn is_dots(part: &str) -> bool {
    part.len() <= "%2e%2e".len()
        && matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

fn slug_in_header(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Slug>, BadClaim> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(BadClaim::Repeated);
    }
    let slug = value.to_str().ok().and_then(|text| text.parse().ok());
    slug.map(Some).ok_or(BadClaim::NotASlug)
}

impl PathPrefix {
    /// The part after the prefix, and where it ends.
    fn split<'p>(&self, path: &'p str) -> Option<(&'p str, usize)> {
        let rest = path.strip_prefix(&*self.0)?.strip_prefix('/')?;
        let part = rest.split('/').next().unwrap_or_default();
        Some((part, self.0.len() + 1 + part.len()))
    }
}

impl FromStr for PathPrefix {
    type Err = PathPrefixError;

    /// # Errors
    /// Raised when `text` does not start with a slash, ends with one, or holds an empty part or one with anything
    /// but letters, digits, `-` and `_`.
    fn from_str(text: &str) -> Result<Self, PathPrefixError> {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let valid = text.strip_prefix('/').is_some_and(|parts| parts.split('/').all(plain));
        if valid { Ok(Self(text.into())) } else { Err(PathPrefixError(text.chars().take(60).collect())) }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn all() -> Resolvers {
        Resolvers {
            base_domain: Some("base.example".parse().unwrap()),
            path_prefix: Some("/t".parse().unwrap()),
            header: Some(HeaderName::from_static("x-tenant")),
        }
    }

    fn slugs(resolvers: &Resolvers, host: &str, path: &str, tenants: &[&str]) -> Result<String, BadClaim> {
        let mut headers = HeaderMap::new();
        for tenant in tenants {
            headers.append("x-tenant", HeaderValue::from_str(tenant).unwrap());
        }
        let claims = resolvers.claims(&host.parse().unwrap(), path, &headers)?;
        let name = |key: &TenantKey| match key {
            TenantKey::Domain(host) => host.to_string(),
            TenantKey::Slug(slug) => format!("={slug}"),
        };
        let names: Vec<String> = claims.by_host.iter().chain(&claims.by_name).map(name).collect();
        let rest = claims.mount_end.map(|end| format!(" {}", &path[end..]));
        Ok(names.join(" ") + &rest.unwrap_or_default())
    }

    #[test]
    fn only_the_exact_domain_counts_unless_more_is_configured() {
        let none = Resolvers::default();
        let claims = slugs(&none, "acme.base.example", "/t/acme/notes", &["globex"]);
        assert_eq!(claims.as_deref(), Ok("acme.base.example"));
    }

    #[test]
    fn every_configured_way_adds_its_claim() {
        for (host, path, tenants, expected) in [
            ("acme.base.example", "/", &[][..], "acme.base.example =acme"),
            ("base.example", "/", &[], "base.example"),
            ("a.acme.base.example", "/", &[], "a.acme.base.example"),
            ("acmebase.example", "/", &[], "acmebase.example"),
            ("x.base.example", "/", &[], "x.base.example"),
            ("api.example", "/", &["globex"], "api.example =globex"),
            ("api.example", "/t/acme/notes/1", &[], "api.example =acme /notes/1"),
            ("api.example", "/t/acme", &[], "api.example =acme "),
            ("api.example", "/t/acme/", &[], "api.example =acme /"),
            ("api.example", "/tt/acme/", &[], "api.example"),
            ("api.example", "/t", &[], "api.example"),
            ("acme.base.example", "/t/globex/", &["initech"], "acme.base.example =acme =initech =globex /"),
        ] {
            assert_eq!(
                slugs(&all(), host, path, tenants).as_deref(),
                Ok(expected),
                "{host}{path} {tenants:?}"
            );
        }
    }

    #[test]
    fn a_claim_that_can_be_none_is_refused() {
        for (path, tenants, error) in [
            ("/", &["Not A Slug"][..], BadClaim::NotASlug),
            ("/", &[""], BadClaim::NotASlug),
            ("/", &["acme", "acme"], BadClaim::Repeated),
            ("/t//notes", &[], BadClaim::NotASlug),
            ("/t/../notes", &[], BadClaim::Dots),
            ("/t/acme/%2E./notes", &[], BadClaim::Dots),
            ("/t/%61cme/notes", &[], BadClaim::NotASlug),
        ] {
            assert_eq!(slugs(&all(), "api.example", path, tenants), Err(error), "{path} {tenants:?}");
        }
    }

    #[test]
    fn a_path_prefix_is_plain() {
        for text in ["", "/", "t", "/t/", "//t", "/t//u", "/t u", "/{t}", "/%74"] {
            assert!(text.parse::<PathPrefix>().is_err(), "{text}");
        }
        assert!("/a/b-c_9".parse::<PathPrefix>().is_ok());
    }
}
