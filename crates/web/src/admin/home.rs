//! The start page, one for each application, and the choice of light or dark.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use tenantry_db::model::QueryError;

use super::answer::{Stopped, segment};
use super::cookies::Theme;
use super::frame::{Crumb, Frame};
use super::log::LogEntry;
use super::models::Registered;
use super::next::Next;
use super::posted::Unproved;
use super::staff::Staff;
use super::text;
use crate::auth::people::ContentType;

/// What a person did last, at most.
const RECENT: u64 = 10;

#[derive(Template)]
#[template(path = "admin/index.html")]
struct Index {
    frame: Frame,
    title: String,
    /// Whether it is one application's page.
    of_app: bool,
    recent: Vec<Recent>,
}

/// Something that the person did.
struct Recent {
    what: &'static str,
    words: String,
    title: String,
    model: String,
    /// Where the record is; empty where it is nowhere any more, or not to be seen.
    path: String,
    time: String,
}

pub(super) async fn index(staff: Staff) -> Result<Response, Stopped> {
    let recent = recent(&staff).await?;
    let frame = Frame::new(&staff, None, Vec::new())?;
    let title = "Site administration".to_owned();
    Ok(staff.page(Index { frame, title, of_app: false, recent }.render()?))
}

pub(super) async fn app(staff: Staff, Path(app): Path<String>) -> Result<Response, Stopped> {
    let name = text::capital(&text::words(&app));
    let crumbs = vec![Crumb { name: name.clone(), path: String::new() }];
    let mut frame = Frame::new(&staff, None, crumbs)?;
    let path = format!("{}/admin/{app}/", frame.mount);
    frame.apps.retain(|it| it.path == path);
    if frame.apps.is_empty() {
        return Err(Stopped::NotFound);
    }
    Ok(staff.page(Index { frame, title: name, of_app: true, recent: Vec::new() }.render()?))
}

pub(super) async fn theme(staff: Staff, form: Unproved) -> Result<Response, Stopped> {
    let posted = form.proved(&staff)?;
    let next = Next::of(posted.get("next").unwrap_or_default()).under(&staff.mount);
    Ok(staff.see_in(Theme::named(posted.get("theme").unwrap_or_default()), &next))
}

async fn recent(staff: &Staff) -> Result<Vec<Recent>, QueryError> {
    let own = staff.db.query::<LogEntry>().filter(LogEntry::USER_ID.eq(staff.user_id));
    let entries = own.limit(RECENT).all().await?;
    let ids: Vec<i64> = entries.iter().filter_map(|entry| entry.content_type_id).collect();
    let types = staff.db.query::<ContentType>().filter(ContentType::ID.in_(ids)).all().await?;
    let types: BTreeMap<i64, ContentType> =
        types.into_iter().filter_map(|it| Some((it.id.get()?, it))).collect();
    let of = |entry: &LogEntry| types.get(&entry.content_type_id?);
    Ok(entries.iter().map(|entry| Recent::new(staff, entry, of(entry))).collect())
}

impl Recent {
    fn new(staff: &Staff, entry: &LogEntry, of: Option<&ContentType>) -> Self {
        let model = of.and_then(|of| staff.site.models.find(&of.app_label, &of.model));
        let path = |model: &Registered| {
            let key = entry.object_id.as_deref().filter(|_| entry.action_flag != 3)?;
            model.is_seen(&staff.permissions).then(|| staff.path(model, &format!("{}/change/", segment(key))))
        };
        Self {
            what: match entry.action_flag {
                1 => "added",
                3 => "deleted",
                _ => "changed",
            },
            words: text::capital(&entry.words()),
            title: entry.object_repr.clone(),
            model: model
                .map_or_else(|| of.map(|of| of.model.clone()).unwrap_or_default(), |model| model.one()),
            path: model.and_then(|model| path(model)).unwrap_or_default(),
            time: entry.action_time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }
}
