//! A member of staff chooses another password.

use askama::Template;
use axum::extract::Form;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::Response;
use serde::Deserialize;

use super::answer::Stopped;
use super::frame::{Crumb, Frame};
use super::pages::throttled_sentence;
use super::said::Said;
use super::staff::Staff;
use crate::auth::people::{User, hash_policy, set_password};
use crate::auth::{Attributes, NewPassword, Password, Throttled, Verdict, session};

const TITLE: &str = "Change password";

/// Django's own words.
const WRONG: &str = "Your old password was entered incorrectly. Please enter it again.";
const DIFFERENT: &str = "The two password fields didn’t match.";

/// What the rules ask for, before anyone has to guess.
const RULES: [&str; 4] = [
    "Your password can’t be too similar to your other personal information.",
    "Your password must contain at least 8 characters.",
    "Your password can’t be a commonly used password.",
    "Your password can’t be entirely numeric.",
];

#[derive(Template)]
#[template(path = "admin/password.html")]
struct Page {
    frame: Frame,
    title: &'static str,
    fields: [Field; 3],
}

/// A field of the form, always empty: no page repeats a password.
struct Field {
    name: &'static str,
    label: &'static str,
    autocomplete: &'static str,
    help: &'static [&'static str],
    errors: Vec<String>,
}

/// What is wrong with each field.
#[derive(Default)]
struct Errors {
    old: Vec<String>,
    new: Vec<String>,
    again: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Change {
    #[serde(default)]
    csrfmiddlewaretoken: String,
    old_password: Password,
    new_password1: Password,
    new_password2: Password,
}

pub(super) async fn form(staff: Staff) -> Result<Response, Stopped> {
    page(&staff, Errors::default())
}

pub(super) async fn change(staff: Staff, Form(form): Form<Change>) -> Result<Response, Stopped> {
    staff.same_origin(&form.csrfmiddlewaretoken).map_err(Stopped::NotOurForm)?;
    let policy = hash_policy(&staff.db, staff.site.upgrade).await?;
    let attempt = match staff.site.throttle.attempt(&staff.account(), None) {
        Ok(attempt) => attempt,
        Err(throttled) => return too_often(&staff, throttled),
    };
    let hasher = staff.site.hasher.of_tenant(staff.tenant.id());
    let verdict = hasher.verify(&form.old_password, Some(&staff.user.password), policy).await;
    if matches!(verdict, Ok(Verdict::Wrong)) {
        return page(&staff, Errors { old: vec![WRONG.to_owned()], ..Errors::default() });
    }
    // What could not be checked has not failed.
    attempt.give_back();
    verdict?;
    let new = match chosen(&staff.user, form) {
        Ok(new) => new,
        Err(errors) => return page(&staff, errors),
    };
    let mut user = staff.user.clone();
    set_password(&staff.db, &hasher, policy, &mut user, &new).await?;
    // With the old password all sessions are over, this one too: whoever sits here goes on with another.
    let (token, _) = session::begin(&staff.db, &user).await?;
    session::end(&staff.db, staff.token()).await?;
    let done = Said::done("Your password was changed. Wherever else you were logged in, you no longer are.");
    let index = format!("{}/admin/", staff.mount.as_str());
    Ok(staff.see_with(&token, &index, &[done]))
}

/// The new password, which was typed twice.
fn chosen(user: &User, form: Change) -> Result<NewPassword, Errors> {
    if form.new_password1 != form.new_password2 {
        return Err(Errors { again: vec![DIFFERENT.to_owned()], ..Errors::default() });
    }
    let person = Attributes {
        username: &user.username,
        first_name: &user.first_name,
        last_name: &user.last_name,
        email: &user.email,
    };
    NewPassword::checked(form.new_password1, &person).map_err(|weak| Errors {
        new: weak.weaknesses().iter().map(ToString::to_string).collect(),
        ..Errors::default()
    })
}

fn too_often(staff: &Staff, throttled: Throttled) -> Result<Response, Stopped> {
    let sentence = throttled_sentence("This", throttled);
    let mut response = page(staff, Errors { old: vec![sentence], ..Errors::default() })?;
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(RETRY_AFTER, throttled.wait.as_secs().into());
    Ok(response)
}

fn page(staff: &Staff, errors: Errors) -> Result<Response, Stopped> {
    let crumbs = vec![Crumb { name: TITLE.to_owned(), path: String::new() }];
    let frame = Frame::new(staff, None, crumbs)?;
    let field = |name, label, autocomplete, errors| Field { name, label, autocomplete, help: &[], errors };
    let fields = [
        field("old_password", "Old password", "current-password", errors.old),
        Field { help: &RULES, ..field("new_password1", "New password", "new-password", errors.new) },
        field("new_password2", "New password, again", "new-password", errors.again),
    ];
    Ok(staff.page(Page { frame, title: TITLE, fields }.render()?))
}

impl Page {
    fn is_wrong(&self) -> bool {
        self.fields.iter().any(|field| !field.errors.is_empty())
    }
}
