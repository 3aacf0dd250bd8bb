//! A host name in its one canonical form, parsed strictly from a request or from an operator's words.

use std::borrow::Borrow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

use crate::text::canonical_text;

/// A canonical host: a name in lower-case ASCII without port or trailing dot, or an IP address of a request. Cheap to
/// clone.
///
/// There are two doors, since a request may say more than an operator may:
///
/// - [`HostName::of_request`] decides over all that a request says of its host, and
///   [`HostName::from_authority`] reads one such value. A port is removed, and an IP address passes.
/// - [`FromStr`] (and serde) reads a domain, the operator's word: no port and no IP address.
///
/// ```
/// use tenantry_core::{HostError, HostName};
///
/// let host = HostName::from_authority(b"ACME.Example.:8000")?;
/// assert_eq!(host.as_str(), "acme.example");
/// assert_eq!("acme.example".parse(), Ok(host));
/// assert_eq!("acme.example:8000".parse::<HostName>(), Err(HostError::PortGiven));
/// assert_eq!(HostName::from_authority(b"admin@acme.example"), Err(HostError::Userinfo));
/// # Ok::<(), HostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(Arc<str>);

/// Raised when a request or a text does not name exactly one host; each variant says what is wrong.
///
/// Where several things are wrong, what the whole shows comes first (its length, then the first byte that belongs
/// in no host), then the port, then the labels from the left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The request has no Host header.
    #[error("a request needs a Host header")]
    Missing,
    /// The request has several Host headers, even if they are the same.
    #[error("a request has one Host header, not several")]
    Repeated,
    /// The request target is in absolute form and names another host than the Host header.
    #[error("the request target and the Host header name different hosts")]
    Disagreement,
    /// No host is left: the text is empty, or nothing but a port.
    #[error("a host name is needed")]
    Empty,
    /// More than 253 bytes without port and trailing dot.
    #[error("a host name is at most 253 bytes long")]
    TooLong,
    /// A byte above 127: a letter that may look like another one, or no text at all.
    #[error("a host name is ASCII: write an international name in its xn-- form")]
    NonAscii,
    /// A space or a tab, also at the ends.
    #[error("a host name holds no spaces")]
    Whitespace,
    /// A control character, such as NUL or a line's end.
    #[error("a host name holds no control characters")]
    Control,
    /// A URL where a host belongs: `https://acme.example`.
    #[error("a host name comes without a scheme such as https://")]
    Scheme,
    /// A slash of either kind, a question mark or a number sign.
    #[error("a host name has no path, query or fragment")]
    Path,
    /// An at sign: `user@acme.example`.
    #[error("a host name has no user name or password before it")]
    Userinfo,
    /// A percent sign. What was encoded would be another host for whoever decodes it.
    #[error("a host name holds no percent-encoding")]
    PercentEncoding,
    /// An underscore, which DNS knows and host names don't.
    #[error("a host name holds no underscores: use a hyphen")]
    Underscore,
    /// Any other character that a host name can't hold.
    #[error("a host name holds only letters, digits, hyphens and dots")]
    Character,
    /// What follows the colon is not 1 to 65535, written without a sign or leading zeros.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// A port in an operator's words. A domain is the same on all ports.
    #[error("a domain is given without a port")]
    PortGiven,
    /// Two dots side by side, or one in front.
    #[error("a host name has something before and between its dots")]
    EmptyLabel,
    /// More than 63 bytes between two dots.
    #[error("each part of a host name is at most 63 bytes long")]
    LabelTooLong,
    /// A part that starts or ends with a hyphen.
    #[error("no part of a host name starts or ends with a hyphen")]
    Hyphen,
    /// A part that starts with `xn--` and does not stand for an international name in its one right form.
    #[error("a part that starts with xn-- is valid punycode")]
    Punycode,
    /// A name that ends in a number and is not four decimal parts. Programs read such names as many addresses.
    #[error("a host that ends in a number is an IPv4 address in four decimal parts, such as 127.0.0.1")]
    Ipv4,
    /// Square brackets with anything else than one IPv6 address between them, or with anything but a port behind.
    #[error("square brackets hold one IPv6 address, such as [::1]")]
    Ipv6,
    /// An IPv6 address without brackets, whose end can't be told from a port.
    #[error("an IPv6 address stands in square brackets, such as [::1]")]
    Unbracketed,
    /// An IP address in an operator's words. It names a machine, not a tenant.
    #[error("an IP address can't be a domain")]
    Address,
}

