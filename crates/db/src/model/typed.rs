//! What `#[derive(Model)]` gives: the way between a struct and its row.

use super::{Cell, Field, Kind, ModelMeta, PostgresValue, Problem, Raw, Value, ValueError};

/// A struct whose values are the rows of a table. Derived, never written by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model",
    label = "not a model",
    note = "a model is a struct with #[derive(Model)]"
)]
pub trait Model: Sized + Send + 'static {
    /// The key's type, without [`Auto`](super::Auto).
    type Key: Field<Plain = Self::Key>;
    /// What is known of it without any row.
    const META: &'static ModelMeta;
    /// Its table. Apart from `META`, so that two models can refer to each other.
    const TABLE: &'static str;
    /// Its key's column.
    const KEY_COLUMN: &'static str;

    /// The key; `None` while the database has not given it.
    fn key(&self) -> Option<Self::Key>;

    /// The values, in the order of [`ModelMeta::fields`].
    fn values(&self) -> Vec<Value>;

    /// Reads a row whose columns stand in the order of [`ModelMeta::fields`].
    ///
    /// # Errors
    /// Raised when a value in the row can't be read as its field's type.
    fn decode(row: &StoredRow<'_>) -> Result<Self, ValueError>;
}

/// One row as it is stored, with its columns in the order of the model's fields.
#[derive(Debug)]
pub struct StoredRow<'r> {
    source: Source<'r>,
    model: &'static ModelMeta,
    /// The bytes of text and blobs that were read.
    bytes: std::cell::Cell<usize>,
}

/// The row in the hands of a database's client.
#[derive(Debug)]
pub(crate) enum Source<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> StoredRow<'r> {
    pub(crate) fn new(source: Source<'r>, model: &'static ModelMeta) -> Self {
        Self { source, model, bytes: std::cell::Cell::new(0) }
    }

    /// The model whose row it is.
    #[must_use]
    pub fn model(&self) -> &'static ModelMeta {
        self.model
    }

    /// The value of the field at `index` in [`ModelMeta::fields`].
    ///
    /// # Errors
    /// Raised when the value can't be read as this type, or there is no such field.
    #[inline]
    pub fn get<T: Field>(&self, index: usize) -> Result<T, ValueError> {
        self.read(index, T::read)
    }

    /// The value of the field at `index` in [`ModelMeta::fields`], by the field's kind.
    ///
    /// # Errors
    /// Raised when the value can't be read as its kind, or there is no such field.
    pub(crate) fn value(&self, index: usize) -> Result<Value, ValueError> {
        self.read(index, super::cell::value)
    }

    /// The number that stands behind the model's columns: of how many rows the row tells.
    ///
    /// # Errors
    /// Raised when there is none.
    pub(crate) fn count(&self) -> Result<u64, ValueError> {
        let index = self.model.fields.len();
        let number = self.raw(index).ok_or(Problem::Null);
        let number = number.and_then(|raw| Cell::new(raw, Kind::BigInt).integer());
        number.map(|number| u64::try_from(number).unwrap_or(0)).map_err(|problem| self.error(index, problem))
    }

    /// How many bytes of text and blobs were read.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.get()
    }

    #[inline]
    fn read<T>(
        &self,
        index: usize,
        read: impl FnOnce(Cell<'_>) -> Result<T, Problem>,
    ) -> Result<T, ValueError> {
        let found = match (self.model.fields.get(index), self.raw(index)) {
            (Some(field), Some(raw)) => {
                self.bytes.set(self.bytes.get() + raw.bytes());
                read(Cell::new(raw, field.kind))
            }
            _ => Err(Problem::Null),
        };
        found.map_err(|problem| self.error(index, problem))
    }

    #[cold]
    fn error(&self, index: usize, problem: Problem) -> ValueError {
        let field = self.model.fields.get(index).map_or("", |field| field.column);
        ValueError { model: self.model.table.into(), field: field.into(), problem }
    }

    #[inline]
    fn raw(&self, index: usize) -> Option<Raw<'_>> {
        match self.source {
            Source::Sqlite(row) => row.get_ref(index).ok().map(Raw::Sqlite),
            Source::Postgres(row) => PostgresValue::of(row, index).map(Raw::Postgres),
        }
    }
}
