//! Rule: inside a crate a module may use only those to its left in the table.

use super::layers::MODULES;
use super::paths::{Path, paths};
use super::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    MODULES
        .iter()
        .flat_map(|(folder, order)| check_crate(tree, &format!("crates/{folder}/src/"), order))
        .collect()
}

fn check_crate(tree: &Tree, source: &str, order: &str) -> Vec<Finding> {
    let order: Vec<&str> = order.split(" < ").collect();
    let root = format!("{source}lib.rs");
    let exports = tree.ending(&root).flat_map(|file| exports(file, &order)).collect::<Vec<_>>();
    let mut findings = Vec::new();
    for file in tree.ending(".rs") {
        let Some(inside) = file.path.strip_prefix(source).and_then(|rest| rest.strip_suffix(".rs")) else {
            continue;
        };
        let modules: Vec<&str> = inside.split('/').filter(|name| *name != "mod").collect();
        let own = modules[0];
        if own == "lib" || own == "main" {
            continue;
        }
        match order.iter().position(|name| *name == own) {
            Some(place) => findings.extend(paths(&file.text).into_iter().filter_map(|path| {
                let used = module(&path, &modules, &exports)?;
                let is_right_of = order[place + 1..].contains(&used.as_str());
                is_right_of.then(|| file.finding(path.line, complaint(own, &used, &order)))
            })),
            None => findings
                .push(file.finding(1, format!("`{own}` is not in the table of `xtask/src/tidy/layers.rs`"))),
        }
    }
    findings
}

fn complaint(own: &str, used: &str, order: &[&str]) -> String {
    format!("`{own}` may not use `{used}`: the order is {}", order.join(" < "))
}

/// The names that the crate's root offers from its modules, each with its module: `crate::Slug` uses `slug`.
fn exports(root: &File, order: &[&str]) -> Vec<(String, String)> {
    let export = |path: Path| {
        let module = path.segments.iter().find(|segment| !matches!(segment.as_str(), "crate" | "self"))?;
        let name = path.segments.last()?;
        order.contains(&module.as_str()).then(|| (name.clone(), module.clone()))
    };
    paths(&root.text).into_iter().filter_map(export).collect()
}

/// The module of the crate that `path` leads to, seen from a file of `modules`; none where it leads out of the crate.
fn module(path: &Path, modules: &[&str], exports: &[(String, String)]) -> Option<String> {
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    let (from, rest): (&[&str], &[&str]) = match segments.as_slice() {
        ["crate", rest @ ..] => (&[], rest),
        ["super", ..] => {
            let ups = segments.iter().take_while(|segment| **segment == "super").count();
            (&modules[..modules.len().saturating_sub(ups)], &segments[ups..])
        }
        _ => return None,
    };
    let first = from.iter().chain(rest).next()?;
    let export = exports.iter().find(|(name, _)| name == first);
    Some(export.map_or_else(|| (*first).to_owned(), |(_, module)| module.clone()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::super::{Finding, Tree};

    const ORDER: &str = "model < sqlite < tenant_db < migrate";

    fn check(tree: &Tree) -> Vec<Finding> {
        super::check_crate(tree, "crates/db/src/", ORDER)
    }

    const LIB: (&str, &str) =
        ("crates/db/src/lib.rs", "mod model;\npub use model::{Kind, Value};\npub use tenant_db::TenantDb;\n");

    #[test]
    fn a_module_uses_those_to_its_left() {
        let files = [
            LIB,
            ("crates/db/src/sqlite/pool.rs", "use crate::{Value, model::Kind};\nuse super::schedule::Lane;"),
            (
                "crates/db/src/tenant_db.rs",
                "use crate::sqlite::Pool;\nuse super::model;\nuse tenantry_core::Tenant;",
            ),
            ("crates/db/src/migrate/mod.rs", "mod plan;\nuse self::plan::Plan;\nuse crate::TenantDb;"),
        ];
        assert_eq!(found(check, &files), [""; 0]);
    }

    #[test]
    fn a_module_does_not_use_those_to_its_right() {
        for (path, text, used) in [
            ("crates/db/src/model/value.rs", "\nuse crate::sqlite::Pool;", "sqlite"),
            ("crates/db/src/model/value.rs", "\nuse crate::{Kind, TenantDb};", "tenant_db"),
            ("crates/db/src/model/value.rs", "\nfn f(_: crate::migrate::Plan) {}", "migrate"),
            ("crates/db/src/model/value.rs", "\nuse super::super::migrate;", "migrate"),
            ("crates/db/src/model/mod.rs", "\nuse super::migrate::Plan;", "migrate"),
            ("crates/db/src/model.rs", "\nuse super::TenantDb;", "tenant_db"),
        ] {
            assert_eq!(
                found(check, &[LIB, (path, text)]),
                [format!("{path}:2: `model` may not use `{used}`: the order is {ORDER}")],
                "{text}"
            );
        }
    }

    #[test]
    fn a_new_module_needs_a_place_in_the_table() {
        assert_eq!(
            found(check, &[LIB, ("crates/db/src/extra/mod.rs", "")]),
            ["crates/db/src/extra/mod.rs:1: `extra` is not in the table of `xtask/src/tidy/layers.rs`"]
        );
    }
}
