//! Who asks for a page of the admin: someone of the tenant's staff who is signed in, and what they may do.

use std::sync::Arc;

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use tenantry_core::Tenant;
use tenantry_db::TenantDb;

use super::AdminSite;
use super::answer::{Stopped, never_cached, see, to_login};
use super::cookies::{Cookies, Theme};
use super::models::{Registered, Right};
use super::said::Said;
use crate::auth::people::{Permissions, User};
use crate::auth::session::BeginError;
use crate::auth::{Account, Holder, RandomError, Token, session};
use crate::http::{CrossSite, Failure, MountPath, Origin, same_origin};

/// Someone of the staff, with the door to the tenant's data. A handler that takes it as its first argument is only
/// reached by such.
pub(super) struct Staff {
    pub(super) site: AdminSite,
    pub(super) tenant: Tenant,
    pub(super) db: TenantDb,
    pub(super) user: User,
    pub(super) user_id: i64,
    pub(super) permissions: Permissions,
    pub(super) mount: MountPath,
    /// The path and the query that were asked for, below the mount.
    pub(super) here: String,
    pub(super) theme: Theme,
    /// What was done on the page before.
    pub(super) said: Vec<Said>,
    origin: Origin,
    cookies: Cookies,
    token: Token,
    headers: HeaderMap,
}

impl FromRequestParts<AdminSite> for Staff {
    type Rejection = Response;

    /// # Errors
    /// Raised when nobody of the staff is signed in: the answer is the way to the sign-in form, and back.
    async fn from_request_parts(parts: &mut Parts, site: &AdminSite) -> Result<Self, Response> {
        let cookies = Cookies::from_request_parts(parts, site).await?;
        let found =
            <(Extension<Origin>, Extension<MountPath>, Tenant, TenantDb)>::from_request_parts(parts, site);
        let (Extension(origin), Extension(mount), tenant, db) =
            found.await.map_err(IntoResponse::into_response)?;
        let here = parts.uri.path_and_query().map_or("/admin/", |here| here.as_str()).to_owned();
        let Some(token) = cookies.session(&parts.headers) else {
            return Err(match from_django(site, &db, parts).await.map_err(failed)? {
                Some(token) => {
                    let mut again = never_cached(see(&format!("{}{here}", mount.as_str())));
                    cookies.replace_djangos(&mut again, &token);
                    again
                }
                None => to_login(&mount, &here),
            });
        };
        let signed_in = session::load(&db, &token).await.map_err(failed)?;
        let user = signed_in.map(|it| it.user).filter(|user| user.is_staff);
        let Some((user, user_id)) = user.and_then(|user| user.id.get().map(|id| (user, id))) else {
            return Err(to_login(&mount, &here));
        };
        let permissions = Permissions::of(&db, &user).await.map_err(failed)?;
        let sealed = cookies.said(&parts.headers);
        let words = sealed.and_then(|it| site.forms.unseal(tenant.id(), Holder::Session(&token), &it));
        Ok(Self {
            said: words.map(|words| Said::parse(&words)).unwrap_or_default(),
            theme: cookies.theme(&parts.headers),
            headers: parts.headers.clone(),
            site: site.clone(),
            tenant,
            db,
            user,
            user_id,
            permissions,
            mount,
            here,
            origin,
            cookies,
            token,
        })
    }
}

/// A session for whoever comes with one that Django began.
async fn from_django(site: &AdminSite, db: &TenantDb, parts: &Parts) -> Result<Option<Token>, BeginError> {
    match Cookies::of_django(&parts.headers) {
        // Nothing that was sent is lost by asking for the page again.
        Some(key) if parts.method.is_safe() => site.django.exchange(db, &key).await,
        _ => Ok(None),
    }
}

fn failed(error: impl Into<Failure>) -> Response {
    error.into().into_response()
}

impl Staff {
    /// A token for a form on the page.
    pub(super) fn form_token(&self) -> Result<String, RandomError> {
        self.site.forms.issue(self.tenant.id(), Holder::Session(&self.token))
    }

    pub(super) fn same_origin(&self, form_token: &str) -> Result<(), CrossSite> {
        let right = || self.site.forms.accepts(form_token, self.tenant.id(), Holder::Session(&self.token));
        same_origin(&self.headers, &self.origin, right)
    }

    /// The model, if there is one of that name and the person may do that to its rows.
    ///
    /// # Errors
    /// 404 where there is none, 403 where it is not permitted.
    pub(super) fn model(&self, app: &str, name: &str, right: Right) -> Result<Arc<Registered>, Stopped> {
        let model = self.site.models.find(app, name).ok_or(Stopped::NotFound)?;
        let permitted = match right {
            Right::View => model.is_seen(&self.permissions),
            other => model.permits(&self.permissions, other),
        };
        if permitted { Ok(Arc::clone(model)) } else { Err(Stopped::NotPermitted) }
    }

    /// The path of a model's pages, or of one below it.
    pub(super) fn path(&self, model: &Registered, below: &str) -> String {
        format!("{}/admin/{}/{}/{below}", self.mount.as_str(), model.meta.app, model.meta.name)
    }

    /// The answer that is a page. What was to be said is said on it, and so is taken from the cookie.
    pub(super) fn page(&self, html: String) -> Response {
        let mut response = never_cached(Html(html).into_response());
        if !self.said.is_empty() {
            self.cookies.clear_said(&mut response);
        }
        response
    }

    /// The way to another page, which is to say what was done.
    pub(super) fn see_saying(&self, location: &str, said: &[Said]) -> Response {
        let mut response = never_cached(see(location));
        let sealed = self.site.forms.seal(self.tenant.id(), Holder::Session(&self.token), &Said::write(said));
        self.cookies.set_said(&mut response, &sealed);
        response
    }

    /// The same for whoever goes on with another session.
    pub(super) fn see_with(mut self, session: &Token, location: &str, said: &[Said]) -> Response {
        self.token = session.clone();
        let mut response = self.see_saying(location, said);
        self.cookies.set_session(&mut response, session);
        response
    }

    /// Whose failures to show a password are counted: those of this browser.
    pub(super) fn account(&self) -> Account {
        Account::of_tenant(self.tenant.id(), &self.user.username).with_session(&self.token)
    }

    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    /// The way back to a page, which from now on is light or dark.
    pub(super) fn see_in(&self, theme: Theme, location: &str) -> Response {
        let mut response = never_cached(see(location));
        self.cookies.set_theme(&mut response, theme);
        response
    }
}
