//! Which of the forms that a route has the client would rather have: the `Accept` header, read as RFC 9110 says.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// Something that a client would take, with its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    /// In thousandths; 0 means "not this".
    weight: u16,
}

/// The form that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Its place in the list of forms.
    pub(crate) form: usize,
    /// The `indent` that the client asked for with it.
    pub(crate) indent: Option<usize>,
}

/// The one of `forms` (media types without parameters, the server's favourite first) that the client would rather
/// have; `None` when it takes none of them. Without an `Accept` header, the first.
///
/// The highest weight wins; of equals, what was named more precisely; of equals still, the server's favourite.
pub(crate) fn choose(headers: &HeaderMap, forms: &[&str]) -> Option<Chosen> {
    let header = joined(headers);
    let ranges: Vec<Range<'_>> = split(&header, ',').filter_map(parse).collect();
    if header.trim().is_empty() {
        return (!forms.is_empty()).then_some(Chosen { form: 0, indent: None });
    }
    let mut best: Option<(u16, u8, usize, &Range<'_>)> = None;
    for (form, media_type) in forms.iter().enumerate() {
        let Some(range) = most_precise(&ranges, media_type) else { continue };
        let better = best
            .is_none_or(|(weight, precision, ..)| (range.weight, range.precision()) > (weight, precision));
        if range.weight > 0 && better {
            best = Some((range.weight, range.precision(), form, range));
        }
    }
    best.map(|(_, _, form, range)| Chosen { form, indent: range.indent() })
}

/// Whether a JSON body is wanted rather than a page: only where the client says so.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    choose(headers, &["text/html", "application/json"]).is_some_and(|chosen| chosen.form == 1)
}

fn joined(headers: &HeaderMap) -> String {
    let values: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

fn most_precise<'a, 'h>(ranges: &'a [Range<'h>], media_type: &str) -> Option<&'a Range<'h>> {
    let (kind, subtype) = media_type.split_once('/')?;
    let fitting = ranges.iter().filter(|range| range.fits(kind, subtype));
    // Of equals the first: `max_by_key` would take the last.
    fitting.rev().max_by_key(|range| range.precision())
}

impl Range<'_> {
    fn fits(&self, kind: &str, subtype: &str) -> bool {
        let is = |range: &str, value: &str| range == "*" || range.eq_ignore_ascii_case(value);
        is(self.kind, kind) && is(self.subtype, subtype)
    }

    fn precision(&self) -> u8 {
        match (self.kind, self.subtype) {
            ("*", _) => 0,
            (_, "*") => 1,
            _ if self.parameters.is_empty() => 2,
            _ => 3,
        }
    }

    fn indent(&self) -> Option<usize> {
        let (_, value) = self.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case("indent"))?;
        value.parse::<usize>().ok().map(|indent| indent.min(8)).filter(|indent| *indent > 0)
    }
}

/// A range, or nothing where the text is none: an unreadable part is passed over, the rest counts.
fn parse(text: &str) -> Option<Range<'_>> {
    let mut parts = split(text, ';');
    let (kind, subtype) = parts.next()?.trim().split_once('/')?;
    let bad = kind.is_empty() || subtype.is_empty() || (kind == "*" && subtype != "*");
    if bad {
        return None;
    }
    let mut range = Range { kind, subtype, parameters: Vec::new(), weight: 1_000 };
    for part in parts {
        let Some((name, value)) = part.split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if name.eq_ignore_ascii_case("q") {
            range.weight = weight(value)?;
        } else {
            range.parameters.push((name, value));
        }
    }
    Some(range)
}

/// `0`, `0.5`, `1.000`: at most three digits after the point, at most one.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" if digits => Some(thousandths),
        "1" if digits && thousandths == 0 => Some(1_000),
        _ => None,
    }
}

/// The parts of `text` between separators that stand outside of quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character| {
        quoted ^= character == '"';
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const FORMS: [&str; 2] = ["application/json", "text/html"];

    fn headers(accept: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_str(accept).unwrap());
        }
        headers
    }

    #[test]
    fn the_form_is_the_one_that_the_client_would_rather_have() {
        let json = |indent| Some(Chosen { form: 0, indent });
        let html = Some(Chosen { form: 1, indent: None });
        let table: Vec<(Option<&str>, Option<Chosen>)> = vec![
            (None, json(None)),
            (Some(""), json(None)),
            (Some("*/*"), json(None)),
            (Some("application/json"), json(None)),
            (Some("APPLICATION/JSON"), json(None)),
            (Some("application/*"), json(None)),
            (Some("text/*"), html.clone()),
            (Some("text/html"), html.clone()),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), html.clone()),
            (Some("text/html, application/json"), json(None)),
            (Some("text/html;q=0.5, application/json;q=0.4"), html.clone()),
            (Some("text/html;q=0.5, application/json"), json(None)),
            (Some("*/*, application/json;q=0"), html.clone()),
            (Some("application/json;q=0"), None),
            (Some("*/*;q=0"), None),
            (Some("text/html, */*;q=0"), html.clone()),
            (Some("application/json; indent=2"), json(Some(2))),
            (Some("application/json;indent=2;q=0.9, text/html;q=0.1"), json(Some(2))),
            (Some("application/json; indent=0"), json(None)),
            (Some("application/json; indent=900"), json(Some(8))),
            (Some("application/json; indent=-1"), json(None)),
            (Some("application/json; indent=two"), json(None)),
            (Some("text/html; level=1"), html.clone()),
            (Some("text/html;level=\"a,b\""), html.clone()),
            (Some("application/xml"), None),
            (Some("image/*, application/xml"), None),
            (Some("nonsense"), None),
            (Some("nonsense, text/html"), html.clone()),
            (Some("*/html"), None),
            (Some("text/html;q=2"), None),
            (Some("text/html;q=0.1234"), None),
            (Some("text/html;q=1.000"), html),
            (Some("text/html;q=-1, application/json;q=0.001"), json(None)),
        ];
        for (accept, expected) in table {
            assert_eq!(choose(&headers(accept), &FORMS), expected, "{accept:?}");
        }
    }

    #[test]
    fn several_accept_headers_are_one_list() {
        let mut both = headers(Some("application/json;q=0.1"));
        both.append(ACCEPT, HeaderValue::from_static("text/html"));
        assert_eq!(choose(&both, &FORMS).map(|chosen| chosen.form), Some(1));
    }

    #[test]
    fn a_page_is_given_unless_json_is_asked_for() {
        for (accept, json) in [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json"), true),
            (Some("text/html"), false),
        ] {
            assert_eq!(wants_json(&headers(accept)), json, "{accept:?}");
        }
    }
}
