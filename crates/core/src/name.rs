//! A tenant's name for people.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Slug;
use crate::text::canonical_text;

/// What people call a tenant: 1 to 100 characters of any script, in one line.
///
/// It is shown in terminals, logs and pages, so that it holds nothing that ends a line, moves a cursor or turns the
/// direction of what stands around it.
///
/// ```
/// use tenantry_core::TenantName;
///
/// assert_eq!("Łódź & Sons".parse::<TenantName>()?.as_str(), "Łódź & Sons");
/// assert!("Acme\nGlobex".parse::<TenantName>().is_err());
/// # Ok::<(), tenantry_core::TenantNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantName(Box<str>);

/// Raised when a text is no name of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantNameError {
    /// There is nothing, or nothing but spaces.
    #[error("a tenant's name is not empty")]
    Empty,
    /// Too long.
    #[error(
        "{length} characters are too many for a tenant's name, at most {} are allowed",
        TenantName::MAX_LENGTH
    )]
    TooLong {
        /// Its length in characters.
        length: usize,
    },
    /// A line's end, another control character, or one that turns the direction of writing.
    #[error("a tenant's name holds no control characters, not {0:?}")]
    Control(char),
}

impl TenantName {
    /// The most characters that a name has.
    pub const MAX_LENGTH: usize = 100;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantName {
    type Err = TenantNameError;

    /// # Errors
    /// Raised when there is nothing in `text`, too much, or a control character.
    fn from_str(text: &str) -> Result<Self, TenantNameError> {
        let length = text.chars().count();
        if length > Self::MAX_LENGTH {
            return Err(TenantNameError::TooLong { length });
        }
        if let Some(control) = text.chars().find(|character| is_control(*character)) {
            return Err(TenantNameError::Control(control));
        }
        if text.trim().is_empty() { Err(TenantNameError::Empty) } else { Ok(Self(text.into())) }
    }
}

fn is_control(character: char) -> bool {
    let separator = matches!(character, '\u{2028}' | '\u{2029}');
    let direction = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || separator || direction
}

/// A slug is a name too: the one of a tenant that was given no other.
impl From<&Slug> for TenantName {
    fn from(slug: &Slug) -> Self {
        Self(slug.as_str().into())
    }
}

canonical_text!(TenantName, TenantNameError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_of_any_script() {
        let longest = "é".repeat(TenantName::MAX_LENGTH);
        for text in ["A", "Acme, \"Ltd\" & Sons <1>", "Łódź 株式会社", "اكمي", "o'Neil", " spaced ", &longest]
        {
            assert_eq!(text.parse::<TenantName>().unwrap().to_string(), text);
        }
        for (text, error) in [
            ("", TenantNameError::Empty),
            (" \u{3000} ", TenantNameError::Empty),
            (&format!("{longest}é"), TenantNameError::TooLong { length: 101 }),
            ("Acme\nGlobex", TenantNameError::Control('\n')),
            ("\u{1b}[31mAcme", TenantNameError::Control('\u{1b}')),
            ("Acme\0", TenantNameError::Control('\0')),
            ("Acme\u{85}", TenantNameError::Control('\u{85}')),
            ("Acme\u{2028}Globex", TenantNameError::Control('\u{2028}')),
            ("\u{202e}emcA", TenantNameError::Control('\u{202e}')),
            ("Acme\u{2066}", TenantNameError::Control('\u{2066}')),
        ] {
            assert_eq!(text.parse::<TenantName>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_refused_name_says_why() {
        let message = |text: &str| text.parse::<TenantName>().unwrap_err().to_string();
        assert_eq!(message("a\u{1b}"), "a tenant's name holds no control characters, not '\\u{1b}'");
        let long = "a".repeat(101);
        assert_eq!(
            message(&long),
            "101 characters are too many for a tenant's name, at most 100 are allowed"
        );
    }

    #[test]
    fn every_slug_is_a_name() {
        let slug: Slug = "acme-north-2".parse().unwrap();
        assert_eq!(TenantName::from(&slug).as_str().parse(), Ok(TenantName::from(&slug)));
    }
}
