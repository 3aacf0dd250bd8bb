//! Basic credentials, as they stand in a request's `Authorization` header.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use data_encoding::BASE64;
use zeroize::Zeroizing;

/// A name and a password that a request brought.
pub(super) struct Credentials {
    pub(super) name: String,
    pub(super) password: Zeroizing<String>,
}

/// Raised when an `Authorization` header is meant to be Basic and is not; the texts are those that clients of Django
/// REST Framework know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadBasic {
    #[error("Invalid basic header. No credentials provided.")]
    Nothing,
    #[error("Invalid basic header. Credentials string should not contain spaces.")]
    Spaces,
    #[error("Invalid basic header. Credentials not correctly base64 encoded.")]
    Encoding,
}

/// The credentials in `headers`; none where there is no such header, or one of another scheme.
pub(super) fn credentials(headers: &HeaderMap) -> Result<Option<Credentials>, BadBasic> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let mut words = value.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if !words.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic")) {
        return Ok(None);
    }
    let encoded = words.next().ok_or(BadBasic::Nothing)?;
    if words.next().is_some() || values.next().is_some() {
        return Err(BadBasic::Spaces);
    }
    let decoded = Zeroizing::new(BASE64.decode(encoded).map_err(|_| BadBasic::Encoding)?);
    let text = std::str::from_utf8(&decoded).map_err(|_| BadBasic::Encoding)?;
    let (name, password) = text.split_once(':').ok_or(BadBasic::Encoding)?;
    Ok(Some(Credentials { name: name.to_owned(), password: Zeroizing::new(password.to_owned()) }))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(value: &str) -> Result<Option<(String, String)>, BadBasic> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        let found = credentials(&headers)?;
        Ok(found.map(|found| (found.name, found.password.to_string())))
    }

    #[test]
    fn basic_credentials_are_read_and_other_schemes_passed_over() {
        let pair = |name: &str, password: &str| Ok(Some((name.to_owned(), password.to_owned())));
        for (value, expected) in [
            ("Basic cm9vdDpwYXNz", pair("root", "pass")),
            ("basic cm9vdDpwYXNz", pair("root", "pass")),
            ("BASIC  cm9vdDpwYXNz ", pair("root", "pass")),
            ("Basic cm9vdDpwOmE6c3M=", pair("root", "p:a:ss")),
            ("Basic Og==", pair("", "")),
            ("Basic", Err(BadBasic::Nothing)),
            ("Basic ", Err(BadBasic::Nothing)),
            ("Basic cm9v dDpwYXNz", Err(BadBasic::Spaces)),
            ("Basic !!!", Err(BadBasic::Encoding)),
            ("Basic cm9vdA==", Err(BadBasic::Encoding)),
            ("Basic /zph", Err(BadBasic::Encoding)),
            ("Bearer cm9vdDpwYXNz", Ok(None)),
            ("Basically cm9vdDpwYXNz", Ok(None)),
            ("", Ok(None)),
        ] {
            assert_eq!(read(value), expected, "{value:?}");
        }
    }

    #[test]
    fn two_headers_are_not_one_of_them() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic cm9vdDpwYXNz"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic b3RoZXI6cGFzcw=="));
        assert_eq!(credentials(&headers).err(), Some(BadBasic::Spaces));
    }
}
