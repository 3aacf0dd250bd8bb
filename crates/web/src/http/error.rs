//! What a client is told when a request fails: a fixed text and the request's id. The cause goes to the log.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Write};
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::body::{Body, HttpBody};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tenantry_db::model::QueryError;

use super::RequestId;

/// What is said of a tenant whose data is of another version than the program: whichever is the older one, it is about to
/// be brought up to date.
pub(super) const BEING_UPDATED: &str = "This site is being updated: try again in a few minutes.";

/// When a client may come again to a tenant that is being updated.
pub(super) const UPDATED_SOON: Duration = Duration::from_secs(10);

/// When a client may come again where too many others were there: whole seconds, and no less than one.
const SOON: Duration = Duration::from_secs(1);

type Cause = Arc<dyn Error + Send + Sync>;

/// A request refused or failed: a status with its fixed text, and the cause for the log alone.
///
/// As a response it says only its status; under [`RequestIdLayer`](super::RequestIdLayer) it becomes a page or JSON,
/// as the client accepts, with the request's id, and the cause is logged under that id.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    sentence: Option<&'static str>,
    help: Option<Box<Help>>,
    cause: Option<Cause>,
    retry_after: Option<Duration>,
}

/// What a refusal explains to the developer, with `DEBUG`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Help {
    /// What was wrong.
    pub(super) reason: String,
    /// What helps: words that end in a colon, and the command that they are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<(&'static str, String)>,
    /// Where there is something to be had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) addresses: Vec<String>,
}

/// Any error of a handler, which may so use `?` on all of them without telling the client what went wrong.
///
/// It is a 500, except where a [`QueryError`] says that the program is not at fault: no such row (404), a value that is
/// taken (409), does not fit (422) or is too large (413), a tenant or a database that can't answer now or is being updated
/// (503), a full disk (507).
///
/// ```
/// use axum::Json;
/// use tenantry_web::http::Failure;
///
/// async fn setting() -> Result<Json<u32>, Failure> {
///     Ok(Json("17".parse()?))
/// }
/// ```
#[derive(Debug)]
pub struct Failure(Refusal);

impl Refusal {
    /// A refusal with the fixed text of `status`.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self { status, sentence: None, help: None, cause: None, retry_after: None }
    }

    /// A refusal whose cause is logged, and not told.
    #[must_use]
    pub fn caused_by(status: StatusCode, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { cause: Some(Arc::new(cause)), ..Self::new(status) }
    }

    /// Says `sentence` to the client instead of the text that its status has.
    #[must_use]
    pub(crate) fn saying(mut self, sentence: &'static str) -> Self {
        self.sentence = Some(sentence);
        self
    }

    /// Adds an explanation for the developer. The caller makes sure that it runs with `DEBUG`: the client sees it.
    #[must_use]
    pub(super) fn help(mut self, help: Help) -> Self {
        self.help = Some(Box::new(help));
        self
    }

    /// Tells the client when to come again; whole seconds.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let status = self.status.as_u16();
        let cause = Chain(cause.as_ref());
        if self.status.is_server_error() {
            tracing::error!(status, %cause, "the request failed");
        } else {
            tracing::info!(status, %cause, "the request was refused");
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, reason(self.status)).into_response();
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        // An application's own error may have the data's as its cause.
        let causes = successors(Some(&error as &(dyn Error + 'static)), |&error| error.source());
        let of_data = causes.filter_map(|cause| cause.downcast_ref()).next();
        let status = of_data.map_or(StatusCode::INTERNAL_SERVER_ERROR, status_of);
        let passes = of_data.is_some_and(passes);
        let updating = matches!(of_data, Some(QueryError::Version(_)));
        let refusal = Refusal::caused_by(status, error);
        Self(match (passes, updating) {
            (true, _) => refusal.retry_after(SOON),
            (_, true) => refusal.retry_after(UPDATED_SOON).saying(BEING_UPDATED),
            _ => refusal,
        })
    }
}

/// The status for what a tenant's data answered: what is nobody's mistake in the program is not called one.
fn status_of(error: &QueryError) -> StatusCode {
    match error {
        QueryError::NotFound { .. } => StatusCode::NOT_FOUND,
        QueryError::Unique { .. } | QueryError::ForeignKey => StatusCode::CONFLICT,
        QueryError::Value(_) | QueryError::NotNull { .. } | QueryError::Check { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        QueryError::Timeout
        | QueryError::Closed
        | QueryError::Gone
        | QueryError::Elsewhere
        | QueryError::Version(_)
        | QueryError::Busy
        | QueryError::Crowded
        | QueryError::Conflict
        | QueryError::Unprotected(_)
        | QueryError::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
        QueryError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        QueryError::Full => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Whether it may be otherwise in a moment, with nobody doing anything about it.
fn passes(error: &QueryError) -> bool {
    matches!(
        error,
        QueryError::Crowded | QueryError::Busy | QueryError::Conflict | QueryError::Unreachable(_)
    )
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// Raised inside the log when a handler panicked.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked: {0}")]
struct Panicked(String);

/// The answer in place of a handler that panicked.
#[allow(clippy::needless_pass_by_value, reason = "the catcher hands it over")]
pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let words = payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|words| (*words).to_owned()));
    let cause = Panicked(words.unwrap_or_else(|| "without a word".to_owned()));
    Refusal::caused_by(StatusCode::INTERNAL_SERVER_ERROR, cause).into_response()
}

/// An error with all that caused it, in one line, whatever someone's words in it are: an error may repeat what a
/// client sent, and that must not look like a line of the log.
struct Chain<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = OneLine(f);
        write!(line, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(line, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

/// Writes what would end a line or steer a terminal as its escape.
struct OneLine<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| {
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                write!(self.0, "{}", character.escape_default())
            } else {
                self.0.write_char(character)
            }
        })
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    status: u16,
    sentence: &'a str,
    advice: &'a str,
    help: Option<&'a Help>,
    id: &'a str,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a Help>,
    request_id: &'a str,
}

/// Gives a refusal its body and logs its cause; an error without a body, or in plain text, gets the same form. Any other
/// response is left as it is.
pub(super) fn give_body(mut response: Response, id: &RequestId, json: bool) -> Response {
    let refusal = match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => refusal,
        None if is_bare_error(&response) || is_plain_error(&response) => Refusal::new(response.status()),
        None => return response,
    };
    refusal.log();
    let (kind, body) =
        if json { ("application/json", json_body(&refusal, id)) } else { html_body(&refusal, id) };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    parts.headers.append(VARY, HeaderValue::from_static("Accept"));
    Response::from_parts(parts, Body::from(body))
}

