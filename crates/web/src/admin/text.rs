//! Values, names and numbers as people read them.

use jiff::tz::TimeZone;
use tenantry_db::model::{FieldMeta, Kind, Value};

/// The most characters of a value in a list.
const IN_A_CELL: usize = 90;

/// A value in a list: how it looks, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// `yes`, `no`, `none`, `number`, `time`, `code` or `text`.
    pub(super) look: &'static str,
    pub(super) text: String,
}

/// A name in code as words: `due_date` as `due date`.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ").trim().to_owned()
}

/// A field's name for people: `Owner` for `owner_id`.
pub(super) fn label(field: &FieldMeta) -> String {
    let name = if field.relation.is_some() {
        field.name.strip_suffix("_id").unwrap_or(field.name)
    } else {
        field.name
    };
    capital(&words(name))
}

/// With its first letter in upper case.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A number with commas between its thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The first so many characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    text.chars().take(most).chain(['…']).collect()
}

/// Whether values of a kind are numbers, which stand under each other by their last digits.
pub(super) fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::SmallInt | Kind::Int | Kind::BigInt | Kind::Float | Kind::Decimal { .. })
}

/// A value as a form sends it.
pub(super) fn raw(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => if *value { "on" } else { "" }.to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Decimal(value) => value.to_string(),
        Value::Text(value) => value.clone(),
        Value::Date(value) => value.to_string(),
        Value::DateTime(value) => {
            let time = TimeZone::UTC.to_datetime(*value);
            // Browsers take no more digits: with more, they show nothing.
            let whole = time.millisecond() == 0;
            time.strftime(if whole { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S%.3f" }).to_string()
        }
        Value::Uuid(value) => value.to_string(),
        Value::Json(value) => serde_json::to_string_pretty(value).unwrap_or_default(),
        Value::Binary(value) => data_encoding::BASE64.encode(value),
    }
}

/// A value of a field in words.
pub(super) fn plain(field: &FieldMeta, value: &Value) -> String {
    let chosen = raw(value);
    if let Some(choice) = field.choices.iter().find(|choice| choice.value == chosen) {
        return choice.label.to_owned();
    }
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::DateTime(value) => {
            TimeZone::UTC.to_datetime(*value).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
        }
        Value::Json(value) => value.to_string(),
        Value::Binary(value) => format!("{} bytes", grouped(value.len() as u64)),
        _ => chosen,
    }
}

/// A value of a field in a list.
pub(super) fn shown(field: &FieldMeta, value: &Value) -> Shown {
    let chosen = !field.choices.is_empty();
    let look = match (value, field.kind) {
        (Value::Null, _) => "none",
        (Value::Text(text), _) if text.is_empty() => "none",
        (Value::Bool(true), _) => "yes",
        (Value::Bool(false), _) => "no",
        _ if chosen => "choice",
        (_, kind) if is_number(kind) => "number",
        (_, Kind::Date | Kind::DateTime) => "time",
        (_, Kind::Uuid | Kind::Json | Kind::Binary) => "code",
        _ => "text",
    };
    let text = match (look, value) {
        ("none", _) => "–".to_owned(),
        (_, Value::DateTime(value)) => {
            TimeZone::UTC.to_datetime(*value).strftime("%Y-%m-%d %H:%M").to_string()
        }
        _ => cut(plain(field, value).lines().next().unwrap_or_default(), IN_A_CELL),
    };
    Shown { look, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_long_texts_are_for_people() {
        assert_eq!(capital(&words("due_date")), "Due date");
        assert_eq!((capital(""), capital("é")), (String::new(), "É".to_owned()));
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!((cut("äöü", 3), cut("äöü!", 3)), ("äöü".to_owned(), "äöü…".to_owned()));
    }

    #[test]
    fn an_instant_is_sent_to_the_millisecond_where_it_is_not_whole() {
        for (instant, text) in [
            ("2026-11-23T18:05:00Z", "2026-11-23T18:05:00"),
            ("2026-11-23T18:05:22.229585Z", "2026-11-23T18:05:22.229"),
            ("2026-11-23T18:05:22.000585Z", "2026-11-23T18:05:22"),
        ] {
            assert_eq!(raw(&Value::DateTime(instant.parse().unwrap())), text);
        }
    }
}