impl HostName {
    /// The longest host name, in bytes, without port and trailing dot.
    pub const MAX_LENGTH: usize = 253;
    /// The longest label of a host name, in bytes.
    pub const MAX_LABEL_LENGTH: usize = 63;

    /// The host that a request names, decided over everything in it that names a host.
    ///
    /// `target` is the authority of a request target in absolute form (`GET http://acme.example/ HTTP/1.1`), and
    /// `headers` are the values of all Host headers.
    ///
    /// [RFC 9112, section 3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2) has a server answer 400 where
    /// there is not exactly one valid Host header, and has a client send the target's authority in it.
    /// [Section 3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2) lets the target win over the header.
    /// So the two differ only in a request that breaks the rules, and such a request is refused: what stands before
    /// this server may have decided on the other name, and here a name is a tenant.
    ///
    /// ```
    /// use tenantry_core::{HostError, HostName};
    ///
    /// let acme = HostName::of_request(Some(b"acme.example"), [&b"ACME.example:80"[..]])?;
    /// assert_eq!(acme.as_str(), "acme.example");
    ///
    /// let globex = HostName::of_request(Some(b"globex.example"), [&b"acme.example"[..]]);
    /// assert_eq!(globex, Err(HostError::Disagreement));
    /// # Ok::<(), HostError>(())
    /// ```
    ///
    /// # Errors
    /// Raised when there is no Host header or more than one, when any of the values is not valid, and when the
    /// target names another host.
    pub fn of_request<'a>(
        target: Option<&[u8]>,
        headers: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, HostError> {
        let mut headers = headers.into_iter();
        let header = headers.next().ok_or(HostError::Missing)?;
        if headers.next().is_some() {
            return Err(HostError::Repeated);
        }
        let host = Self::from_authority(header)?;
        match target.map(Self::from_authority).transpose()? {
            Some(other) if other != host => Err(HostError::Disagreement),
            _ => Ok(host),
        }
    }

    /// The host in one value as it comes over the wire: a Host header, an `:authority`, or a target's authority.
    ///
    /// A port and one trailing dot are removed. An IPv6 address takes the form that [`Ipv6Addr`] displays.
    ///
    /// # Errors
    /// Raised when the value is anything but a host name or an IP address, and at most a port.
    pub fn from_authority(bytes: &[u8]) -> Result<Self, HostError> {
        let (host, port) = split(checked_text(bytes)?)?;
        if let Some(port) = port {
            check_port(port)?;
        }
        Self::canonical(host)
    }

    /// A host name or an IP address in an operator's words, without a port.
    pub(crate) fn without_port(text: &str) -> Result<Self, HostError> {
        match split(checked_text(text.as_bytes())?)? {
            (_, Some(_)) => Err(HostError::PortGiven),
            (host, None) => Self::canonical(host),
        }
    }

    /// The host name `localhost`.
    pub(crate) fn localhost() -> Self {
        Self("localhost".into())
    }

    /// The canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an IP address, which names a machine and never a tenant.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.0.starts_with('[') || last_label(&self.0).iter().all(u8::is_ascii_digit)
    }

    /// Whether this is a name below `base`, at any depth. No name is below itself.
    #[must_use]
    pub fn is_subdomain_of(&self, base: &Self) -> bool {
        self.0.strip_suffix(&*base.0).is_some_and(|labels| labels.ends_with('.'))
    }

    fn canonical(host: &str) -> Result<Self, HostError> {
        if host.is_empty() {
            return Err(HostError::Empty);
        }
        if let Some(rest) = host.strip_prefix('[') {
            let address = rest.strip_suffix(']').and_then(|inside| inside.parse::<Ipv6Addr>().ok());
            return address.map(Self::from).ok_or(HostError::Ipv6);
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        if name.len() > Self::MAX_LENGTH {
            return Err(HostError::TooLong);
        }
        labels(name).try_for_each(check_label)?;
        // The address itself is looked for in `host`: with a trailing dot it is one to some programs only.
        if ends_in_number(name) && host.parse::<Ipv4Addr>().is_err() {
            return Err(HostError::Ipv4);
        }
        let mut canonical = Arc::<str>::from(name);
        if let Some(name) = Arc::get_mut(&mut canonical) {
            name.make_ascii_lowercase();
        }
        if labels(&canonical).any(|label| label.starts_with(b"xn--")) && !is_round_trip(&canonical) {
            return Err(HostError::Punycode);
        }
        Ok(Self(canonical))
    }
}