fn is_bare_error(response: &Response) -> bool {
    // An answer to HEAD has no body in any case, but tells how long that of GET is.
    let told = response.headers().get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    let empty = response.body().size_hint().exact() == Some(0) && !told;
    is_error(response) && empty && !response.headers().contains_key(CONTENT_TYPE)
}

/// Whether it is an error in plain text, as an extractor of axum's gives it: in the words of the program's types, with a
/// part of what was sent perhaps.
fn is_plain_error(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    is_error(response) && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

fn is_error(response: &Response) -> bool {
    response.status().is_client_error() || response.status().is_server_error()
}

fn json_body(refusal: &Refusal, id: &RequestId) -> String {
    let body = ErrorBody {
        detail: refusal.sentence.unwrap_or_else(|| detail(refusal.status)),
        help: refusal.help.as_deref(),
        request_id: id.as_str(),
    };
    serde_json::to_string(&body).unwrap_or_default()
}

fn html_body(refusal: &Refusal, id: &RequestId) -> (&'static str, String) {
    let (sentence, advice) = match refusal.sentence {
        Some(sentence) => (sentence, ""),
        None => words(refusal.status),
    };
    let page = ErrorPage {
        title: reason(refusal.status),
        status: refusal.status.as_u16(),
        sentence,
        advice,
        help: refusal.help.as_deref(),
        id: id.as_str(),
    };
    let html = "text/html; charset=utf-8";
    page.render().map_or_else(|_| (html, page.title.to_owned()), |body| (html, body))
}

fn reason(status: StatusCode) -> &'static str {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => "Service Unavailable",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

/// What a page says of a status, and what the person before it can do.
fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        400 => (
            "The server could not tell what was asked for.",
            "Check the address: its host may be misspelt, or not set up on this server.",
        ),
        401 => ("You need to log in for this.", "Load the page again and give your name and password."),
        403 => ("You may not do this.", "Log in as someone who may, or ask whoever runs this site."),
        404 => {
            ("There is nothing at this address.", "Check it for a slip, or go back to where you came from.")
        }
        405 => ("This address does not do that.", "Go back, and use what the page there offers."),
        408 => ("The request came too slowly.", "Try again, on a better connection if you can."),
        409 => ("This does not fit what is there now.", "Load the page again to see it, then try again."),
        413 => ("What was sent is too large.", "Send less at a time."),
        414 => ("The address is too long.", "Shorten it, or go back and try another way."),
        422 => ("Some of what was sent is not valid.", "Go back, correct it, and send it again."),
        429 => ("That was too often.", "Wait a while, then try again."),
        431 => (
            "The browser sent too much along with its request.",
            "Remove the cookies of this site, then try again.",
        ),
        503 => ("This site is not available at the moment.", "Try again in a while."),
        507 => (
            "There is no room left to store this: it was not saved.",
            "Tell whoever runs this site, then try again.",
        ),
        _ if status.is_client_error() => ("The request was refused.", "Go back and try another way."),
        _ => (
            "Something went wrong on the server.",
            "Try again. If it goes on, tell whoever runs this site the request's id: the log has the cause under it.",
        ),
    }
}

/// The fixed sentence for a status in JSON; the words for 404 are those that Django REST Framework's clients know.
fn detail(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "The request could not be understood.",
        401 => "Authentication credentials were not provided.",
        403 => "You do not have permission to perform this action.",
        404 => "Not found.",
        405 => "The method is not allowed here.",
        406 => "Could not satisfy the request Accept header.",
        408 => "The request came too slowly.",
        409 => "The request does not fit what is there now.",
        413 => "The request is too large.",
        414 => "The request's address is too long.",
        415 => "The request's media type is not supported.",
        422 => "The request's values are not valid.",
        429 => "Too many requests: try again later.",
        431 => "The request's headers are too large.",
        503 => "Not available at the moment: try again later.",
        507 => "There is no room to store this.",
        _ if status.is_client_error() => "The request was refused.",
        _ => "Something went wrong here. It has been noted under the request's id.",
    }
}
