//! What a field is typed into, by its kind, and the way from what was typed to a value.

use data_encoding::BASE64;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use tenantry_db::model::{DefaultValue, FieldMeta, Kind, Problem, Value};

use crate::admin::text;

/// The most characters of a text that is typed into one line.
const LINE: u32 = 255;

/// The most bytes of a value that are typed, as base64.
const TYPED_BYTES: usize = 65_536;

/// What a field is typed into.
#[derive(Clone, Debug)]
pub(in crate::admin) enum Widget {
    /// A line of text.
    Line { kind: &'static str, mode: &'static str, max: Option<u32>, step: &'static str },
    /// Several lines.
    Area { max: Option<u32>, code: bool },
    /// Yes or no.
    Check,
    /// One of a few.
    Select(Vec<Offer>),
    /// One of many, which are searched; with the path at which they are.
    Chooser { path: String, title: String },
    /// Nothing: it is only shown.
    Fixed(String),
}

/// A value that a field is offered.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Offer {
    pub(in crate::admin) value: String,
    pub(in crate::admin) label: String,
}

/// The widget of a field that refers to nothing; `value` is what stands in it now.
pub(super) fn widget(field: &FieldMeta, value: &Value) -> Widget {
    if !field.choices.is_empty() {
        return Widget::Select(choices(field, value));
    }
    let line = |kind, mode, step| Widget::Line { kind, mode, max: None, step };
    match field.kind {
        Kind::Bool if field.null => Widget::Select(yes_or_no()),
        Kind::Bool => Widget::Check,
        Kind::SmallInt | Kind::Int => line("number", "numeric", "1"),
        Kind::BigInt => line("text", "numeric", ""),
        Kind::Float | Kind::Decimal { .. } => line("text", "decimal", ""),
        Kind::Date => line("date", "", ""),
        Kind::DateTime => line("datetime-local", "", "any"),
        Kind::Uuid => line("text", "", ""),
        Kind::Text { max } if max.is_some_and(|max| max <= LINE) && !has_lines(value) => {
            Widget::Line { kind: "text", mode: "", max, step: "" }
        }
        Kind::Text { max } => Widget::Area { max, code: false },
        Kind::Json => Widget::Area { max: None, code: true },
        Kind::Binary => match value {
            Value::Binary(bytes) if bytes.len() > TYPED_BYTES => Widget::Fixed(text::plain(field, value)),
            _ => Widget::Area { max: None, code: true },
        },
    }
}

/// A line break would be lost in one line.
fn has_lines(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.contains(['\n', '\r']))
}

fn yes_or_no() -> Vec<Offer> {
    let offers = [("", "–"), ("on", "Yes"), ("off", "No")];
    offers.map(|(value, label)| Offer { value: value.to_owned(), label: label.to_owned() }).into()
}

fn choices(field: &FieldMeta, value: &Value) -> Vec<Offer> {
    let offer = |value: &str, label: &str| Offer { value: value.to_owned(), label: label.to_owned() };
    let stored = text::raw(value);
    let is_offered = |value: &str| field.choices.iter().any(|choice| choice.value == value);
    let mut offers = Vec::with_capacity(field.choices.len() + 2);
    if (field.null || field.default.is_none()) && !is_offered("") {
        offers.push(offer("", "–"));
    }
    offers.extend(field.choices.iter().map(|choice| offer(choice.value, choice.label)));
    // What stands there and is no choice any more stays until another is chosen.
    if !stored.is_empty() && !is_offered(&stored) {
        offers.push(offer(&stored, &stored));
    }
    offers
}

/// Whether something has to be typed.
pub(in crate::admin) fn is_required(field: &FieldMeta) -> bool {
    let may_be_empty = matches!(field.default, Some(DefaultValue::Text("")))
        || field.choices.iter().any(|choice| choice.value.is_empty());
    !field.null && !may_be_empty && field.kind != Kind::Bool
}

/// What stands in a field's widget for a value.
pub(in crate::admin) fn raw(field: &FieldMeta, value: &Value) -> String {
    match value {
        Value::Bool(false) if field.null => "off".to_owned(),
        other => text::raw(other),
    }
}

