//! The form that each kind of value has in PostgreSQL: its text form on the way there, its binary form on the way back.

use std::error::Error;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

use super::Value;
use super::cell::Unreadable;

/// The day from which PostgreSQL counts: 2000-01-01.
const EPOCH: Date = jiff::civil::date(2000, 1, 1);

/// The same in seconds of Unix.
const EPOCH_SECONDS: i64 = 946_684_800;

/// A value as the server has sent it: its type and, unless it is NULL, its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PostgresValue<'r> {
    ty: &'r Type,
    bytes: Option<&'r [u8]>,
}

/// A value's bytes, whatever its type.
struct Bytes<'r>(Option<&'r [u8]>);

impl<'r> FromSql<'r> for Bytes<'r> {
    fn from_sql(_: &Type, bytes: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Some(bytes)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl<'r> PostgresValue<'r> {
    /// The value of a row's column; `None` where there is no such column.
    pub(crate) fn of(row: &'r Row, index: usize) -> Option<Self> {
        let Bytes(bytes) = row.try_get(index).ok()?;
        Some(Self { ty: row.columns().get(index)?.type_(), bytes })
    }

    pub(super) fn is_null(self) -> bool {
        self.bytes.is_none()
    }

    pub(super) fn len(self) -> usize {
        self.bytes.map_or(0, <[u8]>::len)
    }

    /// Read as the type that `T` stands for.
    fn read<T: FromSql<'r>>(self) -> Result<T, Unreadable> {
        let bytes = self.bytes.ok_or(Unreadable::Null)?;
        T::from_sql(self.ty, bytes).map_err(|_| Unreadable::Malformed)
    }

    /// What it is, for a message.
    fn other(self) -> Unreadable {
        match *self.ty {
            _ if self.is_null() => Unreadable::Null,
            Type::BOOL => Unreadable::Is("a bool"),
            Type::INT2 | Type::INT4 | Type::INT8 => Unreadable::Is("an integer"),
            Type::FLOAT4 | Type::FLOAT8 => Unreadable::Is("a float"),
            Type::NUMERIC => Unreadable::Is("a decimal"),
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME => Unreadable::Is("text"),
            Type::DATE => Unreadable::Is("a date"),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Unreadable::Is("a datetime"),
            Type::UUID => Unreadable::Is("a UUID"),
            Type::JSON | Type::JSONB => Unreadable::Is("JSON"),
            Type::BYTEA => Unreadable::Is("bytes"),
            _ => Unreadable::Is("a value of another type"),
        }
    }

    /// The value as its own type has it, where no field says what it is: a column of raw SQL. What has no kind here
    /// (an array, an interval) can't be read.
    pub(crate) fn untyped(self) -> Option<Value> {
        let read = match *self.ty {
            _ if self.is_null() => Ok(Value::Null),
            Type::BOOL => bool(self).map(Value::Bool),
            Type::INT2 | Type::INT4 | Type::INT8 | Type::OID => integer(self).map(Value::Int),
            Type::FLOAT4 | Type::FLOAT8 => float(self).map(Value::Float),
            Type::NUMERIC => decimal(self).map(Value::Decimal),
            Type::DATE => date(self).map(Value::Date),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => datetime(self).map(Value::DateTime),
            Type::UUID => uuid(self).map(Value::Uuid),
            Type::JSON | Type::JSONB => json(self).map(Value::Json),
            Type::BYTEA => binary(self).map(Value::Binary),
            _ => text(self).map(Value::Text),
        };
        read.ok()
    }
}

pub(super) fn bool(value: PostgresValue<'_>) -> Result<bool, Unreadable> {
    match *value.ty {
        Type::BOOL => value.read(),
        _ => Err(value.other()),
    }
}

pub(super) fn integer(value: PostgresValue<'_>) -> Result<i64, Unreadable> {
    match *value.ty {
        Type::INT8 => value.read(),
        Type::INT4 => value.read::<i32>().map(Into::into),
        Type::INT2 => value.read::<i16>().map(Into::into),
        Type::OID => value.read::<u32>().map(Into::into),
        _ => Err(value.other()),
    }
}

