//! A form that was sent: its fields, once it is known that this site's own page made it.

use axum::RequestExt;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::AdminSite;
use super::answer::Stopped;
use super::staff::Staff;
use crate::http::Refusal;

/// The most fields of a form: the largest here, a list of 200 rows to choose from, has a few hundred.
const MOST_FIELDS: usize = 2_000;

/// A form as it came. Nothing of it can be read before it is known who made it.
pub(super) struct Unproved(Vec<(String, String)>);

/// A form that this site's own page made for the person who is signed in.
#[derive(Clone, Debug, Default)]
pub(super) struct Posted(Vec<(String, String)>);

impl FromRequest<AdminSite> for Unproved {
    type Rejection = Response;

    async fn from_request(request: Request, _: &AdminSite) -> Result<Self, Response> {
        let kind =
            request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response());
        }
        let bytes: Bytes = request.extract().await.map_err(IntoResponse::into_response)?;
        let fields: Vec<_> = form_urlencoded::parse(&bytes).into_owned().take(MOST_FIELDS + 1).collect();
        if fields.len() > MOST_FIELDS {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE).into_response());
        }
        Ok(Self(fields))
    }
}

impl Unproved {
    /// The form, if this site's own page made it.
    pub(super) fn proved(self, staff: &Staff) -> Result<Posted, Stopped> {
        let posted = Posted(self.0);
        let token = posted.get("csrfmiddlewaretoken").unwrap_or_default();
        staff.same_origin(token).map_err(Stopped::NotOurForm)?;
        Ok(posted)
    }
}

impl FromIterator<(String, String)> for Posted {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(fields: I) -> Self {
        Self(fields.into_iter().take(MOST_FIELDS).collect())
    }
}

impl Posted {
    /// The first value of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of that name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}
