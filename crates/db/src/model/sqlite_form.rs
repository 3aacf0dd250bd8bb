//! What is SQLite's own: the form of each kind of value in a file, and the SQL that other databases say otherwise.

use std::fmt::Write;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use rusqlite::types::{Value as Stored, ValueRef};
use rust_decimal::Decimal;
use sea_query::{Expr, QueryStatementWriter, SqliteQueryBuilder, Values};
use uuid::Uuid;

use super::check::scaled;
use super::{Kind, Problem, Value};

/// The statement as SQLite takes it.
pub(super) fn build(statement: &impl QueryStatementWriter) -> (String, Values) {
    statement.build(SqliteQueryBuilder)
}

/// Whether a column has a text in it. LIKE would ignore the case of ASCII letters.
pub(super) fn contains(column: &'static str, text: sea_query::Value) -> Expr {
    Expr::cust_with_exprs("instr(?, ?) > 0", [Expr::col(column), Expr::Value(text)])
}

/// The same, whatever the case of ASCII letters. LIKE would do too, but where text and pattern are long and alike it
/// takes minutes for one value, in which nothing can stop it.
pub(super) fn contains_ignoring_case(column: &'static str, text: sea_query::Value) -> Expr {
    Expr::cust_with_exprs("instr(lower(?), lower(?)) > 0", [Expr::col(column), Expr::Value(text)])
}

/// Whether a column starts with a text, whatever the case of ASCII letters.
pub(super) fn starts_with_ignoring_case(column: &'static str, text: sea_query::Value) -> Expr {
    let text = Expr::Value(text);
    Expr::cust_with_exprs(
        "lower(substr(?, 1, length(?))) = lower(?)",
        [Expr::col(column), text.clone(), text],
    )
}

/// The most values that one statement takes.
pub(crate) const MAX_VALUES: usize = 32_766;

/// One stored value, to be read as the kind that its field has.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'r> {
    raw: ValueRef<'r>,
    kind: Kind,
}

impl<'r> Cell<'r> {
    pub(crate) fn new(raw: ValueRef<'r>, kind: Kind) -> Self {
        Self { raw, kind }
    }

    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.raw == ValueRef::Null
    }

    /// As true or false.
    ///
    /// # Errors
    /// Raised when it is anything but 0 or 1.
    pub fn bool(self) -> Result<bool, Problem> {
        match self.raw {
            ValueRef::Integer(0) => Ok(false),
            ValueRef::Integer(1) => Ok(true),
            ValueRef::Integer(_) => Err(self.malformed()),
            _ => Err(self.wrong_kind()),
        }
    }

    /// As an integer.
    ///
    /// # Errors
    /// Raised when it is not one.
    pub fn integer(self) -> Result<i64, Problem> {
        match self.raw {
            ValueRef::Integer(number) => Ok(number),
            _ => Err(self.wrong_kind()),
        }
    }

    /// As a float.
    ///
    /// # Errors
    /// Raised when it is not a number.
    // An integer stands in a column of floats only where another program wrote it, and means the same number.
    #[expect(clippy::cast_precision_loss, reason = "SQLite itself converts it in the same way")]
    pub fn float(self) -> Result<f64, Problem> {
        match self.raw {
            ValueRef::Real(number) => Ok(number),
            ValueRef::Integer(number) => Ok(number as f64),
            _ => Err(self.wrong_kind()),
        }
    }

    /// As a decimal number.
    ///
    /// # Errors
    /// Raised when it is not a scaled integer.
    pub fn decimal(self) -> Result<Decimal, Problem> {
        match (self.raw, self.kind) {
            (ValueRef::Integer(scaled), Kind::Decimal { places, .. }) => {
                Decimal::try_from_i128_with_scale(scaled.into(), places.into()).map_err(|_| self.malformed())
            }
            _ => Err(self.wrong_kind()),
        }
    }

    /// As text.
    ///
    /// # Errors
    /// Raised when it is not text, or not UTF-8.
    pub fn text(self) -> Result<String, Problem> {
        self.str().map(str::to_owned)
    }

    /// As a day.
    ///
    /// # Errors
    /// Raised when it is not text such as `2026-11-23`.
    pub fn date(self) -> Result<Date, Problem> {
        let text = self.str()?;
        if text.len() == 10 { text.parse().map_err(|_| self.malformed()) } else { Err(self.malformed()) }
    }

    /// As an instant.
    ///
    /// # Errors
    /// Raised when it is not text such as `2026-11-23 18:05:22.229585`, in UTC, with or without a fraction.
    pub fn datetime(self) -> Result<Timestamp, Problem> {
        parse_datetime(self.str()?).ok_or_else(|| self.malformed())
    }

    /// As a UUID.
    ///
    /// # Errors
    /// Raised when it is not 32 hexadecimal digits, with or without hyphens.
    pub fn uuid(self) -> Result<Uuid, Problem> {
        Uuid::try_parse(self.str()?).map_err(|_| self.malformed())
    }

    /// As a JSON value.
    ///
    /// # Errors
    /// Raised when it is not JSON text.
    pub fn json(self) -> Result<serde_json::Value, Problem> {
        serde_json::from_str(self.str()?).map_err(|_| self.malformed())
    }

    /// As bytes.
    ///
    /// # Errors
    /// Raised when it is not a blob.
    pub fn binary(self) -> Result<Vec<u8>, Problem> {
        match self.raw {
            ValueRef::Blob(bytes) => Ok(bytes.to_vec()),
            _ => Err(self.wrong_kind()),
        }
    }

    fn str(self) -> Result<&'r str, Problem> {
        match self.raw {
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_err(|_| self.malformed()),
            _ => Err(self.wrong_kind()),
        }
    }

    fn malformed(self) -> Problem {
        Problem::Malformed { expected: self.kind }
    }

    fn wrong_kind(self) -> Problem {
        let found = match self.raw {
            ValueRef::Null => return Problem::Null,
            ValueRef::Integer(_) => "an integer",
            ValueRef::Real(_) => "a float",
            ValueRef::Text(_) => "text",
            ValueRef::Blob(_) => "bytes",
        };
        Problem::WrongKind { expected: self.kind, found }
    }
}

