//! The rule against requests that another site makes in a signed-in person's browser.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderName};

use super::Origin;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a request's headers show of the page that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// A page of this very origin, or the person's own hand (an address typed, a bookmark).
    SameOrigin,
    /// A page of another origin. A sibling subdomain is one too, since it may be another tenant's.
    CrossSite,
    /// The browser says nothing: the form's token decides.
    Silent,
}

/// Raised when a change that a cookie vouches for may come from another site's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrossSite {
    /// The browser says so.
    #[error("the request comes from a page of another origin")]
    OtherOrigin,
    /// The browser says nothing, and the form's token is missing or not right.
    #[error("the request has neither a Sec-Fetch-Site nor an Origin header, and its form token is not right")]
    Token,
}

/// What `headers` show of the page that made the request to `own`.
///
/// `Sec-Fetch-Site` decides where it is; else `Origin`, which must match in scheme, host and port. A header that is
/// there twice, or holds anything unknown, is taken for the worst.
#[must_use]
pub fn evidence(headers: &HeaderMap, own: &Origin) -> Evidence {
    let verdict = |same| if same { Evidence::SameOrigin } else { Evidence::CrossSite };
    if let Some(site) = single(headers, &SEC_FETCH_SITE) {
        return verdict(matches!(site, Some("same-origin" | "none")));
    }
    match single(headers, &ORIGIN) {
        Some(origin) => verdict(origin.and_then(Origin::parse).as_ref() == Some(own)),
        None => Evidence::Silent,
    }
}

/// Refuses a change (or a sign-in) that a page of another origin may have made.
///
/// For requests that a cookie vouches for, and for the sign-in itself. A request that brings Basic credentials or a
/// token of its own is exempt, and not to be asked about here: no other site's page can add those.
/// `token_is_right` is asked only when the browser says nothing of the page; it checks the form's token, which is
/// bound to the tenant.
///
/// # Errors
/// Raised when the headers show another origin, and when they show none and the token is not right.
pub fn same_origin(
    headers: &HeaderMap,
    own: &Origin,
    token_is_right: impl FnOnce() -> bool,
) -> Result<(), CrossSite> {
    match evidence(headers, own) {
        Evidence::SameOrigin => Ok(()),
        Evidence::CrossSite => Err(CrossSite::OtherOrigin),
        Evidence::Silent if token_is_right() => Ok(()),
        Evidence::Silent => Err(CrossSite::Token),
    }
}

/// `None`: not there. `Some(None)`: there, and unreadable or more than once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(if values.next().is_some() { None } else { first.to_str().ok() })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::http::Scheme;

    const SITES: [Option<&str>; 7] = [
        None,
        Some("same-origin"),
        Some("none"),
        Some("same-site"),
        Some("cross-site"),
        Some("Same-Origin"),
        Some(""),
    ];
    const OTHER_ORIGINS: [&str; 9] = [
        "http://acme.example",
        "https://acme.example:8443",
        "https://globex.example",
        "https://evil.acme.example",
        "https://acme.example.evil.example",
        "https://user@acme.example",
        "https://acme.example/",
        "null",
        "",
    ];

    fn own() -> Origin {
        Origin { scheme: Scheme::Https, host: "acme.example".parse().unwrap(), port: 443 }
    }

    fn headers(site: Option<&str>, origin: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [(SEC_FETCH_SITE, site), (ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        headers
    }

    #[test]
    fn every_combination_of_the_two_headers_and_the_token_is_decided() {
        let own_origin = Some("https://acme.example");
        let mut origins = vec![None, own_origin, Some("https://ACME.example:443")];
        origins.extend(OTHER_ORIGINS.map(Some));
        for site in SITES {
            for (place, origin) in origins.iter().enumerate() {
                let expected = match (site, place) {
                    (Some("same-origin" | "none"), _) => Evidence::SameOrigin,
                    (Some(_), _) => Evidence::CrossSite,
                    (None, 0) => Evidence::Silent,
                    (None, 1 | 2) => Evidence::SameOrigin,
                    (None, _) => Evidence::CrossSite,
                };
                let headers = headers(site, *origin);
                assert_eq!(evidence(&headers, &own()), expected, "{site:?} {origin:?}");
                for token in [true, false] {
                    let allowed = same_origin(&headers, &own(), || token).is_ok();
                    let right = match expected {
                        Evidence::SameOrigin => true,
                        Evidence::CrossSite => false,
                        Evidence::Silent => token,
                    };
                    assert_eq!(allowed, right, "{site:?} {origin:?} token {token}");
                }
            }
        }
    }

    #[test]
    fn a_header_that_is_there_twice_is_taken_for_the_worst() {
        let mut twice = headers(Some("same-origin"), None);
        twice.append(SEC_FETCH_SITE, HeaderValue::from_static("same-origin"));
        assert_eq!(evidence(&twice, &own()), Evidence::CrossSite);
        let mut twice = headers(None, Some("https://acme.example"));
        twice.append(ORIGIN, HeaderValue::from_static("https://acme.example"));
        assert_eq!(evidence(&twice, &own()), Evidence::CrossSite);
    }

    #[test]
    fn the_token_is_not_even_looked_at_when_the_browser_has_spoken() {
        for site in ["same-origin", "cross-site"] {
            let mut asked = false;
            let _ = same_origin(&headers(Some(site), None), &own(), || {
                asked = true;
                true
            });
            assert!(!asked, "{site}");
        }
    }
}
