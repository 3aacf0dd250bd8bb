//! A row for code that knows its model only by the metadata: the admin site, REST, export.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{DefaultValue, Field, FieldMeta, Kind, ModelMeta, StoredRow, UnknownColumn, Value, ValueError};

/// A row of any model, or of raw SQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    columns: Columns,
    values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq)]
enum Columns {
    Model(&'static ModelMeta),
    Raw(Arc<[String]>),
}

impl Row {
    /// A new row of `model`: each field has its default, or NULL where it has none.
    #[must_use]
    pub fn new(model: &'static ModelMeta) -> Self {
        let values = model.fields.iter().map(FieldMeta::default_value).collect();
        Self { columns: Columns::Model(model), values }
    }

    pub(crate) fn raw(columns: Arc<[String]>, values: Vec<Value>) -> Self {
        Self { columns: Columns::Raw(columns), values }
    }

    pub(crate) fn decode(row: &StoredRow<'_>) -> Result<Self, ValueError> {
        let model = row.model();
        let values = (0..model.fields.len()).map(|index| row.value(index)).collect::<Result<_, _>>()?;
        Ok(Self { columns: Columns::Model(model), values })
    }

    /// The columns' names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        (0..self.values.len()).map(|index| self.name(index))
    }

    /// The values, in the order of the columns.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value in a column; `None` where there is no such column.
    #[must_use]
    pub fn value(&self, column: &str) -> Option<&Value> {
        self.values.get(self.position(column)?)
    }

    /// The value in a column, as a Rust type.
    ///
    /// # Errors
    /// Raised when there is no such column, or its value is of another kind.
    pub fn get<T: Field>(&self, column: &str) -> Result<T, super::QueryError> {
        let value = self.value(column).ok_or_else(|| self.unknown(column))?.clone();
        Ok(T::from_value(value).map_err(|problem| ValueError {
            model: self.model_name().into(),
            field: column.to_owned().into(),
            problem,
        })?)
    }

    /// Puts a value into a column. Whether it fits is checked when the row is written.
    ///
    /// # Errors
    /// Raised when there is no such column.
    pub fn set(&mut self, column: &str, value: impl Into<Value>) -> Result<(), UnknownColumn> {
        let slot = self.position(column).and_then(|index| self.values.get_mut(index));
        match slot {
            Some(slot) => {
                *slot = value.into();
                Ok(())
            }
            None => Err(self.unknown(column)),
        }
    }

    /// The values, to be written as a row of `model`.
    ///
    /// # Errors
    /// Raised when it is a row of another model, or of raw SQL.
    pub(crate) fn into_values(self, model: &'static ModelMeta) -> Result<Vec<Value>, UnknownColumn> {
        match self.columns {
            Columns::Model(own) if own.table == model.table => Ok(self.values),
            _ => Err(UnknownColumn { model: model.table, column: format!("{}.*", self.model_name()) }),
        }
    }

    fn position(&self, column: &str) -> Option<usize> {
        (0..self.values.len()).find(|index| self.name(*index) == column)
    }

    fn name(&self, index: usize) -> &str {
        match &self.columns {
            Columns::Model(model) => model.fields.get(index).map_or("", |field| field.column),
            Columns::Raw(names) => names.get(index).map_or("", String::as_str),
        }
    }

    fn model_name(&self) -> &'static str {
        match self.columns {
            Columns::Model(model) => model.table,
            Columns::Raw(_) => "raw SQL",
        }
    }

    fn unknown(&self, column: &str) -> UnknownColumn {
        UnknownColumn { model: self.model_name(), column: column.chars().take(60).collect() }
    }
}

impl FieldMeta {
    /// The value that the field gets where none is given: its default, made now, or NULL.
    #[must_use]
    pub fn default_value(&self) -> Value {
        match (self.default, self.kind) {
            (None, _) => Value::Null,
            (Some(DefaultValue::Bool(value)), _) => Value::Bool(value),
            (Some(DefaultValue::Int(value)), Kind::Decimal { .. }) => Value::Decimal(Decimal::from(value)),
            (Some(DefaultValue::Int(value)), _) => Value::Int(value),
            (Some(DefaultValue::Float(value)), _) => Value::Float(value),
            (Some(DefaultValue::Text(value)), _) => Value::Text(value.to_owned()),
            (Some(DefaultValue::Now), Kind::Date) => Value::Date(today()),
            (Some(DefaultValue::Now), _) => Value::DateTime(Timestamp::now()),
            (Some(DefaultValue::NewUuid), _) => Value::Uuid(Uuid::now_v7()),
        }
    }
}

fn today() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}
