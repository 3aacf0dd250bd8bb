//! Settings that say who may talk to the server, and where it listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use tenantry_core::{HostName, HostPattern};
use tenantry_web::http::{PathPrefix, TrustedProxies};

use super::value::items;
use super::{Value, ValueError};

/// Where the server listens: an address or a host name, and a port. Port 0 lets the system choose one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: Host,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    Name(HostName),
}

impl Value for Vec<HostPattern> {
    const KIND: &'static str = "comma-separated host names; .example.com includes all below it, * means any";

    fn parse(text: &str) -> Result<Self, ValueError> {
        let pattern = |item: &str| Ok(item.parse::<HostPattern>()?);
        items(text).map(pattern).collect()
    }

    fn unset() -> Option<Self> {
        Some(Self::new())
    }

    fn show(&self) -> String {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

impl Value for TrustedProxies {
    const KIND: &'static str = "comma-separated IP addresses and networks such as 10.0.0.0/8";

    fn parse(text: &str) -> Result<Self, ValueError> {
        Ok(text.parse()?)
    }

    fn unset() -> Option<Self> {
        Some(Self::default())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl ListenAddress {
    /// The address or host name, without the brackets of an IPv6 address.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.host {
            Host::Ip(address) => address.to_string(),
            Host::Name(name) => name.to_string(),
        }
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Ip(address) => address.is_loopback(),
            Host::Name(name) => name.as_str() == "localhost",
        }
    }
}

impl FromStr for ListenAddress {
    type Err = ValueError;

    /// Understands what Django's `runserver` does: `8000`, `0:8000` for every IPv4 address, `127.0.0.1:8000`,
    /// `[::1]:8000`, `localhost:8000`.
    ///
    /// # Errors
    /// Raised when the text is none of these.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (host, port) = text.rsplit_once(':').unwrap_or(("127.0.0.1", text));
        let port = port.parse().map_err(|_| ValueError::Listen)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => Host::Ip(IpAddr::V6(address.parse().map_err(|_| ValueError::Listen)?)),
            None if host == "0" => Host::Ip(Ipv4Addr::UNSPECIFIED.into()),
            None => match host.parse::<Ipv4Addr>() {
                Ok(address) => Host::Ip(address.into()),
                Err(_) if host.contains(':') => return Err(ValueError::Listen),
                Err(_) => Host::Name(host.parse().map_err(|_| ValueError::Listen)?),
            },
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Host::Ip(address) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl Value for ListenAddress {
    const KIND: &'static str = "ADDRESS:PORT, or a port alone";

    fn parse(text: &str) -> Result<Self, ValueError> {
        text.trim().parse()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for PathPrefix {
    const KIND: &'static str = "the beginning of a path, such as /t";

    fn parse(text: &str) -> Result<Self, ValueError> {
        Ok(text.trim().parse()?)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_hosts_match_as_django_matches_them() {
        let patterns = Vec::<HostPattern>::parse("exact.local, .below.local,,").unwrap();
        let allowed = |host: &str| patterns.iter().any(|pattern| pattern.matches(&host.parse().unwrap()));
        for host in ["exact.local", "EXACT.local", "below.local", "a.below.local", "a.b.below.local"] {
            assert!(allowed(host), "{host}");
        }
        for host in ["a.exact.local", "notbelow.local", "local", "below.local.evil.example"] {
            assert!(!allowed(host), "{host}");
        }
        assert!(HostPattern::Any.matches(&"anything.example".parse().unwrap()));
        assert_eq!(patterns.show(), "exact.local,.below.local");
        assert!(Vec::<HostPattern>::parse("good.local,bad host").is_err());
        assert!(Vec::<HostPattern>::parse("*.example.com").is_err());
    }

    #[test]
    fn a_listen_address_reads_as_runserver_reads_it() {
        for (text, shown, loopback) in [
            ("8000", "127.0.0.1:8000", true),
            ("0:8000", "0.0.0.0:8000", false),
            ("0.0.0.0:80", "0.0.0.0:80", false),
            ("[::1]:8000", "[::1]:8000", true),
            ("[::]:0", "[::]:0", false),
            ("localhost:8000", "localhost:8000", true),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.is_loopback()), (shown, loopback), "{text}");
        }
        for text in ["", ":8000", "localhost", "127.0.0.1", "127.0.0.1:99999", "::1:8000", "a b:80", "[::1]"]
        {
            assert_eq!(text.parse::<ListenAddress>(), Err(ValueError::Listen), "{text}");
        }
    }

    #[test]
    fn trusted_proxies_are_addresses_and_networks() {
        let proxies = <TrustedProxies as Value>::parse("127.0.0.1, 10.1.2.3/8,::1").unwrap();
        assert_eq!(proxies.show(), "127.0.0.1/32,10.0.0.0/8,::1/128");
        let error = <TrustedProxies as Value>::parse("10.0.0.1:80").unwrap_err().to_string();
        assert_eq!(error, "\"10.0.0.1:80\" is neither an IP address nor a network such as 10.0.0.0/8");
    }

    #[test]
    fn a_path_prefix_begins_with_a_slash_and_holds_plain_segments() {
        assert_eq!(<PathPrefix as Value>::parse(" /a/b-c ").unwrap().show(), "/a/b-c");
        let error = <PathPrefix as Value>::parse("/../t").unwrap_err();
        assert!(error.to_string().starts_with("\"/../t\" is not a path prefix"), "{error}");
    }
}
