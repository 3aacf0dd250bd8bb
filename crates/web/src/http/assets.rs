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

/// A file of the folder `assets`, its path with the content's hash in it.
macro_rules! asset {
    ($file:literal, $name:literal, $kind:literal) => {{
        const CONTENT: &str = include_str!(concat!("../../assets/", $file));
        const PLAIN: &str = concat!("/_tenantry/0000000000000000/", $name);
        const PATH: [u8; PLAIN.len()] = tagged(PLAIN, CONTENT);
        Asset { path: text(&PATH), kind: $kind, content: CONTENT }
    }};
}

/// The style sheet of all built-in pages.
pub(crate) const STYLE: Asset = asset!("tenantry.css", "styles", "text/css; charset=utf-8");

/// The path of the style sheet of the built-in pages, for an application's pages that are to look like them. It is the
/// same on every host, needs no tenant, and changes with the sheet.
pub const STYLE_SHEET: &str = STYLE.path;

/// The icon of all built-in pages.
pub(crate) const ICON: Asset = asset!("icon.svg", "symbol", "image/svg+xml");

/// The script that sends OPTIONS from a page's button, which a form can't.
pub(crate) const OPTIONS_SCRIPT: Asset = asset!("options.js", "script", "text/javascript; charset=utf-8");

/// What the admin's pages add to the style sheet.
pub(crate) const ADMIN_STYLE: Asset = asset!("admin.css", "admin-styles", "text/css; charset=utf-8");

/// What the admin's pages can't do without a script; they work without it.
pub(crate) const ADMIN_SCRIPT: Asset = asset!("admin.js", "admin-script", "text/javascript; charset=utf-8");

/// htmx, by which the admin's pages ask for parts of pages.
pub(crate) const HTMX: Asset = asset!("htmx/htmx.min.js", "htmx", "text/javascript; charset=utf-8");

/// Every file.
pub(super) const ASSETS: [&Asset; 6] = [&STYLE, &ICON, &OPTIONS_SCRIPT, &ADMIN_STYLE, &ADMIN_SCRIPT, &HTMX];

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
const fn tagged<const N: usize>(plain: &str, content: &str) -> [u8; N] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut path = [0; N];
    path.copy_from_slice(plain.as_bytes());
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

const fn text(path: &'static [u8]) -> &'static str {
    match std::str::from_utf8(path) {
        Ok(path) => path,
        Err(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_path_changes_with_the_content_alone() {
        const PLAIN: &str = "/_tenantry/0000000000000000/styles";
        let tagged = tagged::<{ PLAIN.len() }>;
        assert_eq!(tagged(PLAIN, "a"), tagged(PLAIN, "a"));
        assert_ne!(tagged(PLAIN, "a"), tagged(PLAIN, "b"));
        assert!(STYLE.path.starts_with("/_tenantry/") && STYLE.path.ends_with("/styles"));
        assert_ne!(STYLE.path, PLAIN);
        let paths: BTreeSet<_> = ASSETS.iter().map(|asset| asset.path).collect();
        assert_eq!(paths.len(), ASSETS.len());
    }
}
