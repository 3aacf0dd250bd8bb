//! A tenant's short name.

use std::borrow::Borrow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::canonical_text;

/// A tenant's validated short name: `^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$`, not reserved, not punycode.
///
/// It fits as one label of a host name (`SLUG.BASE_DOMAIN`) and as one segment of a path. It is taken as it is
/// written: there is no second spelling of a slug.
///
/// ```
/// use tenantry_core::{Slug, SlugError};
///
/// let slug: Slug = "acme-north".parse()?;
/// assert_eq!(slug.schema_name(), "acme_north");
/// assert_eq!("Acme".parse::<Slug>(), Err(SlugError::Character));
/// assert!(matches!("www".parse::<Slug>(), Err(SlugError::Reserved { .. })));
/// # Ok::<(), SlugError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(Box<str>);

/// Raised when a text is not a slug; each variant says what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SlugError {
    /// Fewer than 3 bytes.
    #[error("a slug is at least 3 characters long")]
    TooShort,
    /// More than 40 bytes.
    #[error("a slug is at most 40 characters long")]
    TooLong,
    /// Anything but a lower-case letter of ASCII, a digit or a hyphen.
    #[error("a slug holds only lower-case letters a to z, digits and hyphens")]
    Character,
    /// A hyphen at one of the ends.
    #[error("a slug starts and ends with a letter or a digit")]
    Hyphen,
    /// Hyphens in the third and fourth place, as in `xn--`. DNS keeps these labels for encodings of other names.
    #[error("a slug has no hyphens in both its third and fourth place")]
    EncodingPrefix,
    /// A name that means something else already.
    #[error("this slug is reserved: {reason}")]
    Reserved {
        /// What it means.
        reason: &'static str,
    },
}

/// What a slug that no tenant gets means already.
///
/// `default`, `test` and `development` are not among them: in a project that comes from Django, tenants are called
/// after its databases.
fn reserved_for(text: &str) -> Option<&'static str> {
    match text {
        "admin" | "api" | "assets" | "healthz" | "livez" | "login" | "logout" | "media" | "metrics"
        | "openapi" | "readyz" | "static" | "tenantry" | "well-known" => {
            Some("the server's own pages begin with it")
        }
        "abuse" | "account" | "accounts" | "administrator" | "app" | "auth" | "billing" | "console"
        | "dashboard" | "docs" | "help" | "hostmaster" | "oauth" | "operator" | "operators"
        | "postmaster" | "root" | "security" | "signup" | "sso" | "status" | "support" | "webmaster"
        | "www" => Some("people expect the operator behind it, not a tenant"),
        "autoconfig" | "autodiscover" | "dns" | "ftp" | "imap" | "isatap" | "ldap" | "mail" | "mta-sts"
        | "ns1" | "ns2" | "ns3" | "ns4" | "ntp" | "openpgpkey" | "pop3" | "sftp" | "smtp" | "ssh" | "vpn"
        | "webmail" | "wpad" => Some("mail, name and network services are looked for under it"),
        "internal" | "invalid" | "local" | "localdomain" | "localhost" => {
            Some("it names the machine or the network itself")
        }
        "all" | "fleet" | "none" | "null" | "public" | "undefined" => {
            Some("it stands for no tenant, or for all of them")
        }
        _ => None,
    }
}

impl Slug {
    /// The shortest slug, in bytes.
    pub const MIN_LENGTH: usize = 3;
    /// The longest slug, in bytes.
    pub const MAX_LENGTH: usize = 40;

    /// The slug as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The slug as `/api/tenants` shows it in `schema_name`: with `_` for `-`. It names no schema that exists.
    #[must_use]
    pub fn schema_name(&self) -> String {
        self.0.replace('-', "_")
    }
}

