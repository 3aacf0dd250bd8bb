//! The admin's routes: one table, from which the router and the tests of who may do what are made.

use axum::Extension;
use axum::extract::{DefaultBodyLimit, RawQuery};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use super::{AdminSite, bulk, choose, edit, history, home, list, password, remove, sign_in};
use crate::http::MountPath;

/// The largest form with a password: many times a name, a password or three, and a token.
const FORM_BYTES: usize = 16 * 1_024;

/// One route of the admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// `/admin`, which leads to the start page.
    Root,
    /// The start page.
    Index,
    /// Signing in.
    Login,
    /// Signing out.
    Logout,
    /// Another password for whoever is signed in.
    PasswordChange,
    /// Light or dark.
    Theme,
    /// The models of one application.
    App,
    /// A model's rows.
    List,
    /// A new record.
    Add,
    /// A record's own page.
    Change,
    /// A record's end.
    Delete,
    /// What was done to a record.
    History,
    /// The records that a field may refer to, searched.
    Choose,
}

impl Endpoint {
    /// Every route.
    pub const ALL: [Self; 13] = [
        Self::Root,
        Self::Index,
        Self::Login,
        Self::Logout,
        Self::PasswordChange,
        Self::Theme,
        Self::App,
        Self::List,
        Self::Add,
        Self::Change,
        Self::Delete,
        Self::History,
        Self::Choose,
    ];

    /// Its path, with `{app}`, `{model}` and `{key}` where those stand.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Root => "/admin",
            Self::Index => "/admin/",
            Self::Login => "/admin/login/",
            Self::Logout => "/admin/logout/",
            Self::PasswordChange => "/admin/password_change/",
            Self::Theme => "/admin/theme/",
            Self::App => "/admin/{app}/",
            Self::List => "/admin/{app}/{model}/",
            Self::Add => "/admin/{app}/{model}/add/",
            Self::Change => "/admin/{app}/{model}/{key}/change/",
            Self::Delete => "/admin/{app}/{model}/{key}/delete/",
            Self::Choose => "/admin/{app}/{model}/choose/",
            Self::History => "/admin/{app}/{model}/{key}/history/",
        }
    }

    /// The methods that it answers; HEAD goes with GET.
    #[must_use]
    pub const fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Root | Self::Index | Self::App | Self::History | Self::Choose => &["GET"],
            Self::Login | Self::PasswordChange => &["GET", "POST"],
            Self::List | Self::Add | Self::Change | Self::Delete => &["GET", "POST"],
            Self::Logout | Self::Theme => &["POST"],
        }
    }

    pub(super) fn handlers(self) -> MethodRouter<AdminSite> {
        match self {
            Self::Root => get(to_index),
            Self::Index => get(home::index),
            // Anyone may send these forms, and each is held while its password waits to be checked.
            Self::Login => {
                get(sign_in::login_form).post(sign_in::login).layer(DefaultBodyLimit::max(FORM_BYTES))
            }
            Self::Logout => post(sign_in::logout).layer(DefaultBodyLimit::max(FORM_BYTES)),
            Self::PasswordChange => {
                get(password::form).post(password::change).layer(DefaultBodyLimit::max(FORM_BYTES))
            }
            Self::Theme => post(home::theme),
            Self::App => get(home::app),
            Self::List => get(list::list).post(bulk::selected),
            Self::Add => get(edit::add_form).post(edit::add),
            Self::Change => get(edit::change_form).post(edit::change),
            Self::Delete => get(remove::delete_form).post(remove::delete),
            Self::Choose => get(choose::choose),
            Self::History => get(history::history),
        }
    }
}

async fn to_index(Extension(mount): Extension<MountPath>, RawQuery(query): RawQuery) -> Response {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let index = format!("{}/admin/{query}", mount.as_str());
    (StatusCode::MOVED_PERMANENTLY, [(LOCATION, index)]).into_response()
}
