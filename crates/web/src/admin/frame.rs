//! The frame of every page behind the sign-in: whose site it is, who is signed in, where to go.

use super::cookies::Theme;
use super::models::{Registered, Right};
use super::said::Said;
use super::staff::Staff;
use super::text;
use crate::auth::RandomError;

/// What the frame shows.
pub(super) struct Frame {
    pub(super) tenant: String,
    pub(super) mount: String,
    pub(super) username: String,
    pub(super) form_token: String,
    pub(super) theme: Theme,
    /// The page itself, to come back to.
    pub(super) here: String,
    pub(super) said: Vec<Said>,
    pub(super) apps: Vec<AppMenu>,
    pub(super) crumbs: Vec<Crumb>,
}

/// An application's models in the menu.
pub(super) struct AppMenu {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) models: Vec<ModelMenu>,
}

/// A model in the menu, with what the person may do.
pub(super) struct ModelMenu {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) add: bool,
    pub(super) change: bool,
    pub(super) view: bool,
    pub(super) current: bool,
}

/// A step of the way to a page; the last one is the page itself and leads nowhere.
pub(super) struct Crumb {
    pub(super) name: String,
    pub(super) path: String,
}

impl Frame {
    /// The frame of a page below these crumbs; `model` is the one that it is about.
    pub(super) fn new(
        staff: &Staff,
        model: Option<&Registered>,
        crumbs: Vec<Crumb>,
    ) -> Result<Self, RandomError> {
        Ok(Self {
            tenant: staff.tenant.name().to_owned(),
            mount: staff.mount.as_str().to_owned(),
            username: staff.user.username.clone(),
            form_token: staff.form_token()?,
            theme: staff.theme,
            here: staff.here.clone(),
            said: staff.said.clone(),
            apps: apps(staff, model),
            crumbs,
        })
    }

    /// The frame of a page about a model: its application and its list come before it.
    pub(super) fn of_model(
        staff: &Staff,
        model: &Registered,
        here: &[(&str, String)],
    ) -> Result<Self, RandomError> {
        let app = format!("{}/admin/{}/", staff.mount.as_str(), model.meta.app);
        let mut crumbs = vec![Crumb { name: text::capital(&text::words(model.meta.app)), path: app }];
        crumbs.push(Crumb { name: text::capital(&model.several()), path: staff.path(model, "") });
        crumbs.extend(here.iter().map(|(name, path)| Crumb { name: (*name).to_owned(), path: path.clone() }));
        if let Some(last) = crumbs.last_mut() {
            last.path.clear();
        }
        Self::new(staff, Some(model), crumbs)
    }
}

/// The applications with a model that the person may do anything with, in the order of their names.
fn apps(staff: &Staff, current: Option<&Registered>) -> Vec<AppMenu> {
    let mut apps: Vec<AppMenu> = Vec::new();
    for model in staff.site.models.all() {
        let right = |right| model.permits(&staff.permissions, right);
        let (add, change) = (right(Right::Add), right(Right::Change));
        let view = change || right(Right::View);
        if !(add || view || right(Right::Delete)) {
            continue;
        }
        let entry = ModelMenu {
            name: text::capital(&model.several()),
            path: staff.path(model, ""),
            add,
            change,
            view,
            current: current.is_some_and(|current| current.meta.table == model.meta.table),
        };
        let name = text::capital(&text::words(model.meta.app));
        match apps.iter_mut().find(|app| app.name == name) {
            Some(app) => app.models.push(entry),
            None => {
                let path = format!("{}/admin/{}/", staff.mount.as_str(), model.meta.app);
                apps.push(AppMenu { name, path, models: vec![entry] });
            }
        }
    }
    apps.sort_by(|one, other| one.name.cmp(&other.name));
    apps.iter_mut().for_each(|app| app.models.sort_by(|one, other| one.name.cmp(&other.name)));
    apps
}
