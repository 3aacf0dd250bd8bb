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
