//! One value of any kind, for code that knows a field only by its metadata.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use uuid::Uuid;

/// One value of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer of any width.
    Int(i64),
    /// A float.
    Float(f64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// Text.
    Text(String),
    /// A day.
    Date(Date),
    /// An instant.
    DateTime(Timestamp),
    /// A UUID.
    Uuid(Uuid),
    /// A JSON value.
    Json(serde_json::Value),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Value {
    /// What it is, for a message: never the value itself, which may be a secret.
    #[must_use]
    pub(crate) fn description(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Decimal(_) => "a decimal",
            Self::Text(_) => "text",
            Self::Date(_) => "a date",
            Self::DateTime(_) => "a datetime",
            Self::Uuid(_) => "a UUID",
            Self::Json(_) => "JSON",
            Self::Binary(_) => "bytes",
        }
    }
}

/// `Value` from each plain type, so that a condition on a column known by name takes `5` or `"draft"`.
macro_rules! from_plain {
    ($($plain:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$plain> for Value {
            fn from(plain: $plain) -> Self {
                Self::$variant(plain.into())
            }
        }
    )+};
}

from_plain! {
    bool => Bool, i16 => Int, i32 => Int, i64 => Int, f64 => Float, Decimal => Decimal, &str => Text,
    String => Text, Date => Date, Timestamp => DateTime, Uuid => Uuid, serde_json::Value => Json, Vec<u8> => Binary,
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(plain: Option<T>) -> Self {
        plain.map_or(Self::Null, Into::into)
    }
}
