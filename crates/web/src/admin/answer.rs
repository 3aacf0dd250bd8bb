//! What the admin's handlers answer with besides pages: the way elsewhere, and refusals.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use tenantry_db::model::{QueryError, UnknownColumn};

use crate::auth::people::SetPasswordError;
use crate::auth::session::BeginError;
use crate::auth::{HashError, RandomError};
use crate::http::{CrossSite, Failure, MountPath, Refusal};

/// Why a form is refused that may come from elsewhere.
const NOT_OUR_FORM: &str = "The form that was sent is out of date, or was on another site's page. Go back, load the page \
                            again, and send it from there.";

/// Why a page or a change is refused to someone who is signed in.
const NOT_PERMITTED: &str =
    "Your account has no permission for this. Whoever manages the users of this site can give it.";

/// Django's own words to browsers and proxies about a page that is for one person.
const NEVER_CACHED: &str = "max-age=0, no-cache, no-store, must-revalidate, private";

/// What has a meaning in a query's value, or in a path's segment.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'\\');
const IN_A_SEGMENT: &AsciiSet =
    &ENCODED.add(b'/').add(b';').add(b'`').add(b'{').add(b'}').add(b'|').add(b'^');

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, IN_A_SEGMENT).to_string()
}

/// The sign-in form, which leads to `next` afterwards.
pub(super) fn to_login(mount: &MountPath, next: &str) -> Response {
    let next = utf8_percent_encode(next, ENCODED);
    never_cached(see(&format!("{}/admin/login/?next={next}", mount.as_str())))
}

pub(super) fn see(location: &str) -> Response {
    (StatusCode::FOUND, [(LOCATION, location.to_owned())]).into_response()
}

pub(super) fn never_cached(response: Response) -> Response {
    ([(CACHE_CONTROL, NEVER_CACHED)], response).into_response()
}

pub(super) fn not_our_form(cause: CrossSite) -> Response {
    Refusal::caused_by(StatusCode::FORBIDDEN, cause).saying(NOT_OUR_FORM).into_response()
}

/// Raised when someone of the staff does not get what was asked for.
pub(super) enum Stopped {
    /// There is no such model or record.
    NotFound,
    /// The person may not do that.
    NotPermitted,
    /// The form may come from another site's page.
    NotOurForm(CrossSite),
    /// Something failed.
    Failed(Failure),
}

impl IntoResponse for Stopped {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => Refusal::new(StatusCode::NOT_FOUND).into_response(),
            Self::NotPermitted => Refusal::new(StatusCode::FORBIDDEN).saying(NOT_PERMITTED).into_response(),
            Self::NotOurForm(cause) => not_our_form(cause),
            Self::Failed(failure) => failure.into_response(),
        }
    }
}

macro_rules! failures {
    ($($error:ty),+) => {$(
        impl From<$error> for Stopped {
            fn from(error: $error) -> Self {
                Self::Failed(error.into())
            }
        }
    )+};
}

failures!(QueryError, UnknownColumn, RandomError, HashError, SetPasswordError, BeginError, askama::Error);
