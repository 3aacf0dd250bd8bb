//! The admin's pages.

use askama::Template;
use axum::response::Html;
use jiff::Timestamp;

use crate::auth::session::SignedIn;
use crate::http::Origin;

/// The sign-in form.
#[derive(Template)]
#[template(path = "login.html")]
pub(super) struct Login<'a> {
    /// The tenant's name.
    pub(super) tenant: &'a str,
    /// What stands in front of the site's paths.
    pub(super) mount: &'a str,
    /// Where to go afterwards.
    pub(super) next: &'a str,
    pub(super) form_token: &'a str,
    /// What was typed before and was refused, or nothing.
    pub(super) username: &'a str,
    /// Whether it was refused.
    pub(super) refused: bool,
    /// Whether the connection is not encrypted.
    pub(super) plain: bool,
}

#[derive(Template)]
#[template(path = "admin.html")]
struct Index<'a> {
    tenant: &'a str,
    signed_in: &'a SignedIn,
    since: String,
    origin: &'a Origin,
    form_token: &'a str,
    mount: &'a str,
}

impl Login<'_> {
    /// The page.
    pub(super) fn page(&self) -> Result<Html<String>, askama::Error> {
        self.render().map(Html)
    }
}

pub(super) fn index(
    tenant: &str,
    signed_in: &SignedIn,
    origin: &Origin,
    form_token: &str,
    mount: &str,
) -> Result<Html<String>, askama::Error> {
    let since = minute(signed_in.session.created);
    Index { tenant, signed_in, since, origin, form_token, mount }.render().map(Html)
}

/// The first letter of a name, for the tile beside it.
fn initial(name: &str) -> String {
    name.chars().next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default()
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
