//! The bare admin: sign in, a page that names the tenant and the user, sign out.

mod cookies;
mod next;
mod pages;

use axum::extract::{DefaultBodyLimit, Form, FromRequestParts, Query, RawQuery, State};
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
use crate::http::{CrossSite, Failure, MountPath, Origin, Refusal, same_origin};
use cookies::Cookies;
use next::Next;

/// Why nobody signs in here over plain http.
const NEEDS_HTTPS: &str = "Logging in needs https: over plain http, others on the way could read passwords and sessions. \
                           Ask for this page over https; whoever runs the server puts a proxy that speaks https in \
                           front of it and names that proxy in TRUSTED_PROXIES.";

/// Why a form is refused that may come from elsewhere.
const NOT_OUR_FORM: &str = "The form that was sent is out of date, or was on another site's page. Go back, load the page \
                            again, and send it from there.";

/// Django's own words to browsers and proxies about a page that is for one person.
const NEVER_CACHED: &str = "max-age=0, no-cache, no-store, must-revalidate, private";

/// The largest form: many times a name, a password and a token.
const FORM_BYTES: usize = 16 * 1_024;

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

/// Where a request was sent to: its origin, and what stands in front of its path.
type Site = (Extension<Origin>, Extension<MountPath>);

impl Admin {
    /// The routes.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/admin", get(to_index))
            .route("/admin/", get(index))
            .route("/admin/login/", get(login_form).post(login))
            .route("/admin/logout/", post(logout))
            // Anyone may send these forms, and each is held while its password waits to be checked.
            .layer(DefaultBodyLimit::max(FORM_BYTES))
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
        cookies.ok_or_else(|| Refusal::new(StatusCode::FORBIDDEN).saying(NEEDS_HTTPS).into_response())
    }
}

async fn to_index(Extension(mount): Extension<MountPath>, RawQuery(query): RawQuery) -> Response {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let index = format!("{}/admin/{query}", mount.as_str());
    (StatusCode::MOVED_PERMANENTLY, [(LOCATION, index)]).into_response()
}

async fn index(
    State(admin): State<Admin>,
    (Extension(origin), Extension(mount)): Site,
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
    let page = pages::index(tenant.name(), &signed_in, &origin, &form_token, mount.as_str())?;
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
        return Ok(not_our_form(cross_site));
    }
    let next = Next::of(&login.next);
    let policy = hash_policy(&db, admin.upgrade).await?;
    let user = match authenticate(&db, &admin.hasher, policy, &login.username, &login.password).await {
        Ok(user) if user.is_staff => user,
        Ok(_) | Err(SignInError::Refused) => {
            return form_page(&admin, &cookies, &tenant, &mount, &headers, &next, Some(&login.username));
        }
        Err(error) => return Err(error.into()),
    };
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
        return Ok(not_our_form(cross_site));
    }
    session::end(&db, &token).await?;
    let mut response = to_login(&mount);
    cookies.clear_session(&mut response);
    Ok(response)
}

fn not_our_form(cause: CrossSite) -> Response {
    Refusal::caused_by(StatusCode::FORBIDDEN, cause).saying(NOT_OUR_FORM).into_response()
}

/// The sign-in form; with the name that was `refused`, if one was.
fn form_page(
    admin: &Admin,
    cookies: &Cookies,
    tenant: &Tenant,
    mount: &MountPath,
    headers: &HeaderMap,
    next: &Next,
    refused: Option<&str>,
) -> Result<Response, Failure> {
    let visitor = match cookies.visitor(headers) {
        Some(visitor) => visitor,
        None => Token::generate()?,
    };
    let form_token = admin.forms.issue(tenant.id(), Holder::Visitor(&visitor))?;
    let page = pages::Login {
        tenant: tenant.name(),
        mount: mount.as_str(),
        next: next.as_str(),
        form_token: &form_token,
        username: refused.unwrap_or_default(),
        refused: refused.is_some(),
        plain: cookies.are_plain(),
    };
    let mut response = page.page()?.into_response();
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
