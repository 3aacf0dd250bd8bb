//! The form that each kind of value has in a SQLite file.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::cell::Unreadable;
use super::check::scaled;
use super::{Bound, Kind, Problem, Value};

/// As true or false: 0 or 1.
pub(super) fn bool(raw: ValueRef<'_>) -> Result<bool, Unreadable> {
    match raw {
        ValueRef::Integer(0) => Ok(false),
        ValueRef::Integer(1) => Ok(true),
        ValueRef::Integer(_) => Err(Unreadable::Malformed),
        _ => Err(other(raw)),
    }
}

#[inline]
pub(super) fn integer(raw: ValueRef<'_>) -> Result<i64, Unreadable> {
    match raw {
        ValueRef::Integer(number) => Ok(number),
        _ => Err(other(raw)),
    }
}

// An integer stands in a column of floats only where another program wrote it, and means the same number.
#[expect(clippy::cast_precision_loss, reason = "SQLite itself converts it in the same way")]
pub(super) fn float(raw: ValueRef<'_>) -> Result<f64, Unreadable> {
    match raw {
        ValueRef::Real(number) => Ok(number),
        ValueRef::Integer(number) => Ok(number as f64),
        _ => Err(other(raw)),
    }
}

/// From an integer scaled by ten to the `places`.
pub(super) fn decimal(raw: ValueRef<'_>, places: u8) -> Result<Decimal, Unreadable> {
    let scaled = integer(raw)?;
    Decimal::try_from_i128_with_scale(scaled.into(), places.into()).map_err(|_| Unreadable::Malformed)
}

#[inline]
pub(super) fn text(raw: ValueRef<'_>) -> Result<String, Unreadable> {
    str(raw).map(str::to_owned)
}

pub(super) fn date(raw: ValueRef<'_>) -> Result<Date, Unreadable> {
    let text = str(raw)?;
    if text.len() == 10 {
        text.parse().map_err(|_| Unreadable::Malformed)
    } else {
        Err(Unreadable::Malformed)
    }
}

pub(super) fn datetime(raw: ValueRef<'_>) -> Result<Timestamp, Unreadable> {
    parse_datetime(str(raw)?).ok_or(Unreadable::Malformed)
}

pub(super) fn uuid(raw: ValueRef<'_>) -> Result<Uuid, Unreadable> {
    Uuid::try_parse(str(raw)?).map_err(|_| Unreadable::Malformed)
}

pub(super) fn json(raw: ValueRef<'_>) -> Result<serde_json::Value, Unreadable> {
    serde_json::from_str(str(raw)?).map_err(|_| Unreadable::Malformed)
}

pub(super) fn binary(raw: ValueRef<'_>) -> Result<Vec<u8>, Unreadable> {
    match raw {
        ValueRef::Blob(bytes) => Ok(bytes.to_vec()),
        _ => Err(other(raw)),
    }
}

#[inline]
fn str(raw: ValueRef<'_>) -> Result<&str, Unreadable> {
    match raw {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_err(|_| Unreadable::Malformed),
        _ => Err(other(raw)),
    }
}

fn other(raw: ValueRef<'_>) -> Unreadable {
    match raw {
        ValueRef::Null => Unreadable::Null,
        ValueRef::Integer(_) => Unreadable::Is("an integer"),
        ValueRef::Real(_) => Unreadable::Is("a float"),
        ValueRef::Text(_) => Unreadable::Is("text"),
        ValueRef::Blob(_) => Unreadable::Is("bytes"),
    }
}

/// A stored value whose kind nobody knows: a column of raw SQL.
pub(crate) fn untyped(raw: ValueRef<'_>) -> Value {
    match raw {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Float(number),
        ValueRef::Text(bytes) => match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Value::Text(text),
            Err(other) => Value::Binary(other.into_bytes()),
        },
        ValueRef::Blob(bytes) => Value::Binary(bytes.to_vec()),
    }
}

/// The form in which a value stands in a column of `kind`. The caller has found that it fits.
///
/// # Errors
/// Raised when a decimal does not fit.
pub(crate) fn encode(kind: Kind, value: Value) -> Result<sea_query::Value, Problem> {
    if let (Kind::Decimal { digits, places }, Value::Decimal(number)) = (kind, &value) {
        return scaled(*number, digits, places).map(Into::into);
    }
    encode_untyped(value).ok_or(Problem::WrongKind { expected: kind, found: "a decimal" })
}

/// The form in which a value stands where no kind says more; `None` for a decimal, which has no form of its own.
pub(crate) fn encode_untyped(value: Value) -> Option<sea_query::Value> {
    Some(match value {
        Value::Null => sea_query::Value::BigInt(None),
        Value::Bool(value) => i64::from(value).into(),
        Value::Int(value) => value.into(),
        Value::Float(value) => value.into(),
        Value::Decimal(_) => return None,
        Value::Text(value) => value.into(),
        Value::Date(value) => value.to_string().into(),
        Value::DateTime(value) => format_datetime(value).into(),
        Value::Uuid(value) => value.simple().to_string().into(),
        Value::Json(value) => value.to_string().into(),
        Value::Binary(value) => value.into(),
    })
}

impl ToSql for Bound {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer((*value).into()),
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Float(value) => ValueRef::Real(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// `2026-11-23 18:05:22.229585`, in UTC, without the fraction when it is zero. What is finer than a microsecond is
/// cut off (towards the past, before 1970 too), never rounded: an instant must not move into the future.
fn format_datetime(instant: Timestamp) -> String {
    let instant = TimeZone::UTC.to_datetime(instant);
    let mut text = String::with_capacity(26);
    let (date, microsecond) = (instant.date(), instant.subsec_nanosecond() / 1_000);
    // Writing to a String can't fail.
    let _ = write!(text, "{date} {:02}:{:02}:{:02}", instant.hour(), instant.minute(), instant.second());
    if microsecond != 0 {
        let _ = write!(text, ".{microsecond:06}");
    }
    text
}

/// What [`format_datetime`] wrote, or Django: a `T` for the space and a shorter fraction pass, an offset doesn't,
/// because it would be ignored. A list has one in each row, so the digits are read where they stand.
fn parse_datetime(text: &str) -> Option<Timestamp> {
    let (head, fraction) = text.as_bytes().split_at_checked(19)?;
    let nanosecond = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            number(digits)? * 10_i32.pow(9 - u32::try_from(digits.len()).ok()?)
        }
        _ => return None,
    };
    let separators = [head[4], head[7], head[10], head[13], head[16]];
    if !matches!(separators, [b'-', b'-', b' ' | b'T', b':', b':']) {
        return None;
    }
    let small = |from: usize| i8::try_from(number(&head[from..from + 2])?).ok();
    let year = i16::try_from(number(&head[..4])?).ok()?;
    let instant = DateTime::new(year, small(5)?, small(8)?, small(11)?, small(14)?, small(17)?, nanosecond);
    TimeZone::UTC.to_timestamp(instant.ok()?).ok()
}

/// The number that at most nine digits make; `None` where a byte is no digit.
fn number(digits: &[u8]) -> Option<i32> {
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i32::from(digit - b'0');
    }
    Some(number)
}
