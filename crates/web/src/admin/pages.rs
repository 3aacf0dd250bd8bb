//! The admin's pages.

use askama::Template;
use axum::response::Html;

use crate::http::STYLE;

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    tenant: &'a str,
    mount: &'a str,
    next: &'a str,
    form_token: &'a str,
    error: Option<&'a str>,
    warning: bool,
    style: &'a str,
}

#[derive(Template)]
#[template(path = "admin.html")]
struct Index<'a> {
    tenant: &'a str,
    user: &'a str,
    form_token: &'a str,
    mount: &'a str,
    style: &'a str,
}

pub(super) fn login(
    tenant: &str,
    mount: &str,
    next: &str,
    form_token: &str,
    error: Option<&str>,
    warning: bool,
) -> Result<Html<String>, askama::Error> {
    Login { tenant, mount, next, form_token, error, warning, style: STYLE.path }.render().map(Html)
}

pub(super) fn index(
    tenant: &str,
    user: &str,
    form_token: &str,
    mount: &str,
) -> Result<Html<String>, askama::Error> {
    Index { tenant, user, form_token, mount, style: STYLE.path }.render().map(Html)
}

/// Why nobody signs in here over plain http.
pub(super) const NEEDS_HTTPS: &str = "Sign-in needs https: over plain http, others on the way could read passwords and sessions. Put a proxy that speaks \
     https in front and name it in TRUSTED_PROXIES; on one machine alone, listen on 127.0.0.1.";
