//! User names and e-mail addresses, parsed as Django has them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use icu_normalizer::ComposingNormalizerBorrowed;

/// A user's name: 1 to 150 letters, digits and `@ . + - _` of any script, in Unicode's form NFKC.
///
/// As with Django, upper and lower case differ, and names that look the same but for their encoding are the same name.
///
/// ```
/// use tenantry_web::auth::people::Username;
///
/// let ada: Username = "Ａｄａ@example.com".parse()?;
/// assert_eq!(ada.as_str(), "Ada@example.com");
/// assert!("ada lovelace".parse::<Username>().is_err());
/// # Ok::<(), tenantry_web::auth::people::UsernameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

/// Raised when a text is not a user's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsernameError {
    /// There is nothing.
    #[error("a username is needed")]
    Empty,
    /// Too long.
    #[error("{length} characters are too many for a username, at most {} are allowed", Username::MAX_LENGTH)]
    TooLong {
        /// Its length in characters.
        length: usize,
    },
    /// A character that no name has.
    #[error("a username holds letters, digits and @ . + - _ only, not {0:?}")]
    Character(char),
}

/// An e-mail address with its domain in lower case, or none at all: then it is empty.
///
/// Only its form is checked: something, `@`, something, without spaces. Whether mail arrives, only mail can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Email(String);

/// Raised when a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmailError {
    /// Too long.
    #[error(
        "{length} characters are too many for an e-mail address, at most {} are allowed",
        Email::MAX_LENGTH
    )]
    TooLong {
        /// Its length in characters.
        length: usize,
    },
    /// Not of the form.
    #[error("an e-mail address has the form name@domain, without spaces")]
    Form,
}

impl Username {
    /// The most characters that a name has.
    pub const MAX_LENGTH: usize = 150;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name in the form in which it is stored, whether it could be given today or not: adopted data may have others.
    pub(in crate::auth) fn normalised(text: &str) -> Cow<'_, str> {
        ComposingNormalizerBorrowed::new_nfkc().normalize(text)
    }
}

impl FromStr for Username {
    type Err = UsernameError;

    fn from_str(text: &str) -> Result<Self, UsernameError> {
        let name = Self::normalised(text);
        let allowed = |c: char| c.is_alphanumeric() || "@.+-_".contains(c);
        match (name.chars().count(), name.chars().find(|c| !allowed(*c))) {
            (0, _) => Err(UsernameError::Empty),
            (length, _) if length > Self::MAX_LENGTH => Err(UsernameError::TooLong { length }),
            (_, Some(character)) => Err(UsernameError::Character(character)),
            (_, None) => Ok(Self(name.into_owned())),
        }
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Email {
    /// The most characters that an address has.
    pub const MAX_LENGTH: usize = 254;

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::default());
        }
        let length = text.chars().count();
        if length > Self::MAX_LENGTH {
            return Err(EmailError::TooLong { length });
        }
        let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
        match text.rsplit_once('@') {
            Some((name, domain)) if plain && !name.is_empty() && !domain.is_empty() => {
                Ok(Self(format!("{name}@{}", domain.to_lowercase())))
            }
            _ => Err(EmailError::Form),
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_taken_as_django_takes_it() {
        for (text, stored) in [
            ("ada", "ada"),
            ("Ada.Lovelace+1@example-x.com_", "Ada.Lovelace+1@example-x.com_"),
            ("ﬁnn", "finn"),
            ("e\u{301}va", "éva"),
            ("Łódź", "Łódź"),
            ("山田٣", "山田٣"),
        ] {
            assert_eq!(text.parse::<Username>().unwrap().as_str(), stored);
        }
        let refused = [
            ("", UsernameError::Empty),
            ("ada lovelace", UsernameError::Character(' ')),
            (" ada", UsernameError::Character(' ')),
            ("ada\n", UsernameError::Character('\n')),
            ("a\0", UsernameError::Character('\0')),
            ("<b>", UsernameError::Character('<')),
            ("ada\u{200b}", UsernameError::Character('\u{200b}')),
            ("ada\u{202e}", UsernameError::Character('\u{202e}')),
        ];
        for (text, error) in refused {
            assert_eq!(text.parse::<Username>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_username_is_measured_in_characters_and_once_normalised() {
        assert!("é".repeat(150).parse::<Username>().is_ok());
        assert_eq!("é".repeat(151).parse::<Username>(), Err(UsernameError::TooLong { length: 151 }));
        assert_eq!("ﬁ".repeat(76).parse::<Username>(), Err(UsernameError::TooLong { length: 152 }));
    }

    #[test]
    fn an_address_keeps_its_name_and_lowers_its_domain() {
        for (text, stored) in [
            ("Ada@Example.COM", "Ada@example.com"),
            ("  ada@example.com ", "ada@example.com"),
            ("a@b@Example.com", "a@b@example.com"),
            ("", ""),
            ("  ", ""),
        ] {
            assert_eq!(text.parse::<Email>().unwrap().as_str(), stored);
        }
        for text in ["ada", "@example.com", "ada@", "ada lovelace@example.com", "ada@example.com\r\nBcc: x@y"]
        {
            assert_eq!(text.parse::<Email>(), Err(EmailError::Form), "{text:?}");
        }
        let long = format!("{}@example.com", "a".repeat(243));
        assert_eq!(long.parse::<Email>(), Err(EmailError::TooLong { length: 255 }));
        assert!(long[1..].parse::<Email>().is_ok());
    }
}
