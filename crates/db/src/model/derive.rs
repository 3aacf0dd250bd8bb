//! What the derive macro can't see in the tokens, checked by the compiler when it evaluates the metadata.

use super::{DefaultValue, Field, FieldMeta, Kind, Model, OnDelete};

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
pub const fn bounded_text<T: Field>(max: u32) -> Kind {
    assert!(matches!(T::KIND, Kind::Text { .. }), "only text has a `max_length`");
    assert!(max > 0, "`max_length` must be at least 1");
    Kind::Text { max: Some(max) }
}

/// The kind of a decimal field.
#[must_use]
pub const fn decimal<T: Field>(digits: u8, places: u8) -> Kind {
    assert!(matches!(T::KIND, Kind::Decimal { .. }), "only a Decimal has `digits` and `places`");
    assert!(digits >= 1 && digits <= 18, "a Decimal has 1 to 18 digits");
    assert!(places <= digits, "a Decimal can't have more places than digits");
    Kind::Decimal { digits, places }
}

/// The field, once its attributes are found to agree with each other.
#[must_use]
pub const fn checked(field: FieldMeta) -> FieldMeta {
    assert!(!field.auto || field.primary_key, "only the key can be `Auto`");
    assert!(!field.primary_key || !field.null, "the key can't be an Option");
    assert!(
        field.choices.is_empty()
            || matches!(field.kind, Kind::Text { .. } | Kind::SmallInt | Kind::Int | Kind::BigInt),
        "only text and integers have `choices`"
    );
    if let Some(relation) = field.relation {
        assert!(
            field.null || !matches!(relation.on_delete, OnDelete::SetNull),
            "`on_delete = set_null` needs an Option"
        );
    }
    if let Some(default) = field.default {
        assert!(!field.auto, "a key that the database gives has no `default`");
        assert!(default_fits(field.kind, default), "the `default` is of another kind than the field");
    }
    field
}

/// Makes sure that a field of type `F` can hold the key of model `M`.
pub const fn leads_to<F: Field<Plain = M::Key>, M: Model>() {}

const fn default_fits(kind: Kind, default: DefaultValue) -> bool {
    match (kind, default) {
        (Kind::SmallInt, DefaultValue::Int(number)) => number >= i16::MIN as i64 && number <= i16::MAX as i64,
        (Kind::Int, DefaultValue::Int(number)) => number >= i32::MIN as i64 && number <= i32::MAX as i64,
        (Kind::Decimal { digits, places }, DefaultValue::Int(number)) => {
            number.unsigned_abs() < 10_u64.pow((digits - places) as u32)
        }
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
