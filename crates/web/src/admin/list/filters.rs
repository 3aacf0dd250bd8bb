//! The filters beside a list: what each can be set to, and how many rows there would be.

use tenantry_db::model::{FieldMeta, Kind, QueryError, Value};

use super::wanted::{Choice, SPANS, Wanted, condition, names};
use crate::admin::models::Registered;
use crate::admin::related::Titles;
use crate::admin::staff::Staff;
use crate::admin::text;

/// The most values that a filter offers.
const MOST: u64 = 30;

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
            Kind::Date | Kind::DateTime => spans(staff, model, wanted, field).await?,
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

/// The ranges of dates.
async fn spans(
    staff: &Staff,
    model: &Registered,
    wanted: &Wanted,
    field: &'static FieldMeta,
) -> Result<Vec<Counted>, QueryError> {
    let mut counted = Vec::new();
    let within = SPANS.iter().map(|(name, label)| (Choice::Within(name), (*label).to_owned()));
    for (choice, label) in within.chain(field.null.then(|| (Choice::Null, "No date".to_owned()))) {
        let rows = wanted.rows(&staff.db, model, Some(field))?.filter(condition(model, field, &choice)?);
        counted.push((choice, label, rows.count().await?));
    }
    Ok(counted)
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
