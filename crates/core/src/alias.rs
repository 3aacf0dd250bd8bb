//! The name that the operator gave a database or a server: the `<ALIAS>` of `DB_<ALIAS>`.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::canonical_text;

/// The operator's name for a configured database or server, in lower case: `DB_TEST` is `test`.
///
/// ```
/// use tenantry_core::Alias;
///
/// assert_eq!("TEST".parse::<Alias>()?.as_str(), "test");
/// assert!("te st".parse::<Alias>().is_err());
/// # Ok::<(), tenantry_core::AliasError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Alias(Box<str>);

/// Raised when a text is not an alias.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an alias: 1 to 40 letters, digits and underscores, a letter first")]
pub struct AliasError(String);

impl Alias {
    /// `DB_DEFAULT`.
    #[must_use]
    pub fn default_alias() -> Self {
        Self("default".into())
    }

    /// The server in the data folder itself, which is there without being configured.
    #[must_use]
    pub fn local() -> Self {
        Self("local".into())
    }

    /// The alias in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Alias {
    type Err = AliasError;

    /// # Errors
    /// Raised when `text` is empty, longer than 40 bytes, starts with anything but a letter, or holds anything but
    /// ASCII letters, digits and underscores.
    fn from_str(text: &str) -> Result<Self, AliasError> {
        let valid = text.len() <= 40
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid {
            return Err(AliasError(text.chars().take(60).collect()));
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

canonical_text!(Alias, AliasError);
