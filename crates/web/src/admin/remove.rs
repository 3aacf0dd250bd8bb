//! Records are deleted: one by its own page, or those that are selected in a list. First it is shown what goes with them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use tenantry_db::TenantDb;
use tenantry_db::model::{QueryError, Row, Value};

use super::answer::{Stopped, segment};
use super::edit::record;
use super::form::change_path;
use super::frame::Frame;
use super::list::{Wanted, came_from};
use super::log::{self, Action, Subject};
use super::models::{Registered, Right};
use super::posted::{Posted, Unproved};
use super::said::Said;
use super::staff::Staff;
use super::text;
use super::tree::{Branch, MOST, Tree};

#[derive(Template)]
#[template(path = "admin/delete.html")]
struct Page {
    frame: Frame,
    title: String,
    /// What is asked: "the note “Rent”", "3 notes".
    what: String,
    action: String,
    cancel: String,
    /// What the form sends besides the answer.
    hidden: Vec<(String, String)>,
    branches: Vec<Branch>,
    counts: Vec<String>,
    /// How much goes, which the form brings back.
    going: String,
    freed: usize,
    protected: Vec<String>,
    forbidden: Vec<String>,
    too_large: bool,
    most: String,
    may: bool,
    /// What has changed since the question was asked.
    told: &'static str,
}

/// Why nothing was deleted.
enum NotDeleted {
    /// Something stands in the way, or something else would go than was shown.
    Refused(Box<Tree>),
    Query(QueryError),
}

