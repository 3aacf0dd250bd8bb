//! A password in its stored form, as `auth_user.password` holds it.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};
use tenantry_db::model::derive::IsText;
use tenantry_db::model::{Cell, Field, Kind, Problem, Value};

use super::scheme::Scheme;
use crate::auth::random::{self, RandomError};

/// A password in its stored form, as `auth_user.password` (varchar(128)) holds it and Django reads it.
///
/// Any text is one: what can't be understood is the hash of no password at all, and so is what begins with `!`,
/// which Django writes for people who may not sign in by password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The most bytes that a stored form has: the column's width.
    pub const MAX_LENGTH: usize = 128;

    /// A stored form that no password matches, different each time.
    ///
    /// # Errors
    /// Raised when the operating system gives no random bytes.
    pub fn unusable() -> Result<Self, RandomError> {
        let bytes: [u8; 30] = random::bytes()?;
        Ok(Self(format!("!{}", BASE64URL_NOPAD.encode(&bytes))))
    }

    /// The text as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there can be a password that matches: `false` for what is unusable, malformed, of an unknown scheme, or
    /// costlier to check than this server is willing to pay.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.scheme().is_some()
    }

    /// Sixty-four characters that change whenever the stored form does, and tell nothing about it.
    pub(in crate::auth) fn fingerprint(&self) -> String {
        let digest =
            Sha256::new().chain_update("tenantry session fingerprint:").chain_update(&self.0).finalize();
        HEXLOWER.encode(&digest)
    }

    /// Whether it is as new hashes are made today, in Argon2id.
    pub(super) fn is_newest(&self) -> bool {
        Scheme::is_newest(&self.0)
    }

    pub(super) fn scheme(&self) -> Option<Scheme> {
        Scheme::parse(&self.0)
    }
}

impl From<String> for PasswordHash {
    fn from(stored: String) -> Self {
        Self(stored)
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.0
    }
}

/// A column of text.
impl Field for PasswordHash {
    type Plain = Self;
    const KIND: Kind = String::KIND;

    fn to_value(&self) -> Value {
        self.0.to_value()
    }

    fn from_value(value: Value) -> Result<Self, Problem> {
        String::from_value(value).map(Self)
    }

    fn read(cell: Cell<'_>) -> Result<Self, Problem> {
        String::read(cell).map(Self)
    }
}

impl IsText for PasswordHash {}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}
