//! How a setting's text becomes a value, and a value a text again.

use std::path::PathBuf;

use axum::http::HeaderName;
use tenantry_core::{HostError, HostName, HostPatternError};
use tenantry_db::PostgresUrlError;
use tenantry_web::http::{PathPrefixError, TrustedProxiesError};
use tracing::level_filters::LevelFilter;

use super::Secret;

/// A type that a setting may have.
pub trait Value: Sized {
    /// What may be written, for the reference page.
    const KIND: &'static str;
    /// Whether the value must never be shown.
    const SECRET: bool = false;

    /// Parses what the operator wrote.
    ///
    /// # Errors
    /// Raised when the text is not what [`Value::KIND`] says.
    fn parse(text: &str) -> Result<Self, ValueError>;

    /// The value of a setting that nobody set, for the types that have one.
    #[must_use]
    fn unset() -> Option<Self> {
        None
    }

    /// The value in its canonical form, as `check --config` shows it.
    fn show(&self) -> String;
}

/// Raised when a setting's text is not a value of its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Not UTF-8.
    #[error("must be UTF-8 text")]
    NotUnicode,
    /// Not one of a few words.
    #[error("must be {0}")]
    Choice(&'static str),
    /// Not a whole number above 0.
    #[error("must be a whole number above 0")]
    Count,
    /// Not a whole number.
    #[error("must be a whole number from 0 to {}", u32::MAX)]
    Number,
    /// Not a length of time.
    #[error("must be a length of time such as 30s, 500ms or 2m")]
    Duration,
    /// Not a number of bytes.
    #[error("must be a number of bytes such as 500000, 64KiB or 2MiB")]
    Size,
    /// Not a host name.
    #[error("{item:?} is not a host name: {source}")]
    Host {
        /// The one of the list that is wrong.
        item: String,
        /// What is wrong with it.
        source: HostError,
    },
    /// Neither a host name nor a pattern.
    #[error(transparent)]
    HostPattern(#[from] HostPatternError),
    /// Not an address with a port.
    #[error("must be ADDRESS:PORT, such as 127.0.0.1:8000, or a port alone")]
    Listen,
    /// Neither an address nor a network.
    #[error(transparent)]
    Proxies(#[from] TrustedProxiesError),
    /// Not the name of an HTTP header.
    #[error("must be the name of an HTTP header, such as X-Tenant")]
    Header,
    /// Not the beginning of a path.
    #[error(transparent)]
    PathPrefix(#[from] PathPrefixError),
    /// A PostgreSQL URL where only a file will do.
    #[error("must be the path of a SQLite file: PostgreSQL is for tenants' data alone so far")]
    Postgres,
    /// A PostgreSQL URL that is wrong.
    #[error(transparent)]
    PostgresUrl(PostgresUrlError),
    /// Another URL.
    #[error("must be a path or a URL of PostgreSQL's, postgres://USER@HOST:PORT/DATABASE")]
    Url,
    /// A file with secrets that others can read.
    #[error("others can read it: chmod 600")]
    Exposed,
    /// A file that it names can't be read.
    #[error("can't be read: {0}")]
    Unreadable(String),
    /// A folder where a file is needed.
    #[error("is a folder, but a file is needed")]
    Folder,
    /// The part of a `DB_<ALIAS>` after the underscore is no alias.
    #[error("names no database: after DB_ come 1 to 40 letters, digits and underscores, a letter first")]
    Alias,
    /// Two names that differ only in case.
    #[error("names the same database as {0}")]
    SameAlias(String),
}

/// django-environ's rule: a number is true unless it is 0, a few words are true, all else is false.
impl Value for bool {
    const KIND: &'static str = "true (also on, ok, y, yes, 1) or false (anything else)";

    fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim().to_lowercase();
        Ok(match text.parse::<i64>() {
            Ok(number) => number != 0,
            Err(_) => matches!(text.as_str(), "true" | "on" | "ok" | "y" | "yes"),
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for Secret {
    const KIND: &'static str = "text";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, ValueError> {
        Ok(Self::new(text.to_owned()))
    }

    fn show(&self) -> String {
        "set".to_owned()
    }
}

impl Value for PathBuf {
    const KIND: &'static str = "path";

    fn parse(text: &str) -> Result<Self, ValueError> {
        if text.contains("://") { Err(ValueError::Url) } else { Ok(text.into()) }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Value for HostName {
    const KIND: &'static str = "host name";

    fn parse(text: &str) -> Result<Self, ValueError> {
        let item = text.trim();
        item.parse().map_err(|source| ValueError::Host { item: item.to_owned(), source })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for HeaderName {
    const KIND: &'static str = "header name";

    fn parse(text: &str) -> Result<Self, ValueError> {
        text.trim().parse().map_err(|_| ValueError::Header)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for LevelFilter {
    const KIND: &'static str = "off, error, warn, info, debug or trace";

    fn parse(text: &str) -> Result<Self, ValueError> {
        text.trim().parse().map_err(|_| ValueError::Choice(Self::KIND))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: &'static str = T::KIND;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, ValueError> {
        T::parse(text).map(Some)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

/// The parts between commas, without the spaces around them and without empty ones.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bool_is_what_django_environ_makes_of_it() {
        for text in ["True", "TRUE", " true ", "on", "ok", "y", "Yes", "1", "2", "-1", "+1", " 1 "] {
            assert_eq!(bool::parse(text), Ok(true), "{text:?}");
        }
        for text in ["0", "00", "false", "False", "off", "no", "n", "nope", "t", "truthy", "1.0", ""] {
            assert_eq!(bool::parse(text), Ok(false), "{text:?}");
        }
    }

    #[test]
    fn levels_headers_and_paths_refuse_what_they_are_not() {
        assert_eq!(LevelFilter::parse("debug"), Ok(LevelFilter::DEBUG));
        assert!(LevelFilter::parse("loud").is_err());
        assert_eq!(HeaderName::parse("X-Tenant").map(|name| name.show()), Ok("x-tenant".to_owned()));
        assert_eq!(HeaderName::parse("X Tenant"), Err(ValueError::Header));
        assert_eq!(PathBuf::parse("file:///tmp"), Err(ValueError::Url));
    }
}