/// The text, if it is short enough for a host with its port and holds only bytes that such a text can have.
fn checked_text(bytes: &[u8]) -> Result<&str, HostError> {
    const LONGEST: usize = HostName::MAX_LENGTH + ".:65535".len();
    if bytes.len() > LONGEST {
        return Err(HostError::TooLong);
    }
    let alien = bytes
        .iter()
        .position(|byte| !matches!(byte, b'.' | b':' | b'-' | b'[' | b']') && !byte.is_ascii_alphanumeric());
    match alien {
        Some(at) => Err(fault_at(bytes, at)),
        None => std::str::from_utf8(bytes).map_err(|_| HostError::NonAscii),
    }
}

fn fault_at(bytes: &[u8], at: usize) -> HostError {
    match bytes[at] {
        b'@' => HostError::Userinfo,
        b'/' if bytes[..at].ends_with(b":") && bytes[at..].starts_with(b"//") => HostError::Scheme,
        b'/' | b'\\' | b'?' | b'#' => HostError::Path,
        b'%' => HostError::PercentEncoding,
        b'_' => HostError::Underscore,
        b' ' | b'\t' => HostError::Whitespace,
        byte if byte.is_ascii_control() => HostError::Control,
        byte if byte.is_ascii() => HostError::Character,
        _ => HostError::NonAscii,
    }
}

/// The host and what follows its colon, if there is one.
fn split(text: &str) -> Result<(&str, Option<&str>), HostError> {
    if text.starts_with('[') {
        let end = text.find(']').ok_or(HostError::Ipv6)? + 1;
        let (address, rest) = text.split_at(end);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((address, Some(port))),
            None if rest.is_empty() => Ok((address, None)),
            None => Err(HostError::Ipv6),
        };
    }
    if text.bytes().any(|byte| matches!(byte, b'[' | b']')) {
        return Err(HostError::Ipv6);
    }
    match text.split_once(':') {
        None => Ok((text, None)),
        Some(_) if text.parse::<Ipv6Addr>().is_ok() => Err(HostError::Unbracketed),
        Some((host, port)) => Ok((host, Some(port))),
    }
}

fn check_port(port: &str) -> Result<(), HostError> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    if is_number && port.parse::<u16>().is_ok() { Ok(()) } else { Err(HostError::Port) }
}

/// What stands between the dots. Bytes, which are sooner looked through than characters: every request passes here.
fn labels(name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
    name.as_bytes().split(|byte| *byte == b'.')
}

fn check_label(label: &[u8]) -> Result<(), HostError> {
    if label.is_empty() {
        Err(HostError::EmptyLabel)
    } else if label.len() > HostName::MAX_LABEL_LENGTH {
        Err(HostError::LabelTooLong)
    } else if label.starts_with(b"-") || label.ends_with(b"-") {
        Err(HostError::Hyphen)
    } else {
        Ok(())
    }
}

fn last_label(name: &str) -> &[u8] {
    labels(name).next_back().unwrap_or_default()
}

/// Whether a browser or a C library would try to read `name` as an IPv4 address: `127.1`, `0x7f000001`.
fn ends_in_number(name: &str) -> bool {
    match last_label(name) {
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

/// Whether the punycode in `name` decodes to what encodes to `name` again, and to nothing that IDNA forbids.
fn is_round_trip(name: &str) -> bool {
    let uts46 = Uts46::new();
    let (unicode, valid) = uts46.to_unicode(name.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    valid.is_ok()
        && uts46
            .to_ascii(unicode.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
            .is_ok_and(|ascii| ascii == name)
}

/// Reads an operator's words for a domain.
impl FromStr for HostName {
    type Err = HostError;

    /// # Errors
    /// Raised when `text` is anything but a host name; also when it has a port or is an IP address.
    fn from_str(text: &str) -> Result<Self, HostError> {
        let host = Self::without_port(text)?;
        if host.is_address() { Err(HostError::Address) } else { Ok(host) }
    }
}

impl From<Ipv4Addr> for HostName {
    fn from(address: Ipv4Addr) -> Self {
        Self(address.to_string().into())
    }
}

impl From<Ipv6Addr> for HostName {
    fn from(address: Ipv6Addr) -> Self {
        Self(format!("[{address}]").into())
    }
}

/// Lets a map that is keyed by host names be asked with text. The hash of both is the same.
impl Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for HostName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

canonical_text!(HostName, HostError);
