//! Tables, columns and indexes as data, so that the same history can be rendered for every isolation.

use crate::model::{Kind, OnDelete, Relation};

/// A table to create.
///
/// ```
/// use tenantry_db::migrate::{Column, Table};
/// use tenantry_db::model::OnDelete;
///
/// Table::new("notes_note")
///     .column(Column::id())
///     .column(Column::varchar("title", 200))
///     .column(Column::big_int("author_id").references("auth_user", "id", OnDelete::Cascade))
///     .column(Column::datetime("created").index())
///     .unique(["author_id", "title"]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) indexes: Vec<Index>,
}

/// A column: its name, its kind, and what holds for its values. It is NOT NULL unless [`Column::null`] says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) null: bool,
    pub(super) unique: bool,
    pub(super) primary_key: bool,
    pub(super) auto: bool,
    pub(super) not_negative: bool,
    pub(super) default: Option<Constant>,
    pub(super) index: Option<IndexName>,
    pub(super) relation: Option<Relation>,
}

/// A value that a column has by default, in the database itself. It can only be a constant: what is different for
/// each row (an instant, a UUID) is given by the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constant {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(&'static str),
}

/// An index over one or more columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub(super) name: IndexName,
    pub(super) columns: Vec<&'static str>,
    pub(super) unique: bool,
}

/// What an index is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexName {
    /// After its table and columns.
    Made,
    /// As given.
    Given(&'static str),
}

impl Table {
    /// A table of this name, as yet without columns.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, columns: Vec::new(), indexes: Vec::new() }
    }

    /// Adds a column. Exactly one of a table's columns is its key.
    #[must_use]
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// Adds an index over `columns`, named `TABLE_COLUMNS_idx`.
    #[must_use]
    pub fn index(self, columns: impl Into<Vec<&'static str>>) -> Self {
        self.with_index(Index::on(columns))
    }

    /// Makes `columns` unique together, by an index named `TABLE_COLUMNS_uniq`.
    #[must_use]
    pub fn unique(self, columns: impl Into<Vec<&'static str>>) -> Self {
        self.with_index(Index::on(columns).unique())
    }

    /// Adds an index.
    #[must_use]
    pub fn with_index(mut self, index: Index) -> Self {
        self.indexes.push(index);
        self
    }

    /// Every index that the table gets by a statement of its own: its columns' first.
    pub(super) fn all_indexes(&self) -> impl Iterator<Item = Index> {
        self.columns.iter().filter_map(Column::own_index).chain(self.indexes.iter().cloned())
    }
}

