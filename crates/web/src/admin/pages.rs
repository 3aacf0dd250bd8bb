//! The sign-in page.

use askama::Template;
use axum::response::Html;

use super::cookies::Theme;

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
    /// Light or dark.
    pub(super) theme: Theme,
}

impl Login<'_> {
    /// The page.
    pub(super) fn page(&self) -> Result<Html<String>, askama::Error> {
        self.render().map(Html)
    }
}

/// The first letter of a name, for the tile beside it.
pub(super) fn initial(name: &str) -> String {
    name.chars().next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default()
}
