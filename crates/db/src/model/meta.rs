//! What is known of a model without any of its rows: its table, its fields and their kinds.

use std::fmt;

use super::Model;

/// The kind of value that a field holds. The same kind is stored in the form that the database at hand has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A 16-bit integer.
    SmallInt,
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    BigInt,
    /// True or false.
    Bool,
    /// A 64-bit float.
    Float,
    /// A decimal number, exact. On SQLite it is an integer scaled by ten to the `places`.
    Decimal {
        /// All digits, before and after the point: 1 to 18.
        digits: u8,
        /// The digits after the point, at most `digits`.
        places: u8,
    },
    /// Text.
    Text {
        /// The most characters (not bytes) that it may have, where it is bounded.
        max: Option<u32>,
    },
    /// A day. On SQLite text such as `2026-11-23`.
    Date,
    /// An instant, in UTC, to the microsecond. On SQLite text such as `2026-11-23 18:05:22.229585`, without the
    /// fraction when it is zero.
    DateTime,
    /// A UUID. On SQLite 32 lower-case hexadecimal digits.
    Uuid,
    /// A JSON value. On SQLite text.
    Json,
    /// Bytes.
    Binary,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SmallInt => "a 16-bit integer",
            Self::Int => "a 32-bit integer",
            Self::BigInt => "a 64-bit integer",
            Self::Bool => "a bool",
            Self::Float => "a float",
            Self::Decimal { digits, places } => {
                return write!(f, "a decimal of {digits} digits, {places} of them after the point");
            }
            Self::Text { .. } => "text",
            Self::Date => "a date",
            Self::DateTime => "a datetime",
            Self::Uuid => "a UUID",
            Self::Json => "JSON",
            Self::Binary => "bytes",
        })
    }
}

/// A value that a field gets where none is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DefaultValue {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(&'static str),
    /// The instant, or the day, of the insert.
    Now,
    /// A new UUID, version 7: ordered by time.
    NewUuid,
}

/// One of the values that a field is limited to, and what people are shown for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value as it is stored.
    pub value: &'static str,
    /// What people are shown.
    pub label: &'static str,
}

/// What happens to a row when the row that it refers to is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnDelete {
    /// It goes too.
    Cascade,
    /// The deletion is refused.
    Protect,
    /// Its reference becomes NULL.
    SetNull,
}

/// Where a foreign key leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The table referred to.
    pub table: &'static str,
    /// The column referred to, that table's key.
    pub column: &'static str,
    /// What happens when the row referred to is deleted.
    pub on_delete: OnDelete,
}

impl Relation {
    /// A reference to the key of model `M`.
    #[must_use]
    pub const fn to<M: Model>(on_delete: OnDelete) -> Self {
        Self { table: M::TABLE, column: M::KEY_COLUMN, on_delete }
    }
}

/// What is known of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldMeta {
    /// The field's name in Rust.
    pub name: &'static str,
    /// The column's name.
    pub column: &'static str,
    /// The kind of value it holds.
    pub kind: Kind,
    /// Whether it may be NULL.
    pub null: bool,
    /// Whether no two rows may have the same value.
    pub unique: bool,
    /// Whether it has an index of its own (a unique or key field has one anyway).
    pub index: bool,
    /// Whether it is the key.
    pub primary_key: bool,
    /// Whether the database gives it its value when none is given: only a key of kind [`Kind::BigInt`].
    pub auto: bool,
    /// What it gets where none is given.
    pub default: Option<DefaultValue>,
    /// The values it is limited to; empty where it isn't.
    pub choices: &'static [Choice],
    /// What people are told beside the field.
    pub help_text: &'static str,
    /// Where it leads, if it is a foreign key.
    pub relation: Option<Relation>,
}

/// A column to sort by. NULLs come first when ascending, and text is compared by its bytes, on every database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The column.
    pub column: &'static str,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// A many-to-many relation: two foreign keys in a join model of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManyToMany {
    /// The relation's name.
    pub name: &'static str,
    /// The table on the far side.
    pub target: &'static str,
    /// The join table.
    pub through: &'static str,
    /// The join table's column that leads to this side.
    pub from: &'static str,
    /// The join table's column that leads to the far side.
    pub to: &'static str,
}

/// What is known of a model without any of its rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelMeta {
    /// The application it belongs to, `notes` for one: with `name`, a permission's content type.
    pub app: &'static str,
    /// Its name in lower case, `note` for one.
    pub name: &'static str,
    /// Its table, `notes_note` for one.
    pub table: &'static str,
    /// Its fields in the order of their columns.
    pub fields: &'static [FieldMeta],
    /// How its rows are sorted where a query does not say.
    pub ordering: &'static [Order],
    /// Columns that are unique together.
    pub unique_together: &'static [&'static [&'static str]],
    /// Its many-to-many relations.
    pub many_to_many: &'static [ManyToMany],
}

impl ModelMeta {
    /// The field that is stored in `column`.
    #[must_use]
    pub fn field(&self, column: &str) -> Option<&'static FieldMeta> {
        self.fields.iter().find(|field| field.column == column)
    }

    /// The field that is the key.
    #[must_use]
    pub fn primary_key(&self) -> Option<&'static FieldMeta> {
        self.fields.iter().find(|field| field.primary_key)
    }
}