impl From<QueryError> for NotDeleted {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

/// Something that the site does not know of refers to a record.
const REFERRED: &str = "Nothing was deleted: something that is not managed here still refers to it.";

/// Other records would go than those that were shown.
const CHANGED: &str = "Nothing was deleted: what would go has changed meanwhile. Look at it again.";

type RecordPath = Path<(String, String, String)>;

pub(super) async fn delete_form(
    staff: Staff,
    Path((app, model, key)): RecordPath,
    RawQuery(query): RawQuery,
) -> Result<Response, Stopped> {
    let model = staff.model(&app, &model, Right::Delete)?;
    let Some(row) = record(&staff.db, &model, &key).await? else { return Err(Stopped::NotFound) };
    let tree = Tree::of(&staff, &staff.db, &model, vec![row.clone()]).await?;
    one_page(&staff, &model, query.as_deref(), &row, &tree, "")
}

pub(super) async fn delete(
    staff: Staff,
    Path((app, model, key)): RecordPath,
    RawQuery(query): RawQuery,
    form: Unproved,
) -> Result<Response, Stopped> {
    let (model, posted) = (staff.model(&app, &model, Right::Delete)?, form.proved(&staff)?);
    let Some(row) = record(&staff.db, &model, &key).await? else { return Err(Stopped::NotFound) };
    let told = match fell(&staff, &model, vec![row.clone()], &posted).await {
        Ok(_) => {
            let (list, _) = came_from(&staff, &model, query.as_deref());
            let said = Said::about(&model.one(), &model.title(&row), "", " was deleted.");
            return Ok(staff.see_saying(&list, &[said]));
        }
        Err(NotDeleted::Refused(tree)) => {
            return conflict(one_page(&staff, &model, query.as_deref(), &row, &tree, CHANGED));
        }
        Err(NotDeleted::Query(QueryError::ForeignKey)) => REFERRED,
        Err(NotDeleted::Query(error)) => return Err(error.into()),
    };
    let tree = Tree::of(&staff, &staff.db, &model, vec![row.clone()]).await?;
    conflict(one_page(&staff, &model, query.as_deref(), &row, &tree, told))
}

/// What is done to the rows that are selected in a list.
pub(super) async fn selected(
    staff: Staff,
    Path((app, model)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    form: Unproved,
) -> Result<Response, Stopped> {
    let (model, posted) = (staff.model(&app, &model, Right::Delete)?, form.proved(&staff)?);
    let wanted = Wanted::parse(&model, query.as_deref().unwrap_or_default());
    let list = format!("{}?{}", staff.path(&model, ""), wanted.query());
    if posted.get("action") != Some("delete_selected") {
        let warning = Said::warning("Nothing was done: choose what is to be done with the selected rows.");
        return Ok(staff.see_saying(&list, &[warning]));
    }
    let rows = chosen(&staff, &model, &wanted, &posted).await?;
    if rows.is_empty() {
        let warning = Said::warning("Nothing was done: select the rows that it is to be done with.");
        return Ok(staff.see_saying(&list, &[warning]));
    }
    let page = |tree: &Tree, told| many_page(&staff, &model, &list, &rows, &posted, tree, told);
    if posted.get("post") != Some("yes") {
        let tree = Tree::of(&staff, &staff.db, &model, rows.clone()).await?;
        return page(&tree, "");
    }
    match fell(&staff, &model, rows.clone(), &posted).await {
        Ok(count) => {
            let be = if count == 1 { "was" } else { "were" };
            let said = Said::done(&format!("{} {be} deleted.", text::capital(&model.counted(count))));
            Ok(staff.see_saying(&list, &[said]))
        }
        Err(NotDeleted::Refused(tree)) => conflict(page(&tree, CHANGED)),
        Err(NotDeleted::Query(QueryError::ForeignKey)) => {
            let tree = Tree::of(&staff, &staff.db, &model, rows.clone()).await?;
            conflict(page(&tree, REFERRED))
        }
        Err(NotDeleted::Query(error)) => Err(error.into()),
    }
}

/// The rows that are selected: by their keys, or all that the list has.
async fn chosen(
    staff: &Staff,
    model: &Registered,
    wanted: &Wanted,
    posted: &Posted,
) -> Result<Vec<Row>, QueryError> {
    let most = MOST as u64 + 1;
    if posted.has("select_across") {
        return wanted.rows(&staff.db, model, None)?.limit(most).all().await;
    }
    let Some(key) = model.meta.primary_key() else { return Ok(Vec::new()) };
    let keys: Vec<Value> = posted.all("_selected_action").filter_map(|key| model.parse_key(key)).collect();
    let selected = staff.db.rows(model.meta).filter(model.meta.column(key.column)?.in_(keys));
    selected.limit(most).all().await
}

/// Deletes rows and what goes with them, if nothing stands in the way and it is as much as was shown; says how many of the
/// rows there were.
async fn fell(
    staff: &Staff,
    model: &Arc<Registered>,
    rows: Vec<Row>,
    posted: &Posted,
) -> Result<u64, NotDeleted> {
    let shown = posted.get("_going").unwrap_or_default();
    let delete = async move |tx: TenantDb| {
        let tree = Tree::of(staff, &tx, model, rows.clone()).await?;
        if !tree.may_go(staff) || tree.going() != shown {
            return Err(NotDeleted::Refused(Box::new(tree)));
        }
        for row in &rows {
            let (key, title) = (model.key(row), model.title(row));
            let subject = Subject { meta: model.meta, key: &key, title: &title };
            log::write(&tx, staff.user_id, subject, &Action::Deleted).await?;
        }
        tree.fell(&tx).await?;
        Ok(rows.len() as u64)
    };
    staff.db.transaction(delete).await
}

fn one_page(
    staff: &Staff,
    model: &Registered,
    query: Option<&str>,
    row: &Row,
    tree: &Tree,
    told: &'static str,
) -> Result<Response, Stopped> {
    let (key, title) = (model.key(row), model.title(row));
    let (_, back) = came_from(staff, model, query);
    let own = change_path(staff, model, &key);
    let frame = Frame::of_model(staff, model, &[(&title, own.clone()), ("Delete", String::new())])?;
    let page = Page {
        what: format!("the {} “{title}”", model.one()),
        action: format!("{}{back}", staff.path(model, &format!("{}/delete/", segment(&key)))),
        cancel: format!("{own}{back}"),
        hidden: Vec::new(),
        told,
        ..Page::of(staff, frame, tree)
    };
    Ok(staff.page(page.render()?))
}

fn many_page(
    staff: &Staff,
    model: &Registered,
    list: &str,
    rows: &[Row],
    posted: &Posted,
    tree: &Tree,
    told: &'static str,
) -> Result<Response, Stopped> {
    let frame = Frame::of_model(staff, model, &[("Delete", String::new())])?;
    let mut hidden = vec![("action".to_owned(), "delete_selected".to_owned())];
    if posted.has("select_across") {
        hidden.push(("select_across".to_owned(), "1".to_owned()));
    } else {
        hidden.extend(rows.iter().map(|row| ("_selected_action".to_owned(), model.key(row))));
    }
    let page = Page {
        what: model.counted(rows.len() as u64),
        action: list.to_owned(),
        cancel: list.to_owned(),
        hidden,
        told,
        ..Page::of(staff, frame, tree)
    };
    Ok(staff.page(page.render()?))
}

fn conflict(page: Result<Response, Stopped>) -> Result<Response, Stopped> {
    page.map(|mut page| {
        *page.status_mut() = StatusCode::CONFLICT;
        page
    })
}

impl Page {
    /// What a page says of a tree.
    fn of(staff: &Staff, frame: Frame, tree: &Tree) -> Self {
        Self {
            frame,
            title: "Delete".to_owned(),
            what: String::new(),
            action: String::new(),
            cancel: String::new(),
            hidden: Vec::new(),
            branches: tree.branches(staff),
            counts: tree.counts(),
            going: tree.going(),
            freed: tree.freed(),
            protected: tree.protected().into_iter().map(str::to_owned).collect(),
            forbidden: tree.forbidden(staff),
            too_large: tree.too_large,
            most: text::grouped(MOST as u64),
            may: tree.may_go(staff),
            told: "",
        }
    }
}
