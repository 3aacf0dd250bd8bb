//! What the derive macro can't see in the tokens: whether a field's attributes agree with its type.
//!
//! Where a trait bound can say it, a bound does, because the compiler's message is then about the field alone; the rest
//! is asserted when the compiler evaluates the metadata.

use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Auto, DefaultValue, Field, FieldMeta, Kind, Model, OnDelete};

/// What `max_length` needs.
#[diagnostic::on_unimplemented(message = "`max_length` is for text", label = "not text")]
pub trait IsText: Field {}
impl IsText for String {}

/// What `digits` and `places` need.
#[diagnostic::on_unimplemented(message = "`digits` and `places` are for a Decimal", label = "not a Decimal")]
pub trait IsDecimal: Field {}
impl IsDecimal for Decimal {}

/// What the key is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the key",
    label = "not a key",
    note = "a key is an Auto<i64>, an i16, i32 or i64, a Uuid or a String"
)]
pub trait IsKey: Field {}
impl IsKey for Auto<i64> {}
impl IsKey for i16 {}
impl IsKey for i32 {}
impl IsKey for i64 {}
impl IsKey for Uuid {}
impl IsKey for String {}

/// What every field but the key is. The macro refuses an `Auto` that it sees; this is for one behind an alias.
pub trait IsNotAuto: Field {}
impl<T: Field<Plain = T>> IsNotAuto for T {}
impl<T: Field<Plain = T>> IsNotAuto for Option<T> {}

/// What `on_delete = set_null` needs.
#[diagnostic::on_unimplemented(
    message = "`on_delete = set_null` needs an Option",
    label = "this can't be NULL"
)]
pub trait IsOption: Field {}
impl<T: Field<Plain = T>> IsOption for Option<T> {}

/// The kind of a field of type `T` without further attributes.
#[must_use]
pub const fn plain_kind<T: Field>() -> Kind {
    assert!(
        !matches!(T::KIND, Kind::Decimal { digits: 0, .. }),
        "a Decimal says how many digits it has: #[field(digits = 12, places = 2)]"
    );
    T::KIND
}

/// The kind of a text field of at most `max` characters.
#[must_use]
pub const fn bounded_text<T: Field<Plain: IsText>>(max: u32) -> Kind {
    assert!(max > 0, "`max_length` must be at least 1");
    Kind::Text { max: Some(max) }
}

/// The kind of a decimal field.
#[must_use]
pub const fn decimal<T: Field<Plain: IsDecimal>>(digits: u8, places: u8) -> Kind {
    assert!(digits >= 1 && digits <= 18, "a Decimal has 1 to 18 digits");
    assert!(places <= digits, "a Decimal can't have more places than digits");
    Kind::Decimal { digits, places }
}

/// Whether a key of type `T` is given by the database.
#[must_use]
pub const fn key_is_auto<T: IsKey>() -> bool {
    T::AUTO
}

/// That a field is no key, and so not given by the database.
#[must_use]
pub const fn never_auto<T: IsNotAuto>() -> bool {
    false
}

/// `set_null`, for a field that can be NULL.
#[must_use]
pub const fn set_null<T: IsOption>() -> OnDelete {
    OnDelete::SetNull
}

/// Makes sure that a field of type `F` can hold the key of model `M`.
pub const fn leads_to<F: Field<Plain = M::Key>, M: Model>() {}

/// The field, once its attributes are found to agree with each other.
#[must_use]
pub const fn checked(field: FieldMeta) -> FieldMeta {
    assert!(
        field.choices.is_empty()
            || matches!(field.kind, Kind::Text { .. } | Kind::SmallInt | Kind::Int | Kind::BigInt),
        "only text and integers have `choices`"
    );
    if let Some(default) = field.default {
        assert!(!field.auto, "a key that the database gives has no `default`");
        assert!(default_fits(field.kind, default), "the `default` does not fit the field");
    }
    field
}

const fn default_fits(kind: Kind, default: DefaultValue) -> bool {
    match (kind, default) {
        (Kind::SmallInt, DefaultValue::Int(number)) => number >= i16::MIN as i64 && number <= i16::MAX as i64,
        (Kind::Int, DefaultValue::Int(number)) => number >= i32::MIN as i64 && number <= i32::MAX as i64,
        (Kind::Decimal { digits, places }, DefaultValue::Int(number)) => {
            number.unsigned_abs() < 10_u64.pow((digits - places) as u32)
        }
        // Bytes are at least as many as characters; a default longer than that is written with fewer.
        (Kind::Text { max: Some(max) }, DefaultValue::Text(text)) => text.len() <= max as usize,
        (Kind::Float, DefaultValue::Float(number)) => number.is_finite(),
        (Kind::BigInt, DefaultValue::Int(_))
        | (Kind::Bool, DefaultValue::Bool(_))
        | (Kind::Text { max: None }, DefaultValue::Text(_))
        | (Kind::Date | Kind::DateTime, DefaultValue::Now)
        | (Kind::Uuid, DefaultValue::NewUuid) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_fits_only_a_field_of_its_kind_and_range() {
        let decimal = Kind::Decimal { digits: 4, places: 2 };
        for (kind, default, fits) in [
            (Kind::SmallInt, DefaultValue::Int(32_767), true),
            (Kind::SmallInt, DefaultValue::Int(32_768), false),
            (Kind::Int, DefaultValue::Int(-2_147_483_649), false),
            (Kind::BigInt, DefaultValue::Int(i64::MIN), true),
            (decimal, DefaultValue::Int(99), true),
            (decimal, DefaultValue::Int(-100), false),
            (Kind::Text { max: Some(2) }, DefaultValue::Text("ab"), true),
            (Kind::Text { max: Some(2) }, DefaultValue::Text("abc"), false),
            (Kind::Text { max: None }, DefaultValue::Now, false),
            (Kind::Bool, DefaultValue::Text("yes"), false),
            (Kind::Float, DefaultValue::Float(f64::NAN), false),
            (Kind::Uuid, DefaultValue::NewUuid, true),
            (Kind::Date, DefaultValue::NewUuid, false),
        ] {
            assert_eq!(default_fits(kind, default), fits, "{kind} {default:?}");
        }
    }

    #[test]
    #[should_panic(expected = "a Decimal says how many digits it has")]
    fn a_decimal_without_digits_is_refused() {
        let _ = plain_kind::<Option<Decimal>>();
    }

    #[test]
    #[should_panic(expected = "more places than digits")]
    fn a_decimal_of_more_places_than_digits_is_refused() {
        let _ = decimal::<Decimal>(2, 3);
    }
}
