//! Signing in and out.

use axum::Extension;
use axum::extract::{Form, FromRequestParts, Query, State};
use axum::http::header::RETRY_AFTER;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tenantry_core::Tenant;
use tenantry_db::TenantDb;
use tenantry_db::model::QueryError;

use super::AdminSite;
use super::answer::{never_cached, not_our_form, see, to_login};
use super::cookies::Cookies;
use super::next::Next;
use super::pages::{self, Outcome};
use crate::auth::people::{SignInError, User, authenticate, hash_policy};
use crate::auth::session::SignedIn;
use crate::auth::{Account, Holder, Password, Throttled, Token, session};
use crate::http::{ClientAddress, Failure, MountPath, Origin, Refusal, same_origin};

/// Why nobody signs in here over plain http.
const NEEDS_HTTPS: &str = "Logging in needs https: over plain http, others on the way could read passwords and sessions. \
                           Ask for this page over https; whoever runs the server puts a proxy that speaks https in \
                           front of it and names that proxy in TRUSTED_PROXIES.";

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Login {
    #[serde(default)]
    csrfmiddlewaretoken: String,
    #[serde(default)]
    username: String,
    password: Password,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct Logout {
    #[serde(default)]
    csrfmiddlewaretoken: String,
}

/// Where a request was sent to: its origin, and what stands in front of its path.
type Site = (Extension<Origin>, Extension<MountPath>);

impl FromRequestParts<AdminSite> for Cookies {
    type Rejection = Response;

    /// # Errors
    /// Raised when others on the way could read passwords and sessions, and when the route is not under a host layer.
    async fn from_request_parts(parts: &mut Parts, admin: &AdminSite) -> Result<Self, Response> {
        let origin = Extension::<Origin>::from_request_parts(parts, admin).await;
        let Extension(origin) = origin.map_err(IntoResponse::into_response)?;
        let cookies = Self::for_origin(&origin, admin.plain_http);
        cookies.ok_or_else(|| Refusal::new(StatusCode::FORBIDDEN).saying(NEEDS_HTTPS).into_response())
    }
}

pub(super) async fn login_form(
    State(admin): State<AdminSite>,
    Extension(mount): Extension<MountPath>,
    cookies: Cookies,
    tenant: Tenant,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    form_page(&admin, &cookies, &tenant, &mount, &headers, &Next::of(&asked.next), Outcome::NotTried)
}

pub(super) async fn login(
    State(admin): State<AdminSite>,
    ((Extension(origin), Extension(mount)), client): (Site, Option<Extension<ClientAddress>>),
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
    let before = cookies.session(&headers);
    let user = match check(&admin, &db, &login, before.as_ref(), client).await? {
        Ok(user) => user,
        Err(outcome) => return form_page(&admin, &cookies, &tenant, &mount, &headers, &next, outcome),
    };
    // A new session and a new visitor's token: what someone may have planted before is worth nothing now. Nor is the
    // session that was there: once its cookie is replaced, nobody could sign out of it.
    let (token, _) = session::begin(&db, &user).await?;
    if let Some(before) = before {
        session::end(&db, &before).await?;
    }
    let mut response = see(&next.under(&mount));
    cookies.set_session(&mut response, &token);
    cookies.set_visitor(&mut response, &Token::generate()?);
    Ok(never_cached(response))
}

pub(super) async fn logout(
    State(admin): State<AdminSite>,
    (Extension(origin), Extension(mount)): Site,
    cookies: Cookies,
    tenant: Tenant,
    db: TenantDb,
    headers: HeaderMap,
    Form(form): Form<Logout>,
) -> Result<Response, Failure> {
    let Some(token) = cookies.session(&headers) else { return Ok(to_login(&mount, "/admin/")) };
    let right_token = || admin.forms.accepts(&form.csrfmiddlewaretoken, tenant.id(), Holder::Session(&token));
    if let Err(cross_site) = same_origin(&headers, &origin, right_token) {
        return Ok(not_our_form(cross_site));
    }
    session::end(&db, &token).await?;
    let mut response = to_login(&mount, "/admin/");
    cookies.clear_session(&mut response);
    Ok(response)
}

/// The member of staff who wants to sign in, or why nobody does.
async fn check<'l>(
    admin: &AdminSite,
    db: &TenantDb,
    login: &'l Login,
    session: Option<&Token>,
    client: Option<Extension<ClientAddress>>,
) -> Result<Result<User, Outcome<'l>>, Failure> {
    let account = account_of(db, &login.username, session).await?;
    let attempt = match admin.throttle.attempt(&account, client.map(|Extension(client)| client.0)) {
        Ok(attempt) => attempt,
        Err(throttled) => return Ok(Err(Outcome::Throttled(throttled))),
    };
    let checked = async {
        let policy = hash_policy(db, admin.upgrade).await?;
        authenticate(db, &admin.hasher, policy, &login.username, &login.password).await
    };
    match checked.await {
        Ok(user) if user.is_staff => {
            attempt.give_back();
            Ok(Ok(user))
        }
        Ok(_) | Err(SignInError::Refused) => Ok(Err(Outcome::Refused(&login.username))),
        Err(error) => {
            // What could not be checked has not failed.
            attempt.give_back();
            Err(error.into())
        }
    }
}

/// Whose failures count for this name: those of the browser alone where it has a good session of that very user.
async fn account_of(db: &TenantDb, username: &str, session: Option<&Token>) -> Result<Account, QueryError> {
    let account = Account::of_tenant(db.tenant().id(), username);
    let Some(token) = session else { return Ok(account) };
    Ok(match session::load(db, token).await? {
        Some(SignedIn { user, .. }) if account == Account::of_tenant(db.tenant().id(), &user.username) => {
            account.with_session(token)
        }
        _ => account,
    })
}

/// The sign-in form, with what became of the attempt before.
fn form_page(
    admin: &AdminSite,
    cookies: &Cookies,
    tenant: &Tenant,
    mount: &MountPath,
    headers: &HeaderMap,
    next: &Next,
    outcome: Outcome<'_>,
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
        outcome,
        plain: cookies.are_plain(),
        theme: cookies.theme(headers),
    };
    let mut response = page.page()?.into_response();
    if let Outcome::Throttled(Throttled { wait }) = page.outcome {
        tracing::info!(wait = wait.as_secs(), "signing in has failed too often, and was not tried");
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(RETRY_AFTER, wait.as_secs().into());
    }
    cookies.set_visitor(&mut response, &visitor);
    Ok(never_cached(response))
}
