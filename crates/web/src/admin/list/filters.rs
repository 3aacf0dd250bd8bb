//! The filters beside a list: what each can be set to, and how many rows there would be.

use jiff::tz::TimeZone;
use tenantry_db::model::{FieldMeta, Kind, QueryError, Row, Value};

use super::range::Range;
use super::wanted::{Choice, Wanted, condition, names};
use crate::admin::models::Registered;
use crate::admin::related::Titles;
use crate::admin::staff::Staff;
use crate::admin::text;

/// The most values that a filter offers.
const MOST: u64 = 30;

/// The most years that a filter offers at once.
const YEARS: usize = 8;

/// A filter as it is shown.
pub(super) struct Filter {
    pub(super) label: String,
    pub(super) options: Vec<FilterOption>,
    /// Whether one of them is chosen.
    pub(super) is_set: bool,
}

pub(super) struct FilterOption {
    pub(super) label: String,
    pub(super) count: String,
    pub(super) link: String,
    pub(super) current: bool,
}

/// Every filter of the model.
pub(super) async fn filters(
    staff: &Staff,
    model: &Registered,
    wanted: &Wanted,
) -> Result<Vec<Filter>, QueryError> {
    let mut filters = Vec::new();
    for field in model.filters() {
        let choices = match field.kind {
            Kind::Date | Kind::DateTime => ranges(staff, model, wanted, field).await?,
            _ => values(staff, model, wanted, field).await?,
        };
        filters.push(filter(wanted, field, choices));
    }
    Ok(filters)
}

/// A choice, what it is called, and how many rows it lets through.
type Counted = (Choice, String, u64);

fn filter(wanted: &Wanted, field: &FieldMeta, choices: Vec<Counted>) -> Filter {
    let chosen = wanted.choice(field);
    let all_names = names(field);
    let cleared = || all_names.iter().map(|name| (name.as_str(), None)).collect::<Vec<_>>();
    let every = FilterOption {
        label: "All".to_owned(),
        count: String::new(),
        link: wanted.but(&cleared()),
        current: chosen.is_none(),
    };
    let options = choices.into_iter().map(|(choice, label, count)| {
        let (name, value) = choice.pair(field);
        let mut changes = cleared();
        changes.push((&name, Some(&value)));
        let (link, current) = (wanted.but(&changes), chosen == Some(&choice));
        FilterOption { label, count: text::grouped(count), link, current }
    });
    let options = std::iter::once(every).chain(options).collect();
    Filter { label: text::label(field), options, is_set: chosen.is_some() }
}

/// The ranges of dates: today and the past week, the years that there are, and what lies in the one that is chosen.
async fn ranges(
    staff: &Staff,
    model: &Registered,
    wanted: &Wanted,
    field: &'static FieldMeta,
) -> Result<Vec<Counted>, QueryError> {
    let mut offered = vec![Range::Today, Range::Week];
    match wanted.choice(field) {
        Some(Choice::Within(chosen)) if !offered.contains(chosen) => {
            offered.extend(chosen.around());
            offered.push(*chosen);
            offered.extend(chosen.within());
        }
        _ => offered.extend(years(staff, model, wanted, field).await?),
    }
    let offered = offered.into_iter().map(|range| (Choice::Within(range), range.label()));
    let mut counted = Vec::new();
    for (choice, label) in offered.chain(field.null.then(|| (Choice::Null, "No date".to_owned()))) {
        let rows = wanted.rows(&staff.db, model, Some(field))?.filter(condition(model, field, &choice)?);
        let count = rows.count().await?;
        let keeps = !matches!(choice, Choice::Within(Range::Month(..) | Range::Day(_)));
        if count > 0 || keeps || wanted.choice(field) == Some(&choice) {
            counted.push((choice, label, count));
        }
    }
    Ok(counted)
}

/// The years from the first to the last date that there is, the newest first, and not too many.
async fn years(
    staff: &Staff,
    model: &Registered,
    wanted: &Wanted,
    field: &'static FieldMeta,
) -> Result<Vec<Range>, QueryError> {
    let column = model.meta.column(field.column)?;
    let rows = || wanted.rows(&staff.db, model, Some(field)).map(|rows| rows.filter(column.is_not_null()));
    let first = rows()?.order_by(column.asc()).first().await?;
    let last = rows()?.order_by(column.desc()).first().await?;
    let year = |row: Option<Row>| match row.as_ref()?.value(field.column)? {
        Value::Date(day) => Some(day.year()),
        Value::DateTime(instant) => Some(TimeZone::UTC.to_datetime(*instant).year()),
        _ => None,
    };
    let (Some(first), Some(last)) = (year(first), year(last)) else { return Ok(Vec::new()) };
    Ok((first..=last).rev().take(YEARS).map(Range::Year).collect())
}

/// The values that there are; of choices and of yes and no also those that no row has.
async fn values(
    staff: &Staff,
    model: &Registered,
    wanted: &Wanted,
    field: &'static FieldMeta,
) -> Result<Vec<Counted>, QueryError> {
    let rows = wanted.rows(&staff.db, model, Some(field))?.limit(MOST);
    let found = rows.tally(model.meta.column(field.column)?).await?;
    let rows: Vec<&Value> = found.iter().map(|(value, _)| value).collect();
    let titles = Titles::of(staff, &staff.db, field, &rows).await?;
    let mut counted: Vec<Counted> = found
        .into_iter()
        .map(|(value, count)| {
            let label = match &value {
                Value::Null => "Empty".to_owned(),
                Value::Text(text) if text.is_empty() && field.choices.is_empty() => "Empty".to_owned(),
                other => text::cut(
                    &titles.get(other).unwrap_or_else(|| text::capital(&text::plain(field, other))),
                    40,
                ),
            };
            let choice = if value == Value::Null { Choice::Null } else { Choice::Is(value) };
            (choice, label, count)
        })
        .collect();
    for value in offered(field) {
        let choice = Choice::Is(value.clone());
        if counted.iter().all(|(other, ..)| *other != choice) {
            counted.push((choice, text::capital(&text::plain(field, &value)), 0));
        }
    }
    in_order(field, &mut counted);
    Ok(counted)
}

/// The values that a field is limited to.
fn offered(field: &FieldMeta) -> Vec<Value> {
    match field.kind {
        Kind::Bool => vec![Value::Bool(true), Value::Bool(false)],
        Kind::Text { .. } => field.choices.iter().map(|choice| choice.value.into()).collect(),
        _ => field.choices.iter().filter_map(|choice| choice.value.parse().ok().map(Value::Int)).collect(),
    }
}

/// As the field says, where it is limited; what it does not name comes first.
fn in_order(field: &FieldMeta, counted: &mut [Counted]) {
    let order = offered(field);
    counted.sort_by_key(|(choice, ..)| match choice {
        Choice::Is(value) => order.iter().position(|other| other == value).map(|index| index + 1),
        _ => None,
    });
}
