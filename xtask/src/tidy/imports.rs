//! Rule: some libraries are used in one part of the repository only, and some parts do without some libraries.

use super::layers::{BANS, FENCES};
use super::paths::{Path, paths};
use super::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.ending(".rs").flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    // What this file may not name, and why.
    let fenced =
        FENCES.iter().filter(|fence| !fence.only_in.iter().any(|place| file.path.starts_with(place)));
    let banned = BANS.iter().filter(|ban| file.path.starts_with(ban.inside));
    let refused: Vec<(&[&str], &str)> = fenced
        .map(|fence| (fence.names, fence.because))
        .chain(banned.map(|ban| (ban.names, ban.because)))
        .collect();

    let complaint = |path: Path| {
        let (_, because) =
            refused.iter().find(|(names, _)| names.iter().any(|name| path.starts_with(name)))?;
        Some(file.finding(path.line, format!("`{}` is not for here: {because}", path.segments.join("::"))))
    };
    paths(&file.text).into_iter().filter_map(complaint).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    #[test]
    fn a_fenced_library_is_used_inside_its_fence() {
        for path in ["crates/db/src/sqlite/pool.rs", "crates/db/tests/files.rs", "bench/src/main.rs"] {
            assert_eq!(found(check, &[(path, "use rusqlite::Connection;")]), [""; 0], "{path}");
        }
        let text = "use http::StatusCode;\nuse axum::{Router, routing};";
        for path in ["crates/web/src/lib.rs", "crates/db/src/extract.rs", "examples/notes/src/main.rs"] {
            assert_eq!(found(check, &[(path, text)]), [""; 0], "{path}");
        }
    }

    #[test]
    fn a_fenced_library_is_not_used_outside() {
        assert_eq!(
            found(check, &[("crates/db/src/model/value.rs", "\nfn f(_: &rusqlite::Row<'_>) {}")]),
            ["crates/db/src/model/value.rs:2: `rusqlite::Row` is not for here: \
              what knows SQLite is kept together, so that another database can stand beside it"]
        );
        for text in
            ["use {hyper, std::fmt};", "use http::Uri;", "tower::service_fn(f)", "axum_core::body::Body"]
        {
            assert_eq!(found(check, &[("crates/db/src/instance.rs", text)]).len(), 1, "{text}");
        }
    }

    #[test]
    fn core_does_no_input_or_output() {
        for text in
            ["use std::{fmt, fs};", "std::env::var(NAME)", "use tokio::net;", "use std::net::TcpStream;"]
        {
            assert_eq!(found(check, &[("crates/core/src/host.rs", text)]).len(), 1, "{text}");
            assert_eq!(found(check, &[("crates/tenantry/src/host.rs", text)]), [""; 0], "{text}");
        }
        let harmless = "use std::net::Ipv6Addr;\nuse std::fmt;\n// std::fs would be another matter";
        assert_eq!(found(check, &[("crates/core/src/host.rs", harmless)]), [""; 0]);
    }
}