pub(super) fn float(value: PostgresValue<'_>) -> Result<f64, Unreadable> {
    match *value.ty {
        Type::FLOAT8 => value.read(),
        Type::FLOAT4 => value.read::<f32>().map(Into::into),
        _ => Err(value.other()),
    }
}

pub(super) fn decimal(value: PostgresValue<'_>) -> Result<Decimal, Unreadable> {
    match *value.ty {
        Type::NUMERIC => value.read(),
        _ => Err(value.other()),
    }
}

pub(super) fn text(value: PostgresValue<'_>) -> Result<String, Unreadable> {
    match *value.ty {
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => value.read(),
        _ => Err(value.other()),
    }
}

pub(super) fn date(value: PostgresValue<'_>) -> Result<Date, Unreadable> {
    match *value.ty {
        Type::DATE => {
            let days = i32::from_be_bytes(value.bytes_of()?);
            EPOCH.checked_add(days.days()).map_err(|_| Unreadable::Malformed)
        }
        _ => Err(value.other()),
    }
}

pub(super) fn datetime(value: PostgresValue<'_>) -> Result<Timestamp, Unreadable> {
    match *value.ty {
        Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let since_epoch = SignedDuration::from_micros(i64::from_be_bytes(value.bytes_of()?));
            let epoch = Timestamp::from_second(EPOCH_SECONDS).map_err(|_| Unreadable::Malformed)?;
            epoch.checked_add(since_epoch).map_err(|_| Unreadable::Malformed)
        }
        _ => Err(value.other()),
    }
}

pub(super) fn uuid(value: PostgresValue<'_>) -> Result<Uuid, Unreadable> {
    match *value.ty {
        Type::UUID => Ok(Uuid::from_bytes(value.bytes_of()?)),
        _ => Err(value.other()),
    }
}

pub(super) fn json(value: PostgresValue<'_>) -> Result<serde_json::Value, Unreadable> {
    let bytes = value.bytes.ok_or(Unreadable::Null)?;
    let text = match *value.ty {
        Type::JSON => Some(bytes),
        // The first byte is the form's version.
        Type::JSONB => bytes.strip_prefix(&[1]),
        _ => return Err(value.other()),
    };
    text.and_then(|text| serde_json::from_slice(text).ok()).ok_or(Unreadable::Malformed)
}

pub(super) fn binary(value: PostgresValue<'_>) -> Result<Vec<u8>, Unreadable> {
    match *value.ty {
        Type::BYTEA => value.read(),
        _ => Err(value.other()),
    }
}

impl PostgresValue<'_> {
    fn bytes_of<const N: usize>(self) -> Result<[u8; N], Unreadable> {
        self.bytes.ok_or(Unreadable::Null)?.try_into().map_err(|_| Unreadable::Malformed)
    }
}

/// The form in which a value is sent. A number is read by the server as whatever type its place has; so is text, in
/// which everything else goes.
pub(super) fn encode(value: Value) -> sea_query::Value {
    match value {
        Value::Null => sea_query::Value::BigInt(None),
        Value::Bool(value) => value.into(),
        Value::Int(value) => value.into(),
        Value::Float(value) => value.into(),
        Value::Decimal(value) => value.to_string().into(),
        Value::Text(value) => value.into(),
        Value::Date(value) => value.to_string().into(),
        Value::DateTime(value) => format_datetime(value).into(),
        Value::Uuid(value) => value.to_string().into(),
        Value::Json(value) => value.to_string().into(),
        Value::Binary(value) => value.into(),
    }
}

/// `2026-11-23 18:05:22.229585+00`. What is finer than a microsecond is cut off, towards the past: PostgreSQL would
/// round it, and an instant must not move into the future.
fn format_datetime(instant: Timestamp) -> String {
    let instant = TimeZone::UTC.to_datetime(instant);
    let microsecond = instant.subsec_nanosecond() / 1_000;
    let (hour, minute, second) = (instant.hour(), instant.minute(), instant.second());
    format!("{} {hour:02}:{minute:02}:{second:02}.{microsecond:06}+00", instant.date())
}