impl Column {
    /// A column of this kind.
    #[must_use]
    pub fn new(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            null: false,
            unique: false,
            primary_key: false,
            auto: false,
            not_negative: false,
            default: None,
            index: None,
            relation: None,
        }
    }

    /// The key `id`: a 64-bit integer that the database gives.
    #[must_use]
    pub fn id() -> Self {
        Self { primary_key: true, auto: true, ..Self::big_int("id") }
    }

    /// A 16-bit integer.
    #[must_use]
    pub fn small_int(name: &'static str) -> Self {
        Self::new(name, Kind::SmallInt)
    }

    /// A 32-bit integer.
    #[must_use]
    pub fn int(name: &'static str) -> Self {
        Self::new(name, Kind::Int)
    }

    /// A 64-bit integer.
    #[must_use]
    pub fn big_int(name: &'static str) -> Self {
        Self::new(name, Kind::BigInt)
    }

    /// True or false.
    #[must_use]
    pub fn bool(name: &'static str) -> Self {
        Self::new(name, Kind::Bool)
    }

    /// A 64-bit float.
    #[must_use]
    pub fn float(name: &'static str) -> Self {
        Self::new(name, Kind::Float)
    }

    /// An exact decimal number of at most 18 `digits`, of which `places` stand after the point.
    #[must_use]
    pub fn decimal(name: &'static str, digits: u8, places: u8) -> Self {
        Self::new(name, Kind::Decimal { digits, places })
    }

    /// Text of any length.
    #[must_use]
    pub fn text(name: &'static str) -> Self {
        Self::new(name, Kind::Text { max: None })
    }

    /// Text of at most `max` characters.
    #[must_use]
    pub fn varchar(name: &'static str, max: u32) -> Self {
        Self::new(name, Kind::Text { max: Some(max) })
    }

    /// A day.
    #[must_use]
    pub fn date(name: &'static str) -> Self {
        Self::new(name, Kind::Date)
    }

    /// An instant, in UTC.
    #[must_use]
    pub fn datetime(name: &'static str) -> Self {
        Self::new(name, Kind::DateTime)
    }

    /// A UUID.
    #[must_use]
    pub fn uuid(name: &'static str) -> Self {
        Self::new(name, Kind::Uuid)
    }

    /// A JSON value.
    #[must_use]
    pub fn json(name: &'static str) -> Self {
        Self::new(name, Kind::Json)
    }

    /// Bytes.
    #[must_use]
    pub fn binary(name: &'static str) -> Self {
        Self::new(name, Kind::Binary)
    }

    /// Makes it the table's key.
    #[must_use]
    pub fn primary_key(mut self) -> Self {
        self.primary_key = true;
        self
    }

    /// Lets it be NULL.
    #[must_use]
    pub fn null(mut self) -> Self {
        self.null = true;
        self
    }

    /// Makes its values unique.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self.index = None;
        self
    }

    /// Refuses numbers below zero.
    #[must_use]
    pub fn not_negative(mut self) -> Self {
        self.not_negative = true;
        self
    }

    /// Gives it a default in the database, which rows that are there already get too.
    #[must_use]
    pub fn default(mut self, value: impl Into<Constant>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// Gives it an index of its own, named `TABLE_COLUMN_idx`.
    #[must_use]
    pub fn index(mut self) -> Self {
        self.index = Some(IndexName::Made);
        self
    }

    /// Gives it an index of its own, of this name.
    #[must_use]
    pub fn index_named(mut self, name: &'static str) -> Self {
        self.index = Some(IndexName::Given(name));
        self
    }

    /// Makes it a foreign key, with an index of its own unless it is unique.
    ///
    /// The reference is checked when the transaction ends. With [`OnDelete::Protect`] a transaction that deletes a
    /// row and leaves a reference to it fails.
    #[must_use]
    pub fn references(mut self, table: &'static str, column: &'static str, on_delete: OnDelete) -> Self {
        self.relation = Some(Relation { table, column, on_delete });
        if !self.unique && !self.primary_key {
            self.index = self.index.or(Some(IndexName::Made));
        }
        self
    }

    /// The index that it has of its own.
    pub(super) fn own_index(&self) -> Option<Index> {
        self.index.map(|name| Index { name, columns: vec![self.name], unique: false })
    }
}

impl Index {
    /// An index over these columns, in this order, named `TABLE_COLUMNS_idx` (`_uniq` if unique).
    #[must_use]
    pub fn on(columns: impl Into<Vec<&'static str>>) -> Self {
        Self { name: IndexName::Made, columns: columns.into(), unique: false }
    }

    /// Makes the columns unique together.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Gives it a name.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = IndexName::Given(name);
        self
    }

    /// What it is called on `table`.
    pub(super) fn name_on(&self, table: &str) -> String {
        match self.name {
            IndexName::Given(name) => name.to_owned(),
            IndexName::Made => {
                let suffix = if self.unique { "uniq" } else { "idx" };
                format!("{table}_{}_{suffix}", self.columns.join("_"))
            }
        }
    }
}

impl From<bool> for Constant {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Constant {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Constant {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&'static str> for Constant {
    fn from(value: &'static str) -> Self {
        Self::Text(value)
    }
}
