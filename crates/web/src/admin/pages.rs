//! The sign-in page.

use std::time::Duration;

use askama::Template;
use axum::response::Html;

use super::cookies::Theme;
use crate::auth::Throttled;

/// Django's own words.
const REFUSED: &str = "Please enter the correct username and password for a staff account. Note that both fields may be \
                       case-sensitive.";

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
    /// What became of the attempt before.
    pub(super) outcome: Outcome<'a>,
    /// Whether the connection is not encrypted.
    pub(super) plain: bool,
    /// Light or dark.
    pub(super) theme: Theme,
}

/// What became of an attempt to sign in that let nobody in.
#[derive(Debug)]
pub(super) enum Outcome<'a> {
    /// Nobody has tried.
    NotTried,
    /// The name, which is told again, or the password was wrong.
    Refused(&'a str),
    /// It was not tried, since that has failed too often.
    Throttled(Throttled),
}

impl Outcome<'_> {
    /// What was typed before, or nothing.
    fn username(&self) -> &str {
        match self {
            Self::Refused(username) => username,
            Self::NotTried | Self::Throttled(_) => "",
        }
    }

    /// What is said of it.
    fn sentence(&self) -> Option<String> {
        match self {
            Self::NotTried => None,
            Self::Refused(_) => Some(REFUSED.to_owned()),
            Self::Throttled(throttled) => Some(throttled_sentence("Logging in", *throttled)),
        }
    }
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

/// That something has failed too often, and when it may be tried again.
pub(super) fn throttled_sentence(what: &str, Throttled { wait }: Throttled) -> String {
    format!("{what} has failed too often. Try again in {}.", in_words(wait))
}

/// A time to wait, in words.
fn in_words(wait: Duration) -> String {
    match wait.as_secs() {
        ..=1 => "1 second".to_owned(),
        seconds @ 2..=90 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}
