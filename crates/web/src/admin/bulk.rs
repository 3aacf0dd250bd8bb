//! What is done with the rows that are selected in a list: they are deleted, become a file, or an action of the application's
//! own runs.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery};
use axum::response::Response;
use tenantry_db::TenantDb;
use tenantry_db::model::{QueryError, Row, Value};

use super::answer::Stopped;
use super::edit::changed;
use super::export::{self, Format};
use super::form::differences;
use super::list::Wanted;
use super::log;
use super::models::{DELETE_SELECTED, Registered, Right};
use super::options::BulkAction;
use super::posted::{Posted, Unproved};
use super::remove;
use super::said::Said;
use super::staff::Staff;
use super::tree::MOST;

/// The most keys that one statement names.
const AT_ONCE: usize = 500;

pub(super) async fn selected(
    staff: Staff,
    Path((app, model)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    form: Unproved,
) -> Result<Response, Stopped> {
    let (model, posted) = (staff.model(&app, &model, Right::View)?, form.proved(&staff)?);
    let offered = model.bulk(&staff.permissions);
    if offered.is_empty() {
        return Err(Stopped::NotPermitted);
    }
    let wanted = Wanted::parse(&model, query.as_deref().unwrap_or_default());
    let list = format!("{}?{}", staff.path(&model, ""), wanted.query());
    let nothing = |why: &str| staff.see_saying(&list, &[Said::warning(&format!("Nothing was done: {why}"))]);
    let asked = posted.get("action").unwrap_or_default();
    let Some((name, label)) = offered.into_iter().find(|(name, _)| *name == asked) else {
        return Ok(nothing("choose what is to be done with the selected rows."));
    };
    let rows = chosen(&staff, &model, &wanted, &posted).await?;
    if rows.is_empty() {
        return Ok(nothing("select the rows that it is to be done with."));
    }
    if let Some(format) = Format::named(name) {
        return if rows.len() > MOST {
            Ok(nothing("these are too many at once."))
        } else {
            export::file(&model, format, &rows)
        };
    }
    match model.action(name) {
        Some(_) if rows.len() > MOST => Ok(nothing("these are too many at once.")),
        Some(action) => {
            let count = staff
                .db
                .transaction(async |tx: TenantDb| run(&tx, &staff, &model, action, &rows).await)
                .await?;
            let verb = if count == 1 { "was" } else { "were" };
            let sentence = format!("{label}: {} {verb} changed.", model.counted(count));
            Ok(staff.see_saying(&list, &[Said::done(&sentence)]))
        }
        None if name == DELETE_SELECTED => remove::selected(&staff, &model, &list, rows, &posted).await,
        None => Err(Stopped::NotFound),
    }
}

/// The rows that are selected: by their keys, or all that the list has.
async fn chosen(
    staff: &Staff,
    model: &Registered,
    wanted: &Wanted,
    posted: &Posted,
) -> Result<Vec<Row>, QueryError> {
    if posted.has("select_across") {
        return wanted.rows(&staff.db, model, None)?.limit(MOST as u64 + 1).all().await;
    }
    let keys = posted.all("_selected_action").filter_map(|key| model.parse_key(key)).collect();
    by_keys(&staff.db, model, keys).await
}

/// The rows with these keys, as far as there are any.
async fn by_keys(db: &TenantDb, model: &Registered, keys: Vec<Value>) -> Result<Vec<Row>, QueryError> {
    let Some(key) = model.meta.primary_key() else { return Ok(Vec::new()) };
    let column = model.meta.column(key.column)?;
    let mut rows = Vec::new();
    for some in keys.chunks(AT_ONCE) {
        rows.extend(db.rows(model.meta).filter(column.in_(some.to_vec())).all().await?);
    }
    Ok(rows)
}

/// Runs an action on rows, notes down what it changed in each, and says in how many it changed anything.
async fn run(
    tx: &TenantDb,
    staff: &Staff,
    model: &Registered,
    action: &BulkAction,
    rows: &[Row],
) -> Result<u64, QueryError> {
    let keys: Vec<Value> = rows.iter().filter_map(|row| key_of(model, row)).collect();
    // As they are inside the transaction.
    let before = by_keys(tx, model, keys.clone()).await?;
    (action.run)(tx.clone(), keys.clone()).await?;
    let after = by_keys(tx, model, keys).await?;
    let after: BTreeMap<String, &Row> = after.iter().map(|row| (model.key(row), row)).collect();
    let mut done = Vec::new();
    for row in &before {
        let Some(now) = after.get(&model.key(row)) else { continue };
        let fields = differences(model.meta, row, now);
        if !fields.is_empty() {
            done.push((model.key(row), model.title(now), changed(tx, staff, fields, row, now).await?));
        }
    }
    let count = done.len() as u64;
    log::write(tx, staff.user_id, model.meta, done).await?;
    Ok(count)
}

fn key_of(model: &Registered, row: &Row) -> Option<Value> {
    row.value(model.meta.primary_key()?.column).cloned()
}