/// What was typed, with line breaks as they are stored: browsers send two characters.
fn normal(typed: &str) -> String {
    typed.replace("\r\n", "\n").replace('\r', "\n")
}

/// Whether two texts stand for the same in a field: browsers write what they were given in their own way, an instant without
/// its noughts for one.
pub(super) fn is_same(field: &FieldMeta, one: &str, other: &str) -> bool {
    let parsed = || Some(parse(field, one).ok()? == parse(field, other).ok()?);
    normal(one) == normal(other) || parsed().unwrap_or(false)
}

/// The value that was typed.
///
/// # Errors
/// A sentence for the person who typed it.
pub(in crate::admin) fn parse(field: &FieldMeta, typed: &str) -> Result<Value, String> {
    let typed = normal(typed);
    let text = if matches!(field.kind, Kind::Text { .. }) { typed.as_str() } else { typed.trim() };
    let value =
        if text.is_empty() && field.kind != Kind::Bool { nothing(field)? } else { of_kind(field, text)? };
    field.check(&value).map_err(|problem| in_words(field, &problem))?;
    Ok(value)
}

/// The value of a field in which nothing was typed.
fn nothing(field: &FieldMeta) -> Result<Value, String> {
    match field.kind {
        _ if field.null => Ok(Value::Null),
        Kind::Text { .. } if !is_required(field) => Ok(Value::Text(String::new())),
        _ => Err(in_words(field, &Problem::Null)),
    }
}

fn of_kind(field: &FieldMeta, text: &str) -> Result<Value, String> {
    let parsed = match field.kind {
        Kind::SmallInt | Kind::Int | Kind::BigInt => text.parse().ok().map(Value::Int),
        Kind::Bool => match text {
            "on" => Some(Value::Bool(true)),
            "" if field.null => Some(Value::Null),
            "" | "off" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::Float => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Float),
        Kind::Decimal { .. } => text.parse().ok().map(Value::Decimal),
        Kind::Text { .. } => Some(Value::Text(text.to_owned())),
        Kind::Date => text.parse().ok().map(Value::Date),
        Kind::DateTime => text.parse::<DateTime>().ok().and_then(|time| {
            let instant = TimeZone::UTC.to_timestamp(time).ok()?;
            Some(Value::DateTime(instant))
        }),
        Kind::Uuid => text.parse().ok().map(Value::Uuid),
        Kind::Json => {
            return serde_json::from_str(text)
                .map(Value::Json)
                .map_err(|error| format!("This is not JSON: {error}."));
        }
        Kind::Binary => {
            BASE64.decode(text.split_whitespace().collect::<String>().as_bytes()).ok().map(Value::Binary)
        }
    };
    parsed.ok_or_else(|| {
        match field.kind {
            Kind::SmallInt | Kind::Int | Kind::BigInt => "Enter a whole number.",
            Kind::Float | Kind::Decimal { .. } => "Enter a number.",
            Kind::Date => "Enter a date, such as 2026-11-23.",
            Kind::DateTime => "Enter a date and a time, such as 2026-11-23T18:05.",
            Kind::Uuid => "Enter a UUID: 32 hexadecimal digits, with or without hyphens.",
            Kind::Binary => "Enter bytes in base64.",
            _ => "This can't be read.",
        }
        .to_owned()
    })
}

