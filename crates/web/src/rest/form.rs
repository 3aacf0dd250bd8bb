//! Which form an answer takes: JSON, or a page that shows it. Pure, so that a table can test it.

use axum::http::HeaderMap;

use crate::http::{Chosen, choose};

/// The media types, the favourite first.
pub(super) const JSON: &str = "application/json";
const HTML: &str = "text/html";

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON; compact, or indented by so many spaces.
    Json { indent: Option<usize> },
    /// A page that shows the answer.
    Page,
}

/// Raised when no form fits; both are answered in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoForm {
    /// `?format=` names none.
    UnknownFormat,
    /// The client accepts none.
    NotAcceptable,
}

/// The form for a request with this query and these headers. `?format=` chooses, but only what the client accepts.
pub(super) fn of(query: Option<&str>, headers: &HeaderMap) -> Result<Form, NoForm> {
    let forms: &[&str] = match format(query) {
        None => &[JSON, HTML],
        Some("json") => &[JSON],
        Some("api") => &[HTML],
        Some(_) => return Err(NoForm::UnknownFormat),
    };
    let Chosen { form, indent } = choose(headers, forms).ok_or(NoForm::NotAcceptable)?;
    Ok(if forms[form] == JSON { Form::Json { indent } } else { Form::Page })
}

/// The last `format` of the query, unless it is empty. Names of formats need no decoding.
fn format(query: Option<&str>) -> Option<&str> {
    let mut pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.rfind(|(name, _)| *name == "format")?;
    Some(value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::ACCEPT;

    use super::*;

    #[test]
    fn the_format_chooses_among_what_is_accepted() {
        const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let json = Ok(Form::Json { indent: None });
        for (query, accept, expected) in [
            (None, None, json),
            (None, Some("*/*"), json),
            (None, Some(BROWSER), Ok(Form::Page)),
            (None, Some("application/json; indent=2"), Ok(Form::Json { indent: Some(2) })),
            (None, Some("application/xml"), Err(NoForm::NotAcceptable)),
            (Some("format=json"), Some(BROWSER), json),
            (Some("format=json"), None, json),
            (Some("format=api"), None, Ok(Form::Page)),
            (Some("format=api"), Some("*/*"), Ok(Form::Page)),
            (Some("format=api"), Some("application/json"), Err(NoForm::NotAcceptable)),
            (Some("format=json"), Some("text/html"), Err(NoForm::NotAcceptable)),
            (Some("format=xml"), Some("*/*"), Err(NoForm::UnknownFormat)),
            (Some("format=xml"), Some("application/xml"), Err(NoForm::UnknownFormat)),
            (Some("format=JSON"), None, Err(NoForm::UnknownFormat)),
            (Some("format="), Some(BROWSER), Ok(Form::Page)),
            (Some("format"), Some(BROWSER), Ok(Form::Page)),
            (Some("page=2&search=a&ordering=-id"), None, json),
            (Some("formats=xml"), None, json),
            (Some("format=xml&format=api"), None, Ok(Form::Page)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(of(query, &headers), expected, "{query:?} {accept:?}");
        }
    }
}
