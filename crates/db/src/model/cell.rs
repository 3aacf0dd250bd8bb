//! One stored value, to be read as the kind that its field has.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::ValueRef;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::postgres_form::PostgresValue;
use super::{Kind, Problem, Value, postgres_form, sqlite_form};

/// One stored value, to be read as the kind that its field has.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'r> {
    raw: Raw<'r>,
    kind: Kind,
}

/// A value as a database holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw<'r> {
    Sqlite(ValueRef<'r>),
    Postgres(PostgresValue<'r>),
}

impl Raw<'_> {
    /// How many bytes of memory it takes where it is text or bytes.
    #[inline]
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Sqlite(ValueRef::Text(bytes) | ValueRef::Blob(bytes)) => bytes.len(),
            Self::Sqlite(_) => 0,
            Self::Postgres(value) => value.len(),
        }
    }
}

/// Why a stored value can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is NULL.
    Null,
    /// It is stored as it should be, and is no such value.
    Malformed,
    /// It is something else.
    Is(&'static str),
}

/// The ways to read a value, each with what both databases have for it.
macro_rules! reads {
    ($($(#[$doc:meta])+ $name:ident -> $type:ty;)+) => {$(
        $(#[$doc])+
        #[inline]
        pub fn $name(self) -> Result<$type, Problem> {
            let read = match self.raw {
                Raw::Sqlite(raw) => sqlite_form::$name(raw),
                Raw::Postgres(raw) => postgres_form::$name(raw),
            };
            read.map_err(|why| self.problem(why))
        }
    )+};
}

impl<'r> Cell<'r> {
    pub(crate) fn new(raw: Raw<'r>, kind: Kind) -> Self {
        Self { raw, kind }
    }

    /// Whether it is NULL.
    #[must_use]
    pub fn is_null(self) -> bool {
        match self.raw {
            Raw::Sqlite(raw) => raw == ValueRef::Null,
            Raw::Postgres(raw) => raw.is_null(),
        }
    }

    reads! {
        /// As true or false.
        ///
        /// # Errors
        /// Raised when it is neither.
        bool -> bool;
        /// As an integer.
        ///
        /// # Errors
        /// Raised when it is not one.
        integer -> i64;
        /// As a float.
        ///
        /// # Errors
        /// Raised when it is not a number.
        float -> f64;
        /// As text.
        ///
        /// # Errors
        /// Raised when it is not text, or not UTF-8.
        text -> String;
        /// As a day.
        ///
        /// # Errors
        /// Raised when it is not one: on SQLite text such as `2026-11-23`.
        date -> Date;
        /// As an instant.
        ///
        /// # Errors
        /// Raised when it is not one: on SQLite text such as `2026-11-23 18:05:22.229585`, in UTC, with or without a
        /// fraction.
        datetime -> Timestamp;
        /// As a UUID.
        ///
        /// # Errors
        /// Raised when it is not one: on SQLite 32 hexadecimal digits, with or without hyphens.
        uuid -> Uuid;
        /// As a JSON value.
        ///
        /// # Errors
        /// Raised when it is not JSON.
        json -> serde_json::Value;
        /// As bytes.
        ///
        /// # Errors
        /// Raised when it is anything else.
        binary -> Vec<u8>;
    }

    /// As a decimal number.
    ///
    /// # Errors
    /// Raised when it is not one: on SQLite a scaled integer.
    pub fn decimal(self) -> Result<Decimal, Problem> {
        let read = match (self.raw, self.kind) {
            (Raw::Sqlite(raw), Kind::Decimal { places, .. }) => sqlite_form::decimal(raw, places),
            (Raw::Sqlite(_), _) => Err(Unreadable::Malformed),
            (Raw::Postgres(raw), _) => postgres_form::decimal(raw),
        };
        read.map_err(|why| self.problem(why))
    }

    fn problem(self, why: Unreadable) -> Problem {
        match why {
            Unreadable::Null => Problem::Null,
            Unreadable::Malformed => Problem::Malformed { expected: self.kind },
            Unreadable::Is(found) => Problem::WrongKind { expected: self.kind, found },
        }
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
