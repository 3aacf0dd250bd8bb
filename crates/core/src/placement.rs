//! Where a tenant's data is, and how it is kept apart from the others'.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Alias;
use crate::text::canonical_text;

/// How a tenant's data is kept apart from the others'. Chosen for each tenant, and data like any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// A database of its own: a SQLite file, or a PostgreSQL database.
    Database,
    /// A PostgreSQL schema of its own.
    Schema,
    /// Rows of shared PostgreSQL tables, under row-level security.
    Row,
}

/// Raised when a text names no isolation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an isolation: database, schema or row")]
pub struct IsolationError(String);

/// The name that the server made for a tenant's file, database or schema. No user's word is ever part of it.
///
/// It is `t` and 25 lower-case letters and digits: short enough for PostgreSQL's 63 bytes with room to spare, and
/// the same in file systems that fold case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OpaqueName(Box<str>);

/// The number by which a tenant's rows are told apart in the tables that tenants share.
///
/// It follows from the tenant's [`OpaqueName`], so that it is known from the placement alone, is the same whichever
/// instance asks, and can't be guessed from another tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey(i64);

/// Raised when a text is not a name that the server made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a name that this server makes")]
pub struct OpaqueNameError(String);

/// The name of a schema that a tenant may claim: letters of ASCII, digits, underscores and hyphens, a letter or an
/// underscore first, 63 bytes at the most. It is taken as it stands: `Acme` and `acme` are two schemas.
///
/// No schema that is PostgreSQL's own, everybody's or this program's has such a name.
///
/// ```
/// use tenantry_core::SchemaName;
///
/// assert_eq!("acme_north".parse::<SchemaName>()?.as_str(), "acme_north");
/// assert!("acme; DROP SCHEMA public".parse::<SchemaName>().is_err());
/// assert!("public".parse::<SchemaName>().is_err());
/// # Ok::<(), tenantry_core::SchemaNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SchemaName(Box<str>);

/// Raised when a text is no name of a schema that a tenant may claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaNameError {
    /// Nothing, or longer than what PostgreSQL keeps of a name.
    #[error("a schema's name has 1 to {} bytes", SchemaName::MAX_LENGTH)]
    Length,
    /// Another character, or a digit or a hyphen at its beginning.
    #[error(
        "a schema's name holds only letters a to z, digits, underscores and hyphens, and begins with a letter or an \
         underscore"
    )]
    Character,
    /// A schema that belongs to no single tenant.
    #[error("this schema is PostgreSQL's own, everybody's, or this program's")]
    Reserved,
}

/// Where a tenant's data is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// Made by this instance, under an opaque name, on a server (`--server ALIAS`).
    Made {
        /// The server that holds it.
        server: Alias,
        /// How it is kept apart there.
        isolation: Isolation,
        /// Its name there.
        name: OpaqueName,
    },
    /// A configured database that this tenant claims as a whole (`--database ALIAS`). It is never removed by a purge.
    Claimed {
        /// The database.
        database: Alias,
    },
    /// A schema of a configured PostgreSQL database that was there before, under the name that it had. It is never removed
    /// by a purge.
    Adopted {
        /// The database.
        database: Alias,
        /// Its schema.
        schema: SchemaName,
    },
}

impl Isolation {
    /// Every isolation, the strongest first.
    pub const ALL: [Self; 3] = [Self::Database, Self::Schema, Self::Row];

    /// The isolation's name, as it stands in the directory and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Row => "row",
        }
    }
}

impl FromStr for Isolation {
    type Err = IsolationError;

