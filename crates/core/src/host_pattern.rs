//! A pattern of `ALLOWED_HOSTS`: which hosts the server answers for at all.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::{HostError, HostName};

/// One entry of `ALLOWED_HOSTS`, as Django reads it.
///
/// ```
/// use tenantry_core::{HostName, HostPattern};
///
/// let pattern: HostPattern = ".tenants.example".parse()?;
/// assert!(pattern.matches(&"tenants.example".parse::<HostName>()?));
/// assert!(pattern.matches(&"acme.tenants.example".parse::<HostName>()?));
/// assert!(!pattern.matches(&"eviltenants.example".parse::<HostName>()?));
/// assert!("*.tenants.example".parse::<HostPattern>().is_err(), "a star stands alone");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `*`: every host.
    Any,
    /// `acme.example`, `127.0.0.1` or `[::1]`: this host alone.
    Exact(HostName),
    /// `.acme.example`: this host and every one below it.
    Tree(HostName),
}

/// Raised when a text is not a pattern of `ALLOWED_HOSTS`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// A star as a part of a name.
    #[error(
        "{0:?} is not an allowed host: a star stands alone, and the hosts below a name are written \".name\""
    )]
    Star(String),
    /// The name in the pattern is wrong.
    #[error("{text:?} is not an allowed host: {cause}")]
    Host {
        /// The pattern.
        text: String,
        /// What is wrong with the name in it.
        cause: HostError,
    },
}

impl HostPattern {
    /// What a blank `ALLOWED_HOSTS` means under `DEBUG`: `.localhost`, `127.0.0.1` and `[::1]`.
    #[must_use]
    pub fn this_machine() -> [Self; 3] {
        [
            Self::Tree(HostName::localhost()),
            Self::Exact(Ipv4Addr::LOCALHOST.into()),
            Self::Exact(Ipv6Addr::LOCALHOST.into()),
        ]
    }

    /// Whether the server answers for `host`.
    #[must_use]
    pub fn matches(&self, host: &HostName) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => host == name,
            Self::Tree(base) => host == base || host.is_subdomain_of(base),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    /// # Errors
    /// Raised when `text` is neither `*`, nor a domain after a dot, nor a host name or an IP address; a port belongs
    /// to none of them.
    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let parsed = match text.strip_prefix('.') {
            Some(base) => base.parse().map(Self::Tree),
            None => HostName::without_port(text).map(Self::Exact),
        };
        parsed.map_err(|cause| match text.contains('*') {
            true => HostPatternError::Star(text.to_owned()),
            false => HostPatternError::Host { text: text.to_owned(), cause },
        })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(name) => name.fmt(f),
            Self::Tree(base) => write!(f, ".{base}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pattern, hosts that match, hosts that don't.
    const TABLE: [(&str, &[&str], &[&str]); 7] = [
        ("*", &["acme.example", "localhost", "127.0.0.1", "[::1]"], &[]),
        ("acme.example", &["acme.example", "ACME.Example.:8000"], &["www.acme.example", "acme.example.evil"]),
        ("ACME.Example.", &["acme.example"], &["www.acme.example"]),
        (
            ".acme.example",
            &["acme.example", "www.acme.example", "a.b.acme.example"],
            &["evilacme.example", "example", "acme.example.evil", "acme.exampl"],
        ),
        ("127.0.0.1", &["127.0.0.1", "127.0.0.1:8000"], &["127.0.0.2", "localhost"]),
        ("[0:0:0:0:0:0:0:1]", &["[::1]", "[::1]:8000"], &["[::2]", "127.0.0.1"]),
        (".localhost", &["localhost", "acme.localhost"], &["notlocalhost", "localhost.evil.example"]),
    ];

    fn host(text: &str) -> HostName {
        HostName::from_authority(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_pattern_matches_its_hosts_and_no_others() {
        for (text, matching, others) in TABLE {
            let pattern: HostPattern = text.parse().unwrap();
            for name in matching {
                assert!(pattern.matches(&host(name)), "{text} {name}");
            }
            for name in others {
                assert!(!pattern.matches(&host(name)), "{text} {name}");
            }
        }
    }

    #[test]
    fn a_pattern_reads_back_as_it_was_written() {
        for text in ["*", "acme.example", ".acme.example", "127.0.0.1", "[::1]"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn this_machine_is_what_django_takes_for_it() {
        let patterns = HostPattern::this_machine();
        assert_eq!(patterns, [".localhost", "127.0.0.1", "[::1]"].map(|text| text.parse().unwrap()));
        for other in ["0.0.0.0", "127.0.0.2", "[::]", "localhost.example", "acme.example"] {
            assert!(!patterns.iter().any(|pattern| pattern.matches(&host(other))), "{other}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_says_why() {
        let message = |text: &str| text.parse::<HostPattern>().unwrap_err().to_string();
        assert_eq!(
            message("*.acme.example"),
            "\"*.acme.example\" is not an allowed host: a star stands alone, and the hosts below a name are written \".name\""
        );
        assert_eq!(
            message("acme.example:8000"),
            "\"acme.example:8000\" is not an allowed host: a domain is given without a port"
        );
        for text in [
            "",
            ".",
            "..acme.example",
            ".127.0.0.1",
            ".[::1]",
            "::1",
            "**",
            ".*",
            "http://acme.example",
            " *",
        ] {
            assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
        }
    }
}