/// A stored value as its field's kind has it.
///
/// # Errors
/// Raised when it can't be read as that kind.
pub(super) fn value(cell: Cell<'_>) -> Result<Value, Problem> {
    if cell.is_null() {
        return Ok(Value::Null);
    }
    Ok(match cell.kind {
        Kind::SmallInt | Kind::Int | Kind::BigInt => Value::Int(cell.integer()?),
        Kind::Bool => Value::Bool(cell.bool()?),
        Kind::Float => Value::Float(cell.float()?),
        Kind::Decimal { .. } => Value::Decimal(cell.decimal()?),
        Kind::Text { .. } => Value::Text(cell.text()?),
        Kind::Date => Value::Date(cell.date()?),
        Kind::DateTime => Value::DateTime(cell.datetime()?),
        Kind::Uuid => Value::Uuid(cell.uuid()?),
        Kind::Json => Value::Json(cell.json()?),
        Kind::Binary => Value::Binary(cell.binary()?),
    })
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

/// A value that sea-query has put beside its SQL, as SQLite takes it. `None` for what SQLite has no form for.
pub(crate) fn bound(value: sea_query::Value) -> Option<Stored> {
    use sea_query::Value as Sea;
    fn stored<T: Into<Stored>>(value: Option<T>) -> Option<Stored> {
        Some(value.map_or(Stored::Null, Into::into))
    }
    match value {
        Sea::Bool(value) => stored(value.map(i64::from)),
        Sea::TinyInt(value) => stored(value),
        Sea::SmallInt(value) => stored(value),
        Sea::Int(value) => stored(value),
        Sea::BigInt(value) => stored(value),
        Sea::TinyUnsigned(value) => stored(value),
        Sea::SmallUnsigned(value) => stored(value),
        Sea::Unsigned(value) => stored(value),
        Sea::BigUnsigned(Some(value)) => i64::try_from(value).ok().map(Into::into),
        Sea::BigUnsigned(None) => Some(Stored::Null),
        Sea::Float(value) => stored(value.map(f64::from)),
        Sea::Double(value) => stored(value),
        Sea::String(value) => stored(value),
        Sea::Char(value) => stored(value.map(String::from)),
        Sea::Bytes(value) => stored(value),
        Sea::Enum(_) => None,
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
