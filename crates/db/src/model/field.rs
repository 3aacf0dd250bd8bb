//! The Rust types that a model's field can have.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Auto, Cell, Kind, Problem, Value};

/// A type that a model's field can have.
///
/// An application can implement it for a type of its own by passing every call on to the type that it wraps:
///
/// ```
/// use tenantry_db::model::{Auto, Cell, Field, Kind, Model, Problem, Value};
///
/// struct Colour(String);
///
/// impl Field for Colour {
///     type Plain = Self;
///     const KIND: Kind = String::KIND;
///
///     fn to_value(&self) -> Value {
///         self.0.to_value()
///     }
///
///     fn from_value(value: Value) -> Result<Self, Problem> {
///         String::from_value(value).map(Self)
///     }
///
///     fn read(cell: Cell<'_>) -> Result<Self, Problem> {
///         String::read(cell).map(Self)
///     }
/// }
///
/// #[derive(Model)]
/// #[model(app = "paint", crate = "tenantry_db")]
/// struct Tin {
///     #[field(primary_key)]
///     id: Auto<i64>,
///     colour: Option<Colour>,
/// }
///
/// let red = Tin::COLOUR.eq(Colour("red".to_owned()));
/// # let _ = red;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a field of a model",
    label = "not a kind of field",
    note = "the kinds are bool, i16, i32, i64, f64, Decimal, String, jiff::civil::Date, jiff::Timestamp, Uuid, \
            serde_json::Value and Vec<u8>, each also in an Option, and Auto<i64> for a key that the database gives"
)]
pub trait Field: Sized + Send + 'static {
    /// The type itself, without the `Option` or the `Auto` around it: what a column is compared with.
    type Plain: Field<Plain = Self::Plain>;
    /// The kind of value. Text is unbounded here and a decimal has no digits: the field's attributes say those.
    const KIND: Kind;
    /// Whether it may be NULL.
    const NULL: bool = false;
    /// Whether the database gives the value when none is given.
    const AUTO: bool = false;

    /// The value, for code that knows the field only by its metadata.
    fn to_value(&self) -> Value;

    /// The way back from [`Field::to_value`].
    ///
    /// # Errors
    /// Raised when the value is of another kind, NULL, or outside of the type's range.
    fn from_value(value: Value) -> Result<Self, Problem>;

    /// Reads it from a stored row.
    ///
    /// # Errors
    /// Raised when what is stored can't be read as this type.
    fn read(cell: Cell<'_>) -> Result<Self, Problem>;
}

/// Types that hold exactly what a [`Value`] and a [`Cell`] give.
macro_rules! plain_field {
    ($($plain:ty: $kind:expr, $variant:ident, $read:ident;)+) => {$(
        impl Field for $plain {
            type Plain = Self;
            const KIND: Kind = $kind;

            fn to_value(&self) -> Value {
                Value::$variant(self.clone())
            }

            fn from_value(value: Value) -> Result<Self, Problem> {
                match value {
                    Value::$variant(value) => Ok(value),
                    Value::Null => Err(Problem::Null),
                    other => Err(Problem::WrongKind { expected: Self::KIND, found: other.description() }),
                }
            }

            #[inline]
            fn read(cell: Cell<'_>) -> Result<Self, Problem> {
                cell.$read()
            }
        }
    )+};
}

plain_field! {
    bool: Kind::Bool, Bool, bool;
    i64: Kind::BigInt, Int, integer;
    f64: Kind::Float, Float, float;
    Decimal: Kind::Decimal { digits: 0, places: 0 }, Decimal, decimal;
    String: Kind::Text { max: None }, Text, text;
    Date: Kind::Date, Date, date;
    Timestamp: Kind::DateTime, DateTime, datetime;
    Uuid: Kind::Uuid, Uuid, uuid;
    serde_json::Value: Kind::Json, Json, json;
    Vec<u8>: Kind::Binary, Binary, binary;
}

/// Integers that are narrower than the 64 bits that a [`Value`] has.
macro_rules! narrow_field {
    ($($narrow:ty: $kind:ident;)+) => {$(
        impl Field for $narrow {
            type Plain = Self;
            const KIND: Kind = Kind::$kind;

            fn to_value(&self) -> Value {
                Value::Int((*self).into())
            }

            fn from_value(value: Value) -> Result<Self, Problem> {
                Self::try_from(i64::from_value(value)?).map_err(|_| Problem::OutOfRange { expected: Self::KIND })
            }

            fn read(cell: Cell<'_>) -> Result<Self, Problem> {
                Self::try_from(cell.integer()?).map_err(|_| Problem::OutOfRange { expected: Self::KIND })
            }
        }
    )+};
}

narrow_field! {
    i16: SmallInt;
    i32: Int;
}

impl<T: Field<Plain = T>> Field for Option<T> {
    type Plain = T;
    const KIND: Kind = T::KIND;
    const NULL: bool = true;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::to_value)
    }

    fn from_value(value: Value) -> Result<Self, Problem> {
        if value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }

    fn read(cell: Cell<'_>) -> Result<Self, Problem> {
        if cell.is_null() { Ok(None) } else { T::read(cell).map(Some) }
    }
}

impl Field for Auto<i64> {
    type Plain = i64;
    const KIND: Kind = Kind::BigInt;
    const AUTO: bool = true;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::to_value)
    }

    fn from_value(value: Value) -> Result<Self, Problem> {
        Option::<i64>::from_value(value).map(|key| key.map_or(Self::unset(), Self::from))
    }

    #[inline]
    fn read(cell: Cell<'_>) -> Result<Self, Problem> {
        i64::read(cell).map(Self::from)
    }
}
