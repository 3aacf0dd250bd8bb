//! The origin that a request was sent to, and the one that an `Origin` header names.

use std::fmt;

use tenantry_core::HostName;

/// How the client reached the server (or the trusted proxy in front of it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// Scheme, host and port: what browsers hold apart as an origin. In a request's extensions it is its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// How the client reached the server.
    pub scheme: Scheme,
    /// The canonical host.
    pub host: HostName,
    /// The port, also where it is the scheme's own and not written.
    pub port: u16,
}

impl Scheme {
    /// The scheme's name in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(text))
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// The origin of `host`, where `authority` (a Host header that `host` was read from) may name a port.
    pub(super) fn of_authority(scheme: Scheme, host: HostName, authority: &str) -> Self {
        let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Self { scheme, host, port: port.unwrap_or_else(|| scheme.default_port()) }
    }

    /// The origin in an `Origin` header: `https://acme.example:8443`. `null` and everything else is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let host = HostName::from_authority(authority.as_bytes()).ok()?;
        Some(Self::of_authority(Scheme::parse(scheme)?, host, authority))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_with_its_port_and_written_without_the_usual_one() {
        for (text, written) in [
            ("https://acme.example", Some("https://acme.example")),
            ("https://acme.example:443", Some("https://acme.example")),
            ("http://ACME.example:80", Some("http://acme.example")),
            ("http://acme.example:8000", Some("http://acme.example:8000")),
            ("http://[::1]", Some("http://[::1]")),
            ("http://[::1]:8000", Some("http://[::1]:8000")),
            ("null", None),
            ("", None),
            ("acme.example", None),
            ("ftp://acme.example", None),
            ("https://acme.example/", None),
            ("https://user@acme.example", None),
        ] {
            assert_eq!(Origin::parse(text).map(|origin| origin.to_string()).as_deref(), written, "{text}");
        }
    }
}