fn check(text: &str) -> Result<(), SlugError> {
    if text.len() < Slug::MIN_LENGTH {
        return Err(SlugError::TooShort);
    }
    if text.len() > Slug::MAX_LENGTH {
        return Err(SlugError::TooLong);
    }
    if !text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
        return Err(SlugError::Character);
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(SlugError::Hyphen);
    }
    if text[2..].starts_with("--") {
        return Err(SlugError::EncodingPrefix);
    }
    match reserved_for(text) {
        Some(reason) => Err(SlugError::Reserved { reason }),
        None => Ok(()),
    }
}

impl FromStr for Slug {
    type Err = SlugError;

    /// # Errors
    /// Raised when `text` is too short or too long, holds another character than the allowed ones, has a hyphen where
    /// none may be, or is reserved.
    fn from_str(text: &str) -> Result<Self, SlugError> {
        check(text)?;
        Ok(Self(text.into()))
    }
}

/// Lets a map that is keyed by slugs be asked with text. The hash of both is the same.
impl Borrow<str> for Slug {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Slug {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

canonical_text!(Slug, SlugError);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostName;

    #[test]
    fn a_slug_is_taken_as_it_is_written() {
        let longest = "a".repeat(Slug::MAX_LENGTH);
        let slugs = [
            "abc",
            "a-c",
            "a--b",
            "0x7",
            "123",
            "acme",
            "globex",
            "acme-north-2",
            "abc--d",
            "xn-acme",
            "www2",
            "default",
            "test",
            "development",
            "staging",
            "production",
            "demo",
            &longest,
        ];
        for text in slugs {
            let slug: Slug = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(slug.as_str(), text);
        }
    }

    #[test]
    fn what_is_not_a_slug_is_refused_with_its_reason() {
        use SlugError::{Character, EncodingPrefix, Hyphen, TooLong, TooShort};
        let table: [(SlugError, &[&str]); 5] = [
            (TooShort, &["", "ab", "\u{e9}"]),
            (TooLong, &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &"\u{430}".repeat(21)]),
            (
                Character,
                &[
                    "Acme",
                    "ACME",
                    "ac_me",
                    "ac me",
                    "ac.me",
                    "acme\n",
                    "ac\0me",
                    "../etc",
                    "acme;",
                    "ac%6de",
                    "acm\u{e9}",
                    "\u{430}cme",
                ],
            ),
            (Hyphen, &["-acme", "acme-", "---", "--acme"]),
            (EncodingPrefix, &["xn--acme", "xn--80ak6aa92e", "ab--cd"]),
        ];
        for (error, texts) in table {
            for text in texts {
                assert_eq!(text.parse::<Slug>(), Err(error), "{text:?}");
            }
        }
    }

    #[test]
    fn a_reserved_slug_says_what_it_means() {
        let table = [
            ("admin", "the server's own pages begin with it"),
            ("www", "people expect the operator behind it, not a tenant"),
            ("wpad", "mail, name and network services are looked for under it"),
            ("localhost", "it names the machine or the network itself"),
            ("null", "it stands for no tenant, or for all of them"),
        ];
        for (text, reason) in table {
            let refused = text.parse::<Slug>().unwrap_err();
            assert_eq!(refused, SlugError::Reserved { reason }, "{text}");
            assert_eq!(refused.to_string(), format!("this slug is reserved: {reason}"));
        }
    }

    #[test]
    fn a_slug_is_one_label_of_a_host_name() {
        let base: HostName = "tenants.example".parse().unwrap();
        for text in ["acme", "0x7", "123", &"a".repeat(Slug::MAX_LENGTH)] {
            let host: HostName = format!("{text}.{base}").parse().unwrap();
            assert!(host.is_subdomain_of(&base), "{text}");
        }
    }

    #[test]
    fn a_schema_name_has_underscores_for_hyphens() {
        assert_eq!("a-b-c1".parse::<Slug>().unwrap().schema_name(), "a_b_c1");
    }

    #[test]
    fn json_holds_a_slug_as_text_and_refuses_what_is_none() {
        let slug: Slug = serde_json::from_str("\"acme\"").unwrap();
        assert_eq!(serde_json::to_string(&slug).unwrap(), "\"acme\"");
        assert!(serde_json::from_str::<Slug>("\"www\"").is_err());
    }
}
