//! The table of a list: its head, by which it is sorted, and its rows.

use tenantry_db::model::{QueryError, Row, Value};

use super::back;
use super::wanted::{ALL, PAGE, Wanted};
use crate::admin::answer::segment;
use crate::admin::models::Registered;
use crate::admin::related::Titles;
use crate::admin::staff::Staff;
use crate::admin::text::{self, Shown};

/// The head of a column.
pub(super) struct Head {
    pub(super) label: String,
    /// Leads to the list sorted by it, or the other way round.
    pub(super) link: String,
    /// `ascending`, `descending` or `none`.
    pub(super) sort: &'static str,
    /// Its place among those sorted by, where there are several; 0 otherwise.
    pub(super) place: usize,
    /// Leads to the list not sorted by it; empty where it isn't.
    pub(super) unsorted: String,
    pub(super) number: bool,
}

/// A row.
pub(super) struct Line {
    pub(super) key: String,
    pub(super) title: String,
    pub(super) path: String,
    pub(super) cells: Vec<Shown>,
}

pub(super) fn heads(model: &Registered, wanted: &Wanted) -> Vec<Head> {
    let columns = model.columns();
    // The columns that the address says, by their numbers.
    let number = |column: &str| columns.iter().position(|it| it.column == column).map(|index| index + 1);
    let asked: Vec<(usize, bool)> = wanted
        .orders
        .iter()
        .filter_map(|(field, descending)| Some((number(field.column)?, *descending)))
        .collect();
    let joined = |by: &[(usize, bool)]| {
        let parts =
            by.iter().map(|(number, descending)| format!("{}{number}", if *descending { "-" } else { "" }));
        parts.collect::<Vec<_>>().join(".")
    };
    let head = |(index, field): (usize, &&'static tenantry_db::model::FieldMeta)| {
        let own = index + 1;
        let place = asked.iter().position(|(number, _)| *number == own);
        let descending = place.and_then(|place| asked.get(place)).map(|(_, descending)| *descending);
        let others: Vec<_> =
            asked.iter().copied().filter(|(number, _)| *number != own && wanted.is_sorted).collect();
        let by = std::iter::once((own, descending == Some(false)))
            .chain(others.iter().copied())
            .collect::<Vec<_>>();
        let rest = joined(&others);
        let rest = (!rest.is_empty()).then_some(rest.as_str());
        Head {
            label: text::label(field),
            link: wanted.but(&[("o", Some(&joined(&by)))]),
            sort: match descending {
                Some(true) => "descending",
                Some(false) => "ascending",
                None => "none",
            },
            place: place.filter(|_| asked.len() > 1).map_or(0, |place| place + 1),
            unsorted: if place.is_some() && wanted.is_sorted {
                wanted.but(&[("o", rest)])
            } else {
                String::new()
            },
            number: field.relation.is_none() && field.choices.is_empty() && text::is_number(field.kind),
        }
    };
    columns.iter().enumerate().map(head).collect()
}

/// The rows of the page.
pub(super) async fn rows(staff: &Staff, model: &Registered, wanted: &Wanted) -> Result<Vec<Row>, QueryError> {
    let mut query = wanted.rows(&staff.db, model, None)?;
    for (field, descending) in &wanted.orders {
        let column = model.meta.column(field.column)?;
        query = query.order_by(if *descending { column.desc() } else { column.asc() });
    }
    // Rows that are alike would come in any order otherwise, and one of them on two pages.
    if let Some(key) = model.meta.primary_key()
        && wanted.orders.iter().all(|(field, _)| !field.primary_key)
    {
        query = query.order_by(model.meta.column(key.column)?.desc());
    }
    if wanted.all {
        return query.limit(ALL).all().await;
    }
    query.offset((wanted.page - 1).saturating_mul(PAGE)).limit(PAGE).all().await
}

pub(super) async fn lines(
    staff: &Staff,
    model: &Registered,
    wanted: &Wanted,
    rows: &[Row],
) -> Result<Vec<Line>, QueryError> {
    let columns = model.columns();
    let mut titles = Vec::with_capacity(columns.len());
    for field in &columns {
        let values: Vec<&Value> = rows.iter().filter_map(|row| row.value(field.column)).collect();
        titles.push(Titles::of(staff, &staff.db, field, &values).await?);
    }
    let back = back(wanted);
    let line = |row: &Row| {
        let cells = columns.iter().zip(&titles).map(|(field, titles)| {
            let value = row.value(field.column).unwrap_or(&Value::Null);
            match titles.get(value) {
                Some(title) => Shown { look: "text", text: text::cut(&title, 60) },
                None => text::shown(field, value),
            }
        });
        let key = model.key(row);
        let path = staff.path(model, &format!("{}/change/{back}", segment(&key)));
        Line { path, title: model.title(row), cells: cells.collect(), key }
    };
    Ok(rows.iter().map(line).collect())
}
