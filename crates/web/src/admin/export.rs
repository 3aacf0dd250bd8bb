//! The selected rows of a list as a file: CSV for spreadsheets, JSON for programs.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json};
use tenantry_db::model::{FieldMeta, Kind, Row};

use super::answer::{Stopped, never_cached};
use super::models::Registered;
use crate::http::Failure;

/// What a file of rows can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Json,
}

impl Format {
    /// Each by what is sent for it, and what people are shown.
    pub(super) const OFFERED: [(&'static str, &'static str); 2] =
        [("export_csv", "Export as CSV"), ("export_json", "Export as JSON")];

    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "export_csv" => Some(Self::Csv),
            "export_json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// The file with these rows: of each the key, and what its form and the list show.
pub(super) fn file(model: &Registered, format: Format, rows: &[Row]) -> Result<Response, Stopped> {
    let fields = model.exported();
    let (body, kind, ending) = match format {
        Format::Csv => (csv(&fields, rows)?, "text/csv; charset=utf-8", "csv"),
        Format::Json => (json(&fields, rows).into_bytes(), "application/json", "json"),
    };
    let mut response = never_cached(body.into_response());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // An application and a model are called by letters, digits and underscores.
    let name = format!("attachment; filename=\"{}_{}.{ending}\"", model.meta.app, model.meta.name);
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

fn json(fields: &[&FieldMeta], rows: &[Row]) -> String {
    let of = |row: &Row| {
        let mut all = row.to_json();
        let kept =
            fields.iter().map(|it| (it.column.to_owned(), all.remove(it.column).unwrap_or(Json::Null)));
        Json::Object(kept.collect::<Map<_, _>>())
    };
    Json::Array(rows.iter().map(of).collect()).to_string()
}

fn csv(fields: &[&FieldMeta], rows: &[Row]) -> Result<Vec<u8>, Stopped> {
    let mut file = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Stopped::Failed(Failure::from(error));
    file.write_record(fields.iter().map(|field| field.column)).map_err(failed)?;
    for row in rows {
        let mut all = row.to_json();
        let cells = fields.iter().map(|field| cell(field, all.remove(field.column)));
        file.write_record(cells).map_err(failed)?;
    }
    file.into_inner().map_err(|error| Stopped::Failed(Failure::from(error.into_error())))
}

/// A value in a cell. A text that a spreadsheet would run as a formula gets a mark in front, which it does not show.
fn cell(field: &FieldMeta, value: Option<Json>) -> String {
    let text = match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text,
        Some(other) => other.to_string(),
    };
    let free = matches!(field.kind, Kind::Text { .. } | Kind::Json);
    if free && text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}
