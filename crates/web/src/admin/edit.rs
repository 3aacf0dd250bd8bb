//! A record's own page: it is added, shown and changed there. Whoever sends a form later than someone else is told so, and
//! overwrites nothing unseen.

use std::num::NonZeroU32;

use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use tenantry_db::TenantDb;
use tenantry_db::model::{FieldMeta, QueryError, Row, Value};

use super::answer::{Stopped, segment};
use super::form::{Form, Stamps, Typed, Widget, change_path, differences};
use super::frame::Frame;
use super::history;
use super::list::came_from;
use super::log::{self, Action, Change};
use super::models::{Registered, Right};
use super::posted::{Posted, Unproved};
use super::related;
use super::said::Said;
use super::staff::Staff;
use super::text;

/// How often a change is tried again where the database undid it because of another.
const ATTEMPTS: NonZeroU32 = NonZeroU32::new(5).unwrap();

#[derive(Template)]
#[template(path = "admin/form.html")]
struct Page {
    frame: Frame,
    title: String,
    model: String,
    form: Form,
    /// The record as it was when the form was made; empty while it is new.
    stamp: String,
    /// Where the form is sent.
    action: String,
    /// The list that the page was opened from.
    list: String,
    /// Where the record's other pages are; empty while it is new.
    base: String,
    /// What the query of an address ends with that leads back to that list.
    back: String,
    may: May,
    /// Who has changed the record meanwhile, and when.
    meanwhile: Option<String>,
}

/// What the page offers.
#[derive(Clone, Copy)]
struct May {
    save: bool,
    add: bool,
    delete: bool,
}

/// Why a record was not saved.
enum NotSaved {
    /// It is not there any more.
    Gone,
    /// What was typed can't be stored.
    Wrong(Box<Typed>),
    /// Someone else has changed it since: this is what it is now.
    Changed(Box<Row>),
    Query(QueryError),
}

