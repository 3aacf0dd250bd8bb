//! The cookies of a tenant's site: who is signed in, which visitor a form was made for, what the next page is to say, and
//! whether it is light or dark.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use axum::response::Response;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};

use crate::auth::Token;
use crate::http::{Origin, Scheme};

/// As long as the seed's sessions.
const DAYS: i64 = 14;

/// What Django calls its cookie, over https too.
const DJANGO_SESSION: &str = "sessionid";

/// How long a word on what was done waits for the page that says it.
const SAID: Duration = Duration::minutes(2);

/// How long a choice of light or dark is kept.
const THEME_DAYS: i64 = 365;

/// The cookies' names and attributes for one origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cookies {
    session: &'static str,
    visitor: &'static str,
    said: &'static str,
    theme: &'static str,
    secure: bool,
}

/// Light or dark, as someone has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the device says.
    #[default]
    Device,
    Light,
    Dark,
}

impl Theme {
    /// The choice of that name; as the device says where there is none.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Device,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Cookies {
    /// Over https with the `__Host-` prefix, which no sibling host can set. Over http only where `plain` allows it.
    pub(super) fn for_origin(origin: &Origin, plain: bool) -> Option<Self> {
        match origin.scheme {
            Scheme::Https => Some(Self {
                session: "__Host-sessionid",
                visitor: "__Host-csrftoken",
                said: "__Host-messages",
                theme: "__Host-theme",
                secure: true,
            }),
            Scheme::Http if plain => Some(Self {
                session: DJANGO_SESSION,
                visitor: "csrftoken",
                said: "messages",
                theme: "theme",
                secure: false,
            }),
            Scheme::Http => None,
        }
    }

    /// Whether they go over the wire in the clear.
    pub(super) fn are_plain(self) -> bool {
        !self.secure
    }

    pub(super) fn session(self, headers: &HeaderMap) -> Option<Token> {
        find(headers, self.session)?.parse().ok()
    }

    pub(super) fn visitor(self, headers: &HeaderMap) -> Option<Token> {
        find(headers, self.visitor)?.parse().ok()
    }

    pub(super) fn said(self, headers: &HeaderMap) -> Option<String> {
        find(headers, self.said)
    }

    pub(super) fn theme(self, headers: &HeaderMap) -> Theme {
        find(headers, self.theme).map_or(Theme::Device, |name| Theme::named(&name))
    }

    /// The key of a session that Django began, which has another form than a token.
    pub(super) fn of_django(headers: &HeaderMap) -> Option<String> {
        find(headers, DJANGO_SESSION)
    }

    /// Puts a session in the place of one that Django began.
    pub(super) fn replace_djangos(self, response: &mut Response, token: &Token) {
        if self.session != DJANGO_SESSION {
            self.set(response, DJANGO_SESSION, "", Duration::ZERO);
        }
        self.set_session(response, token);
    }

    pub(super) fn set_session(self, response: &mut Response, token: &Token) {
        self.set(response, self.session, &token.reveal(), Duration::days(DAYS));
    }

    pub(super) fn set_visitor(self, response: &mut Response, token: &Token) {
        self.set(response, self.visitor, &token.reveal(), Duration::days(DAYS));
    }

    /// Keeps sealed words for the next page.
    pub(super) fn set_said(self, response: &mut Response, sealed: &str) {
        self.set(response, self.said, sealed, SAID);
    }

    pub(super) fn clear_said(self, response: &mut Response) {
        self.set(response, self.said, "", Duration::ZERO);
    }

    pub(super) fn set_theme(self, response: &mut Response, theme: Theme) {
        self.set(response, self.theme, theme.name(), Duration::days(THEME_DAYS));
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
        // A token, a sealed text and a name are letters, digits, - and _: always a header's value.
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}

/// The one cookie of this name. Two are a sign that someone planted one: then there is none.
fn find(headers: &HeaderMap, name: &str) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = texts.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == name);
    let first = found.next()?;
    if found.next().is_some() {
        return None;
    }
    Some(first.value().to_owned())
}
