//! The list of a model's rows: columns, order, search, filters, pages, and what is done to those that are selected.

mod filters;
mod range;
mod table;
mod wanted;

use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::response::{IntoResponse, Response};

use super::answer::Stopped;
use super::frame::Frame;
use super::models::{Registered, Right};
use super::staff::Staff;
use super::text;
use filters::Filter;
use table::{Head, Line};
use wanted::{ALL, PAGE};

pub(super) use wanted::Wanted;

#[derive(Template)]
#[template(path = "admin/list.html")]
struct List {
    frame: Frame,
    title: String,
    model: String,
    models: String,
    path: String,
    wanted: Wanted,
    /// Whether any column is searched.
    searches: bool,
    /// What is kept when something else is searched for.
    kept: Vec<(String, String)>,
    cleared: String,
    filters: Vec<Filter>,
    heads: Vec<Head>,
    lines: Vec<Line>,
    count: u64,
    counted: String,
    pages: Vec<PageLink>,
    /// The way to all rows on one page, where there are not too many.
    show_all: String,
    back: String,
    add: bool,
    /// What can be done with the selected rows, by its name and what people are shown.
    bulk: Vec<(&'static str, &'static str)>,
}

/// A page of the list; a gap has no number.
struct PageLink {
    number: u64,
    link: String,
    current: bool,
}

pub(super) async fn list(
    staff: Staff,
    Path((app, model)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Stopped> {
    let model = staff.model(&app, &model, Right::View)?;
    let mut wanted = Wanted::parse(&model, query.as_deref().unwrap_or_default());
    let count = wanted.rows(&staff.db, &model, None)?.count().await?;
    let all = wanted.all && count <= ALL;
    let last = if all { 1 } else { count.div_ceil(PAGE).max(1) };
    (wanted.page, wanted.all) = (wanted.page.min(last), all);
    let rows = table::rows(&staff, &model, &wanted).await?;
    let lines = table::lines(&staff, &model, &wanted, &rows).await?;
    let filters = filters::filters(&staff, &model, &wanted).await?;
    let name = text::capital(&model.several());
    let page = List {
        frame: Frame::of_model(&staff, &model, &[])?,
        title: name,
        model: model.one(),
        models: model.several(),
        path: staff.path(&model, ""),
        searches: !model.searched().is_empty(),
        kept: wanted.others(),
        cleared: cleared(&wanted),
        filters,
        heads: table::heads(&model, &wanted),
        lines,
        count,
        counted: model.counted(count),
        pages: pages(&wanted, last),
        show_all: if last > 1 && count <= ALL { wanted.but(&[("all", Some("1"))]) } else { String::new() },
        back: back(&wanted),
        add: model.permits(&staff.permissions, Right::Add),
        bulk: model.bulk(&staff.permissions),
        wanted,
    };
    Ok(staff.page(page.render()?).into_response())
}

/// The parameter by which a form comes back to the list as it was.
pub(super) const BACK: &str = "_changelist_filters";

/// What the addresses of a row's pages end with, so that they lead back here.
pub(super) fn back(wanted: &Wanted) -> String {
    let query = wanted.query();
    if query.is_empty() {
        return String::new();
    }
    format!("?{}", form_urlencoded::Serializer::new(String::new()).append_pair(BACK, &query).finish())
}

/// The list as it was when a row's page was opened: its path, and what that page's query says.
pub(super) fn came_from(staff: &Staff, model: &Registered, query: Option<&str>) -> (String, String) {
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let kept = pairs.into_owned().find(|(name, _)| name == BACK).map(|(_, value)| value).unwrap_or_default();
    let wanted = Wanted::parse(model, &kept);
    let query = wanted.query();
    let list = staff.path(model, "");
    let list = if query.is_empty() { list } else { format!("{list}?{query}") };
    (list, back(&wanted))
}

/// The same list with neither words nor filters.
fn cleared(wanted: &Wanted) -> String {
    let names: Vec<String> = wanted.filters.iter().flat_map(|chosen| wanted::names(chosen.field)).collect();
    let mut changes: Vec<(&str, Option<&str>)> = names.iter().map(|name| (name.as_str(), None)).collect();
    changes.push(("q", None));
    wanted.but(&changes)
}

/// The first, the last, and those around the one that is shown.
fn pages(wanted: &Wanted, last: u64) -> Vec<PageLink> {
    if last == 1 {
        return Vec::new();
    }
    let near = |page: u64| page == 1 || page == last || page.abs_diff(wanted.page) <= 2;
    let mut links = Vec::new();
    let mut before = 0;
    for number in (1..=last.min(3))
        .chain(wanted.page.saturating_sub(2).max(4)..=(wanted.page + 2).min(last))
        .chain([last])
    {
        if number <= before || !near(number) {
            continue;
        }
        if number > before + 1 {
            links.push(PageLink { number: 0, link: String::new(), current: false });
        }
        let link = wanted.but(&[("p", Some(&number.to_string()))]);
        links.push(PageLink { number, link, current: number == wanted.page });
        before = number;
    }
    links
}
