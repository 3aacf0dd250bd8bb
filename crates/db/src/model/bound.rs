//! A value on its way to a database, in one of the few forms that every database takes.

use std::fmt;

/// A value on its way to a database.
#[derive(Clone, PartialEq)]
pub(crate) enum Bound {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text, or on PostgreSQL the text form of whatever type is wanted where it stands.
    Text(String),
    Bytes(Vec<u8>),
}

impl Bound {
    /// A value that sea-query has put beside its SQL. `None` for what no database here has a form for.
    pub(super) fn from_sea(value: sea_query::Value) -> Option<Self> {
        use sea_query::Value as Sea;
        fn bound<T>(value: Option<T>, of: impl FnOnce(T) -> Bound) -> Option<Bound> {
            Some(value.map_or(Bound::Null, of))
        }
        match value {
            Sea::Bool(value) => bound(value, Self::Bool),
            Sea::TinyInt(value) => bound(value, |value| Self::Int(value.into())),
            Sea::SmallInt(value) => bound(value, |value| Self::Int(value.into())),
            Sea::Int(value) => bound(value, |value| Self::Int(value.into())),
            Sea::BigInt(value) => bound(value, Self::Int),
            Sea::TinyUnsigned(value) => bound(value, |value| Self::Int(value.into())),
            Sea::SmallUnsigned(value) => bound(value, |value| Self::Int(value.into())),
            Sea::Unsigned(value) => bound(value, |value| Self::Int(value.into())),
            Sea::BigUnsigned(Some(value)) => i64::try_from(value).ok().map(Self::Int),
            Sea::BigUnsigned(None) => Some(Self::Null),
            Sea::Float(value) => bound(value, |value| Self::Float(value.into())),
            Sea::Double(value) => bound(value, Self::Float),
            Sea::String(value) => bound(value, Self::Text),
            Sea::Char(value) => bound(value, |value| Self::Text(value.into())),
            Sea::Bytes(value) => bound(value, Self::Bytes),
            Sea::Enum(_) => None,
        }
    }
}

impl fmt::Debug for Bound {
    /// A database client's log may show what it sends: a value may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