impl From<QueryError> for NotSaved {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

type ModelPath = Path<(String, String)>;
type RecordPath = Path<(String, String, String)>;

pub(super) async fn add_form(
    staff: Staff,
    Path((app, model)): ModelPath,
    RawQuery(query): RawQuery,
) -> Result<Response, Stopped> {
    let model = staff.model(&app, &model, Right::Add)?;
    let row = prefilled(&model, query.as_deref().unwrap_or_default());
    let form = Form::new(&staff, &model, &row, true, false).await?;
    new_page(&staff, &model, query.as_deref(), form)
}

/// A new record, with what the address says of its fields.
fn prefilled(model: &Registered, query: &str) -> Row {
    let fields =
        form_urlencoded::parse(query.as_bytes()).into_owned().filter(|(name, _)| model.field(name).is_some());
    let posted: Posted = fields.collect();
    let blank = Row::new(model.meta);
    let typed = Typed::read(model, &blank, &posted, true);
    let mut row = blank;
    for (column, _) in typed.raw.iter().filter(|(column, _)| posted.has(column)) {
        if let Some(value) = typed.row.value(column) {
            // The name is the model's own.
            let _ = row.set(column, value.clone());
        }
    }
    row
}

pub(super) async fn add(
    staff: Staff,
    Path((app, model)): ModelPath,
    RawQuery(query): RawQuery,
    form: Unproved,
) -> Result<Response, Stopped> {
    let (model, posted) = (staff.model(&app, &model, Right::Add)?, form.proved(&staff)?);
    let blank = Row::new(model.meta);
    let mut typed = Typed::read(&model, &blank, &posted, true);
    let mut general = None;
    if typed.wrong.is_empty() {
        match insert(&staff, &model, typed.row.clone()).await {
            Ok(row) => return Ok(saved(&staff, &model, &row, &posted, query.as_deref(), "added")),
            Err(error) => general = typed.blame(&model, error)?,
        }
    }
    let mut form = Form::new(&staff, &model, &typed.row, true, false).await?.told(&typed);
    form.errors.extend(general);
    Ok(refused(new_page(&staff, &model, query.as_deref(), form)?, StatusCode::UNPROCESSABLE_ENTITY))
}

async fn insert(staff: &Staff, model: &Registered, row: Row) -> Result<Row, QueryError> {
    staff
        .db
        .transaction(async move |tx: TenantDb| {
            let row = tx.rows(model.meta).insert(row).await?;
            let done = vec![(model.key(&row), model.title(&row), Action::Added)];
            log::write(&tx, staff.user_id, model.meta, done).await?;
            Ok(row)
        })
        .await
}

pub(super) async fn change_form(
    staff: Staff,
    Path((app, model, key)): RecordPath,
    RawQuery(query): RawQuery,
) -> Result<Response, Stopped> {
    let model = staff.model(&app, &model, Right::View)?;
    let Some(row) = record(&staff.db, &model, &key).await? else { return Err(Stopped::NotFound) };
    let view_only = !model.permits(&staff.permissions, Right::Change);
    let form = Form::new(&staff, &model, &row, false, view_only).await?;
    record_page(&staff, &model, query.as_deref(), &row, form, None)
}

pub(super) async fn change(
    staff: Staff,
    Path((app, model, key)): RecordPath,
    RawQuery(query): RawQuery,
    form: Unproved,
) -> Result<Response, Stopped> {
    let (model, posted) = (staff.model(&app, &model, Right::Change)?, form.proved(&staff)?);
    let Some(key) = model.parse_key(&key) else { return Err(Stopped::NotFound) };
    let (of, typed) = (&*model, &posted);
    let update = async |tx: TenantDb| update(&tx, &staff, of, key.clone(), typed).await;
    match staff.db.transaction_with_retry(ATTEMPTS, update).await {
        Ok(row) => Ok(saved(&staff, &model, &row, &posted, query.as_deref(), "changed")),
        Err(NotSaved::Gone) => Err(Stopped::NotFound),
        Err(NotSaved::Wrong(typed)) => wrong(&staff, &model, query.as_deref(), &posted, &typed, None).await,
        Err(NotSaved::Changed(now)) => conflict(&staff, &model, query.as_deref(), &posted, &now).await,
        Err(NotSaved::Query(error)) => {
            let base = staff.db.rows(model.meta).find(key).await?;
            let Some(base) = base else { return Err(Stopped::NotFound) };
            let mut typed = Typed::read(&model, &base, &posted, false);
            let general = typed.blame(&model, error)?;
            wrong(&staff, &model, query.as_deref(), &posted, &typed, general).await
        }
    }
}

/// Changes the record, unless it is another one than the form was made of.
async fn update(
    tx: &TenantDb,
    staff: &Staff,
    model: &Registered,
    key: Value,
    posted: &Posted,
) -> Result<Row, NotSaved> {
    let before = tx.rows(model.meta).find(key.clone()).await?.ok_or(NotSaved::Gone)?;
    let stamps = Stamps::new(&staff.site.forms, staff.tenant.id(), model.meta);
    if !stamps.changed(posted.get("_stamp").unwrap_or_default(), &before).is_empty() {
        return Err(NotSaved::Changed(Box::new(before)));
    }
    let typed = Typed::read(model, &before, posted, false);
    if !typed.wrong.is_empty() {
        return Err(NotSaved::Wrong(Box::new(typed)));
    }
    let differences = differences(model.meta, &typed.row, &before);
    if differences.is_empty() {
        return Ok(before);
    }
    let mut assignments = Vec::with_capacity(differences.len());
    for field in &differences {
        let value = typed.row.value(field.column).cloned().unwrap_or(Value::Null);
        assignments.push(model.meta.column(field.column).map_err(QueryError::from)?.set(value));
    }
    let by_key = by_key(model, key)?;
    tx.rows(model.meta).filter(by_key).update(assignments).await?;
    let done = vec![(
        model.key(&before),
        model.title(&typed.row),
        changed(tx, staff, differences, &before, &typed.row).await?,
    )];
    log::write(tx, staff.user_id, model.meta, done).await?;
    Ok(typed.row)
}

fn by_key(model: &Registered, key: Value) -> Result<tenantry_db::model::Condition<Row>, QueryError> {
    let column = model.meta.primary_key().map_or("", |key| key.column);
    Ok(model.meta.column(column)?.eq(key))
}

/// What was changed in a record, for its history.
pub(super) async fn changed(
    tx: &TenantDb,
    staff: &Staff,
    fields: Vec<&'static FieldMeta>,
    before: &Row,
    after: &Row,
) -> Result<Action, QueryError> {
    let mut changes = Vec::with_capacity(fields.len());
    for field in fields {
        let old = related::in_words(staff, tx, field, before).await?;
        let new = related::in_words(staff, tx, field, after).await?;
        changes.push(Change { label: text::label(field), values: Some((old, new)) });
    }
    Ok(Action::Changed(changes))
}

/// The record with this key, as it stands in a path.
pub(super) async fn record(db: &TenantDb, model: &Registered, key: &str) -> Result<Option<Row>, QueryError> {
    match model.parse_key(key) {
        Some(key) => db.rows(model.meta).find(key).await,
        None => Ok(None),
    }
}

/// The page again, with what is wrong.
async fn wrong(
    staff: &Staff,
    model: &Registered,
    query: Option<&str>,
    posted: &Posted,
    typed: &Typed,
    general: Option<String>,
) -> Result<Response, Stopped> {
    let mut form = Form::new(staff, model, &typed.row, false, false).await?.told(typed);
    form.errors.extend(general);
    let stamp = posted.get("_stamp").unwrap_or_default();
    let page = record_page(staff, model, query, &typed.row, form, Some((stamp, None)))?;
    Ok(refused(page, StatusCode::UNPROCESSABLE_ENTITY))
}

/// The page again, after someone else has changed the record: fields that only they touched have what they put there, and at
/// those that both did, it stands beside.
async fn conflict(
    staff: &Staff,
    model: &Registered,
    query: Option<&str>,
    posted: &Posted,
    now: &Row,
) -> Result<Response, Stopped> {
    let stamps = Stamps::new(&staff.site.forms, staff.tenant.id(), model.meta);
    let before = posted.get("_stamp").unwrap_or_default();
    let theirs = stamps.changed(before, now);
    let mut typed = Typed::read(model, now, posted, false);
    let untouched = |column: &str| {
        let field = model.field(column);
        let value = field.and_then(|field| typed.row.value(field.column));
        matches!((field, value), (Some(field), Some(value)) if stamps.is_as_before(before, field, value))
    };
    let taken_over: Vec<&str> = theirs.iter().copied().filter(|column| untouched(column)).collect();
    typed.raw.retain(|(column, _)| !taken_over.contains(column));
    let mut form = Form::new(staff, model, now, false, false).await?.told(&typed);
    for field in form.fields_mut().filter(|field| theirs.contains(&field.meta.column) && !field.is_fixed()) {
        let stored = related::in_words(staff, &staff.db, field.meta, now).await?;
        field.meanwhile = Some(text::cut(&stored, 500));
    }
    let who = history::last_change(staff, model, &model.key(now)).await?;
    let who = who.unwrap_or_else(|| "Someone else has changed it".to_owned());
    let stamp = stamps.of(now);
    let page = record_page(staff, model, query, now, form, Some((&stamp, Some(who))))?;
    Ok(refused(page, StatusCode::CONFLICT))
}

fn new_page(staff: &Staff, model: &Registered, query: Option<&str>, form: Form) -> Result<Response, Stopped> {
    let title = format!("Add {}", model.one());
    let (list, back) = came_from(staff, model, query);
    let page = Page {
        frame: Frame::of_model(staff, model, &[(&title, String::new())])?,
        model: model.one(),
        form,
        stamp: String::new(),
        action: format!("{}{back}", staff.path(model, "add/")),
        list,
        base: String::new(),
        back,
        may: May { save: true, add: true, delete: false },
        meanwhile: None,
        title,
    };
    Ok(staff.page(page.render()?))
}

/// The page of a record that is stored; with the stamp that its form had, and who has changed it meanwhile, where it was
/// refused.
fn record_page(
    staff: &Staff,
    model: &Registered,
    query: Option<&str>,
    row: &Row,
    form: Form,
    refused: Option<(&str, Option<String>)>,
) -> Result<Response, Stopped> {
    let (key, title) = (model.key(row), model.title(row));
    let (list, back) = came_from(staff, model, query);
    let may = |right| model.permits(&staff.permissions, right);
    let stamps = Stamps::new(&staff.site.forms, staff.tenant.id(), model.meta);
    let (stamp, meanwhile) = match refused {
        Some((stamp, meanwhile)) => (stamp.to_owned(), meanwhile),
        None => (stamps.of(row), None),
    };
    let page = Page {
        frame: Frame::of_model(staff, model, &[(&title, String::new())])?,
        model: model.one(),
        form,
        stamp,
        action: format!("{}{back}", change_path(staff, model, &key)),
        list,
        base: staff.path(model, &format!("{}/", segment(&key))),
        back,
        may: May { save: may(Right::Change), add: may(Right::Add), delete: may(Right::Delete) },
        meanwhile,
        title,
    };
    Ok(staff.page(page.render()?))
}

fn refused(mut page: Response, status: StatusCode) -> Response {
    *page.status_mut() = status;
    page
}

/// Where a person goes who has saved, by the button.
fn saved(
    staff: &Staff,
    model: &Registered,
    row: &Row,
    posted: &Posted,
    query: Option<&str>,
    done: &str,
) -> Response {
    let (list, back) = came_from(staff, model, query);
    let own = change_path(staff, model, &model.key(row));
    let (location, after) = if posted.has("_continue") {
        (format!("{own}{back}"), format!(" was {done}. You may go on with it below."))
    } else if posted.has("_addanother") {
        let add = staff.path(model, "add/");
        (format!("{add}{back}"), format!(" was {done}. You may add another {} below.", model.one()))
    } else {
        (list, format!(" was {done}."))
    };
    staff.see_saying(&location, &[Said::about(&model.one(), &model.title(row), &own, &after)])
}
