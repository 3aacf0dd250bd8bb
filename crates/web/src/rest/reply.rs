//! An answer of the API: its status and data, written as JSON or as the page that shows it.

use askama::Template;
use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, VARY, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::form::{Form, JSON};

const ALLOWED: &str = "GET, HEAD, OPTIONS";
/// In the page, JSON is always indented like this.
const PAGE_INDENT: usize = 4;

/// An answer of the API, before it has a form.
#[derive(Debug)]
pub(super) struct Reply<T> {
    pub(super) status: StatusCode,
    pub(super) data: T,
}

/// The body of a refusal.
#[derive(Debug, Serialize)]
pub(super) struct Detail<'a> {
    pub(super) detail: &'a str,
}

#[derive(Template)]
#[template(path = "api.html")]
struct Page<'a> {
    title: &'a str,
    method: &'a str,
    path: &'a str,
    status: String,
    headers: &'a [(HeaderName, HeaderValue)],
    json: String,
}

impl<T: Serialize> Reply<T> {
    /// The response to a request with this method and path.
    pub(super) fn response(&self, form: Form, method: &Method, path: &str) -> Response {
        let headers = self.headers();
        let (kind, body) = match form {
            Form::Json { indent } => (JSON, self.json(indent)),
            Form::Page => ("text/html; charset=utf-8", self.page(&headers, method, path)),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(headers);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = vec![
            (ALLOW, HeaderValue::from_static(ALLOWED)),
            (CONTENT_TYPE, HeaderValue::from_static(JSON)),
            (VARY, HeaderValue::from_static("Accept, Cookie")),
        ];
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"api\", charset=\"UTF-8\"");
            headers.push((WWW_AUTHENTICATE, challenge));
        }
        headers
    }

    fn json(&self, indent: Option<usize>) -> String {
        let mut bytes = Vec::new();
        let written = match indent {
            None => serde_json::to_writer(&mut bytes, &self.data),
            Some(indent) => {
                let spaces = " ".repeat(indent);
                let formatter = PrettyFormatter::with_indent(spaces.as_bytes());
                self.data.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
            }
        };
        if let Err(error) = written {
            tracing::error!(%error, "an answer of the API can't be written as JSON");
        }
        String::from_utf8(bytes).unwrap_or_default()
    }

    fn page(&self, headers: &[(HeaderName, HeaderValue)], method: &Method, path: &str) -> String {
        let page = Page {
            title: super::tenants::NAME,
            method: method.as_str(),
            path,
            status: self.status.to_string(),
            headers,
            json: self.json(Some(PAGE_INDENT)),
        };
        page.render().unwrap_or_else(|error| {
            tracing::error!(%error, "a page of the API can't be rendered");
            String::new()
        })
    }
}

impl Page<'_> {
    /// The headers as they are written on the wire of old: `Content-Type`, not `content-type`.
    fn lines(&self) -> impl Iterator<Item = (String, String)> {
        self.headers
            .iter()
            .map(|(name, value)| (titled(name.as_str()), value.to_str().unwrap_or_default().to_owned()))
    }
}

fn titled(name: &str) -> String {
    if name == "www-authenticate" {
        return "WWW-Authenticate".to_owned();
    }
    let parts = name.split('-').map(|part| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    parts.collect::<Vec<_>>().join("-")
}
