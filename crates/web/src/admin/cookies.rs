//! The two cookies of a tenant's site: who is signed in, and which visitor a form was made for.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use axum::response::Response;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};

use crate::auth::Token;
use crate::http::{Origin, Scheme};

/// As long as the seed's sessions.
const DAYS: i64 = 14;

/// The cookies' names and attributes for one origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookies {
    session: &'static str,
    visitor: &'static str,
    secure: bool,
}

impl Cookies {
    /// Over https with the `__Host-` prefix, which no sibling host can set. Over http only where `plain` allows it.
    pub(super) fn for_origin(origin: &Origin, plain: bool) -> Option<Self> {
        match origin.scheme {
            Scheme::Https => {
                Some(Self { session: "__Host-sessionid", visitor: "__Host-csrftoken", secure: true })
            }
            Scheme::Http if plain => Some(Self { session: "sessionid", visitor: "csrftoken", secure: false }),
            Scheme::Http => None,
        }
    }

    /// Whether they go over the wire in the clear.
    pub(super) fn are_plain(self) -> bool {
        !self.secure
    }

    pub(super) fn session(self, headers: &HeaderMap) -> Option<Token> {
        find(headers, self.session)
    }

    pub(super) fn visitor(self, headers: &HeaderMap) -> Option<Token> {
        find(headers, self.visitor)
    }

    pub(super) fn set_session(self, response: &mut Response, token: &Token) {
        self.set(response, self.session, &token.reveal(), Duration::days(DAYS));
    }

    pub(super) fn set_visitor(self, response: &mut Response, token: &Token) {
        self.set(response, self.visitor, &token.reveal(), Duration::days(DAYS));
    }

    pub(super) fn clear_session(self, response: &mut Response) {
        self.set(response, self.session, "", Duration::ZERO);
    }

    fn set(self, response: &mut Response, name: &'static str, value: &str, age: Duration) {
        let cookie = Cookie::build((name, value))
            .path("/")
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(age)
            .build();
        // A token is letters, digits, - and _: always a header's value.
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

/// The one cookie of this name. Two are a sign that someone planted one: then there is none.
fn find(headers: &HeaderMap, name: &str) -> Option<Token> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = texts.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == name);
    let first = found.next()?;
    if found.next().is_some() {
        return None;
    }
    first.value().parse().ok()
}
