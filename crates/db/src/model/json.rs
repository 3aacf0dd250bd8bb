//! A dynamic row as a JSON object and back: what REST and export send and take.

use data_encoding::BASE64;
use serde_json::{Map, Number, Value as Json};

use super::{FieldMeta, Kind, ModelMeta, Problem, Row, UnknownColumn, Value, ValueError};

/// Raised when a JSON object can't become a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// It names a column that the model has not.
    #[error(transparent)]
    UnknownColumn(#[from] UnknownColumn),
    /// A value is not of its field's kind.
    #[error(transparent)]
    Value(#[from] ValueError),
}

impl Row {
    /// The row as a JSON object: a decimal, a date, an instant (RFC 3339) and a UUID are text, bytes are base64.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Json> {
        self.columns().map(str::to_owned).zip(self.values().iter().map(json_of)).collect()
    }

    /// The row of `model` that a JSON object in the form of [`Row::to_json`] stands for. A column that is absent gets
    /// its default. Whether a value fits is checked when the row is written.
    ///
    /// # Errors
    /// Raised when the object names a column that the model has not, or a value is not of its field's kind.
    pub fn from_json(model: &'static ModelMeta, object: Map<String, Json>) -> Result<Self, RowError> {
        let mut row = Self::new(model);
        for (column, json) in object {
            // A column that is unknown is so in the row too, and refused by it.
            let value = model.field(&column).map_or(Ok(Value::Null), |field| value_of(model, field, json))?;
            row.set(&column, value)?;
        }
        Ok(row)
    }
}

fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::Number((*value).into()),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::Decimal(value) => Json::String(value.to_string()),
        Value::Text(value) => Json::String(value.clone()),
        Value::Date(value) => Json::String(value.to_string()),
        Value::DateTime(value) => Json::String(value.to_string()),
        Value::Uuid(value) => Json::String(value.to_string()),
        Value::Json(value) => value.clone(),
        Value::Binary(value) => Json::String(BASE64.encode(value)),
    }
}

fn value_of(model: &ModelMeta, field: &FieldMeta, json: Json) -> Result<Value, ValueError> {
    let expected = field.kind;
    let value = match (expected, json) {
        (Kind::Json, Json::Null) if field.null => Some(Value::Null),
        (Kind::Json, json) => Some(Value::Json(json)),
        (_, Json::Null) => Some(Value::Null),
        (Kind::Bool, Json::Bool(value)) => Some(Value::Bool(value)),
        (Kind::SmallInt | Kind::Int | Kind::BigInt, Json::Number(number)) => number.as_i64().map(Value::Int),
        (Kind::Float, Json::Number(number)) => number.as_f64().map(Value::Float),
        (Kind::Text { .. }, Json::String(text)) => Some(Value::Text(text)),
        (_, Json::String(text)) => parsed(expected, &text),
        _ => None,
    };
    value.ok_or_else(|| ValueError {
        model: model.table.into(),
        field: field.column.into(),
        problem: Problem::WrongKind { expected, found: "other JSON" },
    })
}

fn parsed(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Decimal { .. } => text.parse().ok().map(Value::Decimal),
        Kind::Date => text.parse().ok().map(Value::Date),
        Kind::DateTime => text.parse().ok().map(Value::DateTime),
        Kind::Uuid => text.parse().ok().map(Value::Uuid),
        Kind::Binary => BASE64.decode(text.as_bytes()).ok().map(Value::Binary),
        _ => None,
    }
}