/// What is wrong with a value, for the person who typed it.
pub(in crate::admin) fn in_words(field: &FieldMeta, problem: &Problem) -> String {
    match problem {
        Problem::Null => "This field is required.".to_owned(),
        Problem::TooLong { length, max } => {
            format!("{length} characters are too many: at most {max} are allowed.")
        }
        Problem::NotAChoice => "Choose one of the values.".to_owned(),
        Problem::TooManyPlaces { places } => format!("At most {places} digits after the point are kept."),
        Problem::OutOfRange { .. } => match field.kind {
            Kind::SmallInt => "The number must lie between -32,768 and 32,767.".to_owned(),
            Kind::Int => "The number must lie between -2,147,483,648 and 2,147,483,647.".to_owned(),
            Kind::Decimal { digits, places } => {
                format!("At most {} digits before the point are kept.", digits - places)
            }
            _ => "The year must lie between 1 and 9999.".to_owned(),
        },
        other => text::capital(&format!("{other}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: FieldMeta = FieldMeta {
        name: "it",
        column: "it",
        kind: Kind::Text { max: Some(5) },
        null: false,
        unique: false,
        index: false,
        primary_key: false,
        auto: false,
        default: None,
        choices: &[],
        help_text: "",
        relation: None,
    };

    #[test]
    fn what_stands_in_a_widget_is_the_value_again_for_every_kind() {
        let decimal = Kind::Decimal { digits: 8, places: 2 };
        for (kind, value) in [
            (Kind::SmallInt, Value::Int(-7)),
            (Kind::BigInt, Value::Int(i64::MAX)),
            (Kind::Bool, Value::Bool(true)),
            (Kind::Bool, Value::Bool(false)),
            (Kind::Float, Value::Float(0.1)),
            (decimal, Value::Decimal("123456.70".parse().unwrap())),
            (Kind::Text { max: Some(5) }, Value::from(" a\nb ")),
            (Kind::Date, Value::Date("0001-02-03".parse().unwrap())),
            (Kind::DateTime, Value::DateTime("2026-11-23T18:05:22.229Z".parse().unwrap())),
            (Kind::DateTime, Value::DateTime("2026-11-23T18:05:00Z".parse().unwrap())),
            (Kind::Uuid, Value::Uuid("0199f3a0-1111-7222-8333-944455556666".parse().unwrap())),
            (Kind::Json, Value::Json(serde_json::json!({"a": [1, null, "ä"]}))),
            (Kind::Binary, Value::Binary(vec![0, 255, 7])),
        ] {
            for null in [false, true] {
                let field = FieldMeta { kind, null, ..FIELD };
                assert_eq!(parse(&field, &raw(&field, &value)), Ok(value.clone()), "{kind} null {null}");
            }
        }
    }

    #[test]
    fn nothing_is_null_empty_or_asked_for() {
        let null = FieldMeta { null: true, ..FIELD };
        let empty = FieldMeta { default: Some(DefaultValue::Text("")), ..FIELD };
        assert_eq!(parse(&null, ""), Ok(Value::Null));
        assert_eq!(parse(&empty, ""), Ok(Value::from("")));
        assert_eq!(parse(&FIELD, ""), Err("This field is required.".to_owned()));
        let number = FieldMeta { kind: Kind::Int, ..FIELD };
        assert_eq!(parse(&number, "  "), Err("This field is required.".to_owned()));
        assert_eq!(parse(&FieldMeta { null: true, ..number }, ""), Ok(Value::Null));
    }

    #[test]
    fn what_can_t_be_read_or_stored_is_told_and_nothing_else() {
        let of = |kind| FieldMeta { kind, ..FIELD };
        for (field, typed, part) in [
            (FIELD, "sixsix", "6 characters are too many: at most 5"),
            (FIELD, "a\0b", "U+0000"),
            (of(Kind::SmallInt), "40000", "between -32,768"),
            (of(Kind::Int), "1.5", "whole number"),
            (of(Kind::BigInt), "9223372036854775808", "whole number"),
            (of(Kind::Float), "inf", "Enter a number"),
            (of(Kind::Decimal { digits: 4, places: 2 }), "1.234", "At most 2 digits after"),
            (of(Kind::Decimal { digits: 4, places: 2 }), "123", "At most 2 digits before"),
            (of(Kind::Date), "2026-02-30", "Enter a date"),
            (of(Kind::DateTime), "yesterday", "Enter a date and a time"),
            (of(Kind::Uuid), "1", "Enter a UUID"),
            (of(Kind::Json), "{", "not JSON"),
            (of(Kind::Binary), "?", "base64"),
            (of(Kind::Bool), "maybe", "can't be read"),
        ] {
            let told = parse(&field, typed).unwrap_err();
            assert!(told.contains(part), "{typed}: {told}");
        }
        assert_eq!(parse(&FIELD, "a\r\nb"), Ok(Value::from("a\nb")));
    }
}
