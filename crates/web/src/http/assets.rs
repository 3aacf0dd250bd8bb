//! The style sheet, the icon and the script of the built-in pages, each under a path that changes with its content.

use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

/// A file in the binary.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Where it is served, on every host.
    pub(crate) path: &'static str,
    kind: &'static str,
    content: &'static str,
}

const STYLE_TEXT: &str = include_str!("../../assets/tenantry.css");
const ICON_TEXT: &str = include_str!("../../assets/icon.svg");
const SCRIPT_TEXT: &str = include_str!("../../assets/options.js");
const STYLE_PATH: [u8; 34] = *b"/_tenantry/0000000000000000/styles";
const ICON_PATH: [u8; 34] = *b"/_tenantry/0000000000000000/symbol";
const SCRIPT_PATH: [u8; 34] = *b"/_tenantry/0000000000000000/script";
const STYLE_TAGGED: [u8; 34] = tagged(STYLE_PATH, STYLE_TEXT);
const ICON_TAGGED: [u8; 34] = tagged(ICON_PATH, ICON_TEXT);
const SCRIPT_TAGGED: [u8; 34] = tagged(SCRIPT_PATH, SCRIPT_TEXT);

/// The style sheet of all built-in pages.
pub(crate) const STYLE: Asset =
    Asset { path: text(&STYLE_TAGGED), kind: "text/css; charset=utf-8", content: STYLE_TEXT };

/// The path of the style sheet of the built-in pages, for an application's pages that are to look like them. It is the
/// same on every host, needs no tenant, and changes with the sheet.
pub const STYLE_SHEET: &str = STYLE.path;

/// The icon of all built-in pages.
pub(crate) const ICON: Asset = Asset { path: text(&ICON_TAGGED), kind: "image/svg+xml", content: ICON_TEXT };

/// The script that sends OPTIONS from a page's button, which a form can't.
pub(crate) const OPTIONS_SCRIPT: Asset =
    Asset { path: text(&SCRIPT_TAGGED), kind: "text/javascript; charset=utf-8", content: SCRIPT_TEXT };

/// The icon of the built-in pages, for a route `/favicon.ico`: browsers ask for it where a page names no icon. It may be
/// kept for a day.
#[allow(clippy::unused_async, reason = "a handler")]
pub async fn favicon() -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(ICON.kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400")),
    ];
    (headers, ICON.content).into_response()
}

impl Asset {
    /// The file. It may be kept for good: a changed one has another path.
    pub(super) fn response(&self) -> Response {
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static(self.kind)),
            (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        ];
        (headers, self.content).into_response()
    }
}

/// The path with the content's hash (FNV-1a, 64 bits: it tells versions apart, it guards nothing) in place of the noughts.
const fn tagged(mut path: [u8; 34], content: &str) -> [u8; 34] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = content.as_bytes();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    let mut digit = 0;
    while digit < 16 {
        path[11 + digit] = DIGITS[((hash >> (60 - 4 * digit)) & 15) as usize];
        digit += 1;
    }
    path
}

const fn text(path: &'static [u8; 34]) -> &'static str {
    match std::str::from_utf8(path) {
        Ok(path) => path,
        Err(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_changes_with_the_content_alone() {
        assert_eq!(tagged(STYLE_PATH, "a"), tagged(STYLE_PATH, "a"));
        assert_ne!(tagged(STYLE_PATH, "a"), tagged(STYLE_PATH, "b"));
        assert!(STYLE.path.starts_with("/_tenantry/") && STYLE.path.ends_with("/styles"));
        assert_ne!(STYLE.path.as_bytes(), STYLE_PATH);
    }
}
