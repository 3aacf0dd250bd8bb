//! `SECRET_KEY`, and the keys that are derived from it: one for each use, so that no use can stand in for another.

use std::collections::BTreeSet;
use std::fmt;

use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The instance's secret, `SECRET_KEY`. Whoever knows it can forge what the instance signs; it shows nothing of itself
/// when it is formatted.
///
/// ```
/// use tenantry_web::auth::SecretKey;
///
/// let key = SecretKey::try_from("p0k3-2vq9-7hsd-w1ye-5tnm-x8ra-4jbc".to_owned())?;
/// assert_eq!(format!("{key:?}"), "SecretKey(..)");
/// assert!(SecretKey::try_from("changeme".to_owned()).is_err());
/// # Ok::<(), tenantry_web::auth::SecretKeyError>(())
/// ```
#[derive(Clone)]
pub struct SecretKey(Zeroizing<String>);

/// Raised when a text is too easily guessed to be a secret key. It repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretKeyError {
    /// Too short.
    #[error("the secret key has {length} characters and needs at least {}", SecretKey::MIN_LENGTH)]
    TooShort {
        /// Its length in characters.
        length: usize,
    },
    /// The same few characters again and again.
    #[error(
        "the secret key has only {distinct} different characters and needs at least {}",
        SecretKey::MIN_DISTINCT
    )]
    TooUniform {
        /// How many characters in it differ.
        distinct: usize,
    },
}

/// A key for one use. Wiped from memory when dropped.
#[derive(Clone)]
pub(super) struct DerivedKey(Zeroizing<[u8; 32]>);

impl SecretKey {
    /// The fewest characters that a secret key has.
    pub const MIN_LENGTH: usize = 32;
    /// The fewest different characters that a secret key has.
    pub const MIN_DISTINCT: usize = 5;

    /// The key for the use that `label` names: HKDF's extraction step, with the label in place of the salt.
    pub(super) fn derive(&self, label: &'static str) -> DerivedKey {
        let salt = DerivedKey(Zeroizing::new(Sha256::digest(label).into()));
        let derived = salt.mac().chain_update(self.0.as_bytes()).finalize();
        DerivedKey(Zeroizing::new(derived.into_bytes().into()))
    }

    /// The key that Django 4.1 derives for the use that `salt` names.
    pub(super) fn derive_as_django(&self, salt: &'static str) -> DerivedKey {
        DerivedKey(Zeroizing::new(
            Sha256::new().chain_update(salt).chain_update(self.0.as_bytes()).finalize().into(),
        ))
    }
}

impl TryFrom<String> for SecretKey {
    type Error = SecretKeyError;

    fn try_from(text: String) -> Result<Self, SecretKeyError> {
        let text = Zeroizing::new(text);
        let length = text.chars().count();
        if length < Self::MIN_LENGTH {
            return Err(SecretKeyError::TooShort { length });
        }
        let distinct = text.chars().collect::<BTreeSet<_>>().len();
        if distinct < Self::MIN_DISTINCT {
            return Err(SecretKeyError::TooUniform { distinct });
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

impl DerivedKey {
    /// HMAC-SHA-256 under this key, with nothing fed to it yet.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        // HMAC pads a short key with zeros to a block; done here, no length can be wrong.
        let mut block = Key::<Hmac<Sha256>>::default();
        block[..self.0.len()].copy_from_slice(&*self.0);
        Hmac::new(&block)
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<SecretKey, SecretKeyError> {
        SecretKey::try_from(text.to_owned())
    }

    #[test]
    fn a_key_that_is_short_or_uniform_is_refused_without_being_repeated() {
        assert_eq!(key(&"abcdefg-".repeat(4)[1..]).unwrap_err(), SecretKeyError::TooShort { length: 31 });
        assert_eq!(key(&"abcd".repeat(20)).unwrap_err(), SecretKeyError::TooUniform { distinct: 4 });
        assert_eq!(
            key("hunter2").unwrap_err().to_string(),
            "the secret key has 7 characters and needs at least 32"
        );
        assert!(key(&"abcdefg-".repeat(4)).is_ok());
        assert!(key("django-insecure-a$b9k#x(d)0pq2-w9e8r7t6y5u4i3o2p1").is_ok());
    }

    #[test]
    fn keys_differ_by_label_and_by_secret() {
        let [one, other] = ["abcdefg-", "abcdefg_"].map(|text| key(&text.repeat(4)).unwrap());
        assert_eq!(one.derive("a").0, one.derive("a").0);
        assert_ne!(one.derive("a").0, one.derive("b").0);
        assert_ne!(one.derive("a").0, other.derive("a").0);
    }

    #[test]
    fn nothing_of_a_key_is_formatted() {
        let secret = key(&"abcdefg-".repeat(4)).unwrap();
        assert_eq!(format!("{secret:?} {:?}", secret.derive("a")), "SecretKey(..) DerivedKey(..)");
    }
}