    fn from_str(text: &str) -> Result<Self, IsolationError> {
        Self::ALL
            .into_iter()
            .find(|isolation| isolation.as_str() == text)
            .ok_or_else(|| IsolationError(text.to_owned()))
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl OpaqueName {
    /// The length of a name in bytes.
    pub const LENGTH: usize = 26;
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// The name that stands for 128 random bits.
    ///
    /// The caller brings the randomness, since this crate does no I/O.
    #[must_use]
    pub fn from_random(bits: u128) -> Self {
        let digits = (0..Self::LENGTH - 1).rev().map(|place| {
            let digit = (bits >> (place * 5)) & 31;
            char::from(Self::DIGITS[digit as usize])
        });
        Self(std::iter::once('t').chain(digits).collect::<String>().into())
    }

    /// The random bits that the name stands for: the lowest 125 of those that it was made of.
    fn random_bits(&self) -> u128 {
        let value = |digit: u8| Self::DIGITS.iter().position(|known| *known == digit).unwrap_or(0) as u128;
        self.0.bytes().skip(1).fold(0, |bits, digit| bits << 5 | value(digit))
    }

    /// The name as text: safe as a file's name and as a SQL identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OpaqueName {
    type Err = OpaqueNameError;

    fn from_str(text: &str) -> Result<Self, OpaqueNameError> {
        let valid = text.len() == Self::LENGTH
            && text.starts_with('t')
            && text.bytes().skip(1).all(|byte| Self::DIGITS.contains(&byte));
        if valid { Ok(Self(text.into())) } else { Err(OpaqueNameError(text.chars().take(60).collect())) }
    }
}

canonical_text!(OpaqueName, OpaqueNameError);

impl SchemaName {
    /// The most bytes of a name: PostgreSQL cuts off what is longer, and takes two names for one.
    pub const MAX_LENGTH: usize = 63;

    /// The name as text: safe as a SQL identifier in double quotes, and inside a SQL literal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SchemaName {
    type Err = SchemaNameError;

    /// # Errors
    /// Raised when `text` is no name of a schema that a tenant may claim; the variant says why.
    fn from_str(text: &str) -> Result<Self, SchemaNameError> {
        if text.is_empty() || text.len() > Self::MAX_LENGTH {
            return Err(SchemaNameError::Length);
        }
        let first = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if !(first && rest) {
            return Err(SchemaNameError::Character);
        }
        // One that this program has made is another tenant's.
        let made = text.parse::<OpaqueName>().is_ok();
        let own = ["pg_", "tenantry"].iter().any(|start| text.starts_with(start));
        if made || own || matches!(text, "public" | "information_schema") {
            return Err(SchemaNameError::Reserved);
        }
        Ok(Self(text.into()))
    }
}

canonical_text!(SchemaName, SchemaNameError);

impl RowKey {
    /// The key of no tenant: of the rows that each new tenant begins with.
    pub const TEMPLATE: Self = Self(0);

    /// The key of the tenant with this name: 1 to 2^63 - 1.
    #[must_use]
    pub fn of(name: &OpaqueName) -> Self {
        let most = i64::MAX.unsigned_abs();
        // A remainder is below 2^63 - 1.
        let below = i64::try_from(name.random_bits() % u128::from(most)).unwrap_or(0);
        Self(below + 1)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Placement {
    /// The alias in `DB_<ALIAS>` that this placement depends on.
    #[must_use]
    pub fn alias(&self) -> &Alias {
        match self {
            Self::Made { server, .. } => server,
            Self::Claimed { database } | Self::Adopted { database, .. } => database,
        }
    }

    /// How the data is kept apart.
    #[must_use]
    pub fn isolation(&self) -> Isolation {
        match self {
            Self::Made { isolation, .. } => *isolation,
            Self::Claimed { .. } => Isolation::Database,
            Self::Adopted { .. } => Isolation::Schema,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opaque_name_reads_back_and_nothing_else_passes() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let name = OpaqueName::from_random(bits);
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        for text in [
            "",
            "t",
            "../../etc/passwd0000000000",
            "T0000000000000000000000000",
            "t000000000000000000000000u",
        ] {
            assert!(text.parse::<OpaqueName>().is_err(), "{text}");
        }
    }

    #[test]
    fn different_random_bits_make_different_names_and_keys() {
        let [one, other] = [1, 2].map(OpaqueName::from_random);
        assert_ne!(one, other);
        assert_ne!(RowKey::of(&one), RowKey::of(&other));
    }

    #[test]
    fn a_row_key_is_positive_and_never_the_template_s() {
        for bits in [0, 1, u128::MAX, u128::from(u64::MAX >> 1), u128::from(u64::MAX >> 1) - 1, 1 << 124] {
            let key = RowKey::of(&OpaqueName::from_random(bits));
            assert!(key > RowKey::TEMPLATE && key.get() > 0, "{key} of {bits}");
        }
        assert_eq!(RowKey::of(&OpaqueName::from_random(4)).get(), 5);
    }

    #[test]
    fn a_name_is_taken_as_it_stands_and_ends_no_statement() {
        let longest = "a".repeat(SchemaName::MAX_LENGTH);
        for text in ["acme", "Acme", "acme-north", "_acme_2", "public_2", &longest] {
            assert_eq!(text.parse::<SchemaName>().unwrap().to_string(), text);
        }
        for (text, error) in [
            ("", SchemaNameError::Length),
            (&format!("{longest}a"), SchemaNameError::Length),
            ("2acme", SchemaNameError::Character),
            ("-acme", SchemaNameError::Character),
            ("acme corp", SchemaNameError::Character),
            ("acme\"; DROP SCHEMA x", SchemaNameError::Character),
            ("acme'", SchemaNameError::Character),
            ("acmé", SchemaNameError::Character),
            ("public", SchemaNameError::Reserved),
            ("information_schema", SchemaNameError::Reserved),
            ("pg_catalog", SchemaNameError::Reserved),
            ("tenantry_shared", SchemaNameError::Reserved),
            (OpaqueName::from_random(7).as_str(), SchemaNameError::Reserved),
        ] {
            assert_eq!(text.parse::<SchemaName>(), Err(error), "{text:?}");
        }
    }
}
