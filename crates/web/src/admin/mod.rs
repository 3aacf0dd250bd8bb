//! The bare admin: sign in, a page that names the tenant and the user, sign out.

mod cookies;
mod next;
mod pages;

use axum::extract::{Form, FromRequestParts, Query, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;
use tenantry_core::Tenant;
use tenantry_db::TenantDb;

use crate::auth::people::{SignInError, authenticate, hash_policy};
use crate::auth::{FormTokens, Hasher, Holder, Password, Token, session};
use crate::http::{Failure, MountPath, Origin, Refusal, same_origin};
use cookies::Cookies;
use next::Next;

/// What Django's login page says to whoever it does not let in.
const REFUSED: &str = "Please enter the correct username and password for a staff account. Note that both fields may be \
                       case-sensitive.";

/// Django's own words to browsers and proxies about a page that is for one person.
const NEVER_CACHED: &str = "max-age=0, no-cache, no-store, must-revalidate, private";

/// The admin of each tenant, to be merged into the routes below [`TenantLayer`](crate::http::TenantLayer).
#[derive(Clone, Debug)]
pub struct Admin {
    /// Checks passwords.
    pub hasher: Hasher,
    /// Makes and checks the tokens of forms.
    pub forms: FormTokens,
    /// `PASSWORD_UPGRADE`: whether hashes of an adopted database may be replaced by ones that stock Django can't read.
    pub upgrade: bool,
    /// Whether people may sign in over plain http: with `DEBUG`, or where only this machine can reach the server.
    pub plain_http: bool,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    csrfmiddlewaretoken: String,
    #[serde(default)]
    username: String,
    password: Password,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Logout {
    #[serde(default)]
    csrfmiddlewaretoken: String,
}

/// Where a change was sent to: its origin, and what stands in front of its path.
type Site = (Extension<Origin>, Extension<MountPath>);

impl Admin {
    /// The routes.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/admin", get(to_index))
            .route("/admin/", get(index))
            .route("/admin/login/", get(login_form).post(login))
            .route("/admin/logout/", post(logout))
            .with_state(self)
    }
}

impl FromRequestParts<Admin> for Cookies {
    type Rejection = Response;

    /// # Errors
    /// Raised when others on the way could read passwords and sessions, and when the route is not under a host layer.
    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Response> {
        let origin = Extension::<Origin>::from_request_parts(parts, admin).await;
        let Extension(origin) = origin.map_err(IntoResponse::into_response)?;
        let cookies = Self::for_origin(&origin, admin.plain_http);
        cookies.ok_or_else(|| (StatusCode::FORBIDDEN, pages::NEEDS_HTTPS).into_response())
    }
}

async fn to_index(Extension(mount): Extension<MountPath>) -> Response {
    (StatusCode::MOVED_PERMANENTLY, [(LOCATION, format!("{}/admin/", mount.as_str()))]).into_response()
}

async fn index(
    State(admin): State<Admin>,
    Extension(mount): Extension<MountPath>,
    cookies: Cookies,
    tenant: Tenant,
    db: TenantDb,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Some(token) = cookies.session(&headers) else { return Ok(to_login(&mount)) };
    let Some(signed_in) = session::load(&db, &token).await? else { return Ok(to_login(&mount)) };
    if !signed_in.user.is_staff {
        return Ok(to_login(&mount));
    }
    let form_token = admin.forms.issue(tenant.id(), Holder::Session(&token))?;
    let page = pages::index(tenant.name(), &signed_in.user.username, &form_token, mount.as_str())?;
    Ok(never_cached(page.into_response()))
}

async fn login_form(
    State(admin): State<Admin>,
    Extension(mount): Extension<MountPath>,
    cookies: Cookies,
    tenant: Tenant,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    form_page(&admin, &cookies, &tenant, &mount, &headers, &Next::of(&asked.next), None)
}

async fn login(
    State(admin): State<Admin>,
    (Extension(origin), Extension(mount)): Site,
    cookies: Cookies,
    tenant: Tenant,
    db: TenantDb,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, Failure> {
    let right_token = || {
        cookies.visitor(&headers).is_some_and(|visitor| {
            admin.forms.accepts(&login.csrfmiddlewaretoken, tenant.id(), Holder::Visitor(&visitor))
        })
    };
    if let Err(cross_site) = same_origin(&headers, &origin, right_token) {
        return Ok(Refusal::caused_by(StatusCode::FORBIDDEN, cross_site).into_response());
    }
    let next = Next::of(&login.next);
    let policy = hash_policy(&db, admin.upgrade).await?;
    let user = match authenticate(&db, &admin.hasher, policy, &login.username, &login.password).await {
        Ok(user) if user.is_staff => user,
        Ok(_) | Err(SignInError::Refused) => {
            return form_page(&admin, &cookies, &tenant, &mount, &headers, &next, Some(REFUSED));
        }
        Err(error) => return Err(error.into()),
    };
    session::remove_expired(&db).await?;
    // A new session and a new visitor's token: what someone may have planted before is worth nothing now. Nor is the
    // session that was there: once its cookie is replaced, nobody could sign out of it.
    let (token, _) = session::begin(&db, &user).await?;
    if let Some(before) = cookies.session(&headers) {
        session::end(&db, &before).await?;
    }
    let mut response = see(&next.under(&mount));
    cookies.set_session(&mut response, &token);
    cookies.set_visitor(&mut response, &Token::generate()?);
    Ok(never_cached(response))
}

async fn logout(
    State(admin): State<Admin>,
    (Extension(origin), Extension(mount)): Site,
    cookies: Cookies,
    tenant: Tenant,
    db: TenantDb,
    headers: HeaderMap,
    Form(form): Form<Logout>,
) -> Result<Response, Failure> {
    let Some(token) = cookies.session(&headers) else { return Ok(to_login(&mount)) };
    let right_token = || admin.forms.accepts(&form.csrfmiddlewaretoken, tenant.id(), Holder::Session(&token));
    if let Err(cross_site) = same_origin(&headers, &origin, right_token) {
        return Ok(Refusal::caused_by(StatusCode::FORBIDDEN, cross_site).into_response());
    }
    session::end(&db, &token).await?;
    let mut response = to_login(&mount);
    cookies.clear_session(&mut response);
    Ok(response)
}

fn form_page(
    admin: &Admin,
    cookies: &Cookies,
    tenant: &Tenant,
    mount: &MountPath,
    headers: &HeaderMap,
    next: &Next,
    error: Option<&str>,
) -> Result<Response, Failure> {
    let visitor = match cookies.visitor(headers) {
        Some(visitor) => visitor,
        None => Token::generate()?,
    };
    let form_token = admin.forms.issue(tenant.id(), Holder::Visitor(&visitor))?;
    let warning = cookies.are_plain();
    let page = pages::login(tenant.name(), mount.as_str(), next.as_str(), &form_token, error, warning)?;
    let mut response = page.into_response();
    cookies.set_visitor(&mut response, &visitor);
    Ok(never_cached(response))
}

fn to_login(mount: &MountPath) -> Response {
    never_cached(see(&format!("{}/admin/login/?next=/admin/", mount.as_str())))
}

fn see(location: &str) -> Response {
    (StatusCode::FOUND, [(LOCATION, location.to_owned())]).into_response()
}

fn never_cached(response: Response) -> Response {
    ([(CACHE_CONTROL, NEVER_CACHED)], response).into_response()
}
