//! What a value must be to go into a field, the same on every database.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::{FieldMeta, Kind, Problem, Value};

impl FieldMeta {
    /// Whether a value can be stored in the field: the same check that is made when it is written.
    ///
    /// # Errors
    /// Raised when it is of another kind, out of range, NULL where that is not allowed, too long, or not a choice.
    pub fn check(&self, value: &Value) -> Result<(), Problem> {
        storable(self, value)
    }
}

/// Whether a value can be stored in a field.
///
/// # Errors
/// Raised when it is of another kind, out of range, NULL where that is not allowed, too long, or not a choice.
pub(crate) fn storable(field: &FieldMeta, value: &Value) -> Result<(), Problem> {
    fits(field.kind, value)?;
    match (value, field.kind) {
        (Value::Null, _) if field.null => Ok(()),
        (Value::Null, _) => Err(Problem::Null),
        (Value::Text(text), Kind::Text { max: Some(max) }) if over(text, max).is_some() => {
            Err(Problem::TooLong { length: text.chars().count(), max })
        }
        _ if is_choice(field, value) => Ok(()),
        _ => Err(Problem::NotAChoice),
    }
}

/// Whether a value can be compared with one of this kind: right kind and range, whatever its length.
///
/// # Errors
/// Raised when it is of another kind or out of range.
pub(crate) fn fits(kind: Kind, value: &Value) -> Result<(), Problem> {
    let in_range = |fits: bool| if fits { Ok(()) } else { Err(Problem::OutOfRange { expected: kind }) };
    match (kind, value) {
        (_, Value::Null)
        | (Kind::BigInt, Value::Int(_))
        | (Kind::Bool, Value::Bool(_))
        | (Kind::Uuid, Value::Uuid(_))
        | (Kind::Binary, Value::Binary(_)) => Ok(()),
        (Kind::SmallInt, Value::Int(number)) => in_range(i16::try_from(*number).is_ok()),
        (Kind::Int, Value::Int(number)) => in_range(i32::try_from(*number).is_ok()),
        (Kind::Float, Value::Float(number)) => {
            if number.is_finite() {
                Ok(())
            } else {
                Err(Problem::NotFinite)
            }
        }
        (Kind::Decimal { digits, places }, Value::Decimal(number)) => {
            scaled(*number, digits, places).map(|_| ())
        }
        (Kind::Text { .. }, Value::Text(text)) if text.contains('\0') => Err(Problem::NulCharacter),
        (Kind::Json, Value::Json(json)) if has_nul(json) => Err(Problem::NulCharacter),
        (Kind::Text { .. }, Value::Text(_)) | (Kind::Json, Value::Json(_)) => Ok(()),
        (Kind::Date, Value::Date(date)) => in_range(has_year_of_four_digits(*date)),
        (Kind::DateTime, Value::DateTime(instant)) => {
            in_range(has_year_of_four_digits(TimeZone::UTC.to_datetime(*instant).date()))
        }
        (expected, found) => Err(Problem::WrongKind { expected, found: found.description() }),
    }
}

/// Whether a text somewhere in it has a U+0000, which PostgreSQL has no form for.
fn has_nul(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(has_nul),
        serde_json::Value::Object(members) => {
            members.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => false,
    }
}

/// The decimal as an integer scaled by ten to the `places`.
///
/// # Errors
/// Raised when it has more places, which would be lost, or more digits.
pub(crate) fn scaled(number: Decimal, digits: u8, places: u8) -> Result<i64, Problem> {
    let out_of_range = Problem::OutOfRange { expected: Kind::Decimal { digits, places } };
    let number = number.normalize();
    let missing = u32::from(places).checked_sub(number.scale()).ok_or(Problem::TooManyPlaces { places })?;
    let scaled = 10_i128.checked_pow(missing).and_then(|power| number.mantissa().checked_mul(power));
    match scaled {
        Some(scaled) if scaled.unsigned_abs() < 10_u128.pow(digits.into()) => {
            i64::try_from(scaled).map_err(|_| out_of_range)
        }
        _ => Err(out_of_range),
    }
}

/// The years that sort as text and that every database holds.
fn has_year_of_four_digits(date: Date) -> bool {
    date.year() >= 1
}

/// `Some` when the text has more characters than allowed. Counting stops at the first character too many.
fn over(text: &str, max: u32) -> Option<char> {
    text.chars().nth(usize::try_from(max).unwrap_or(usize::MAX))
}

fn is_choice(field: &FieldMeta, value: &Value) -> bool {
    let is = |given: &str| field.choices.iter().any(|choice| choice.value == given);
    match value {
        _ if field.choices.is_empty() => true,
        Value::Text(text) => is(text),
        Value::Int(number) => is(&number.to_string()),
        _ => false,
    }
}
