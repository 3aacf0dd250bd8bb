//! Records are deleted: one by its own page, or those that are selected in a list. First it is shown what goes with them.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::response::Response;
use tenantry_db::TenantDb;
use tenantry_db::model::{QueryError, Row};

use super::answer::{Stopped, segment};
use super::edit::record;
use super::form::change_path;
use super::frame::Frame;
use super::list::came_from;
use super::log::{self, Action};
use super::models::{DELETE_SELECTED, Registered, Right};
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

/// The selected rows of a list are deleted, once it is confirmed.
pub(super) async fn selected(
    staff: &Staff,
    model: &Arc<Registered>,
    list: &str,
    rows: Vec<Row>,
    posted: &Posted,
) -> Result<Response, Stopped> {
    let page = |tree: &Tree, told| many_page(staff, model, list, &rows, posted, tree, told);
    if posted.get("post") != Some("yes") {
        let tree = Tree::of(staff, &staff.db, model, rows.clone()).await?;
        return page(&tree, "");
    }
    match fell(staff, model, rows.clone(), posted).await {
        Ok(count) => {
            let be = if count == 1 { "was" } else { "were" };
            let said = Said::done(&format!("{} {be} deleted.", text::capital(&model.counted(count))));
            Ok(staff.see_saying(list, &[said]))
        }
        Err(NotDeleted::Refused(tree)) => conflict(page(&tree, CHANGED)),
        Err(NotDeleted::Query(QueryError::ForeignKey)) => {
            let tree = Tree::of(staff, &staff.db, model, rows.clone()).await?;
            conflict(page(&tree, REFERRED))
        }
        Err(NotDeleted::Query(error)) => Err(error.into()),
    }
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
        let done = rows.iter().map(|row| (model.key(row), model.title(row), Action::Deleted));
        log::write(&tx, staff.user_id, model.meta, done.collect()).await?;
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
    let mut hidden = vec![("action".to_owned(), DELETE_SELECTED.to_owned())];
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
