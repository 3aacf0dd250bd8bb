//! The search of a chooser: the records that a field may refer to, as a part of a page.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use serde::Deserialize;

use super::answer::Stopped;
use super::form::Offer;
use super::list::Wanted;
use super::models::Right;
use super::staff::Staff;

/// The most records that are offered at once.
const OFFERED: usize = 20;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "admin/choose.html")]
struct Offers {
    offers: Vec<Offer>,
    more: bool,
}

/// Who may see the records may choose among them.
pub(super) async fn choose(
    staff: Staff,
    Path((app, model)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Stopped> {
    let model = staff.model(&app, &model, Right::View)?;
    let wanted = Wanted::parse(
        &model,
        &form_urlencoded::Serializer::new(String::new()).append_pair("q", &asked.q).finish(),
    );
    let rows = wanted.rows(&staff.db, &model, None)?.limit(OFFERED as u64 + 1).all().await?;
    let more = rows.len() > OFFERED;
    let offers =
        rows.iter().take(OFFERED).map(|row| Offer { value: model.key(row), label: model.title(row) });
    Ok(staff.page(Offers { offers: offers.collect(), more }.render()?))
}
