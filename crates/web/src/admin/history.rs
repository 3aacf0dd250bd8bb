//! What was done to one record in the admin: who, when, and from what to what.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use tenantry_db::model::QueryError;

use super::answer::Stopped;
use super::edit::record;
use super::form::change_path;
use super::frame::Frame;
use super::log::{Action, Change, LogEntry, content_type};
use super::models::{Registered, Right};
use super::staff::Staff;
use crate::auth::people::User;

/// The newest entries that are shown.
const SHOWN: u64 = 500;

#[derive(Template)]
#[template(path = "admin/history.html")]
struct Page {
    frame: Frame,
    title: String,
    model: String,
    own: String,
    entries: Vec<Entry>,
}

struct Entry {
    what: &'static str,
    who: String,
    when: String,
    changes: Vec<Change>,
}

pub(super) async fn history(
    staff: Staff,
    Path((app, model, key)): Path<(String, String, String)>,
) -> Result<Response, Stopped> {
    let model = staff.model(&app, &model, Right::View)?;
    let Some(row) = record(&staff.db, &model, &key).await? else { return Err(Stopped::NotFound) };
    let key = model.key(&row);
    let own = change_path(&staff, &model, &key);
    let title = model.title(&row);
    let entries = entries(&staff, &model, &key, SHOWN).await?;
    let page = Page {
        frame: Frame::of_model(&staff, &model, &[(&title, own.clone()), ("History", String::new())])?,
        title: format!("History of {title}"),
        model: model.one(),
        own,
        entries: entries.into_iter().map(|(entry, who)| Entry::new(&entry, who)).collect(),
    };
    Ok(staff.page(page.render()?))
}

/// "ada changed title and state at 2026-11-23 18:05 UTC": the last change of a record.
pub(super) async fn last_change(
    staff: &Staff,
    model: &Registered,
    key: &str,
) -> Result<Option<String>, QueryError> {
    let last = entries(staff, model, key, 1).await?.pop();
    Ok(last.map(|(entry, who)| format!("{who} {} at {}", entry.words(), when(&entry))))
}

/// The newest entries about a record, each with the name of who it is of.
async fn entries(
    staff: &Staff,
    model: &Registered,
    key: &str,
    most: u64,
) -> Result<Vec<(LogEntry, String)>, QueryError> {
    let Some(of) = content_type(&staff.db, model.meta).await? else { return Ok(Vec::new()) };
    let about = LogEntry::CONTENT_TYPE_ID.eq(of).and(LogEntry::OBJECT_ID.eq(key));
    let entries = staff.db.query::<LogEntry>().filter(about).limit(most).all().await?;
    let ids: Vec<i64> = entries.iter().map(|entry| entry.user_id).collect();
    let users = staff.db.query::<User>().filter(User::ID.in_(ids)).all().await?;
    let names: BTreeMap<i64, String> =
        users.into_iter().filter_map(|user| Some((user.id.get()?, user.username))).collect();
    let with_name = |entry: LogEntry| {
        let name = names.get(&entry.user_id).cloned().unwrap_or_else(|| "Someone".to_owned());
        (entry, name)
    };
    Ok(entries.into_iter().map(with_name).collect())
}

fn when(entry: &LogEntry) -> String {
    entry.action_time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

impl Entry {
    fn new(entry: &LogEntry, who: String) -> Self {
        let (what, changes) = match entry.action() {
            Action::Added => ("added", Vec::new()),
            Action::Deleted => ("deleted", Vec::new()),
            Action::Changed(changes) => ("changed", changes),
        };
        Self { what, who, when: when(entry), changes }
    }
}
