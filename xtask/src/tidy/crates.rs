//! Rule: a crate may only use those above it in the list.

use super::layers::CRATES;
use super::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.ending("Cargo.toml").flat_map(check_manifest).collect()
}

fn check_manifest(file: &File) -> Vec<Finding> {
    let Some(folder) = file.path.strip_prefix("crates/").and_then(|rest| rest.strip_suffix("/Cargo.toml"))
    else {
        return Vec::new();
    };
    let Some(place) = CRATES.iter().position(|(name, _)| *name == folder) else {
        return vec![file.finding(1, format!("`{folder}` is not in the list of `xtask/src/tidy/layers.rs`"))];
    };
    let refused = |name: &str| CRATES[place..].iter().any(|(_, package)| *package == name);
    dependencies(file)
        .filter(|(_, name)| refused(name))
        .map(|(line, name)| {
            file.finding(line, format!("`{folder}` may not use `{name}`: a crate uses only those above it"))
        })
        .collect()
}

/// The names under `[dependencies]` and its like, development's too, and those with a table of their own.
fn dependencies(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    file.lines().filter_map(move |(number, line)| {
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = header.ends_with("dependencies");
            let (table, name) = header.rsplit_once('.')?;
            return table.ends_with("dependencies").then_some((number, name));
        }
        let name = line.split(['.', '=', ' ']).next()?;
        (inside && !name.is_empty()).then_some((number, name))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    #[test]
    fn a_crate_uses_those_above_it() {
        let web = "[package]\nname = \"tenantry-web\"\n\n[dependencies]\naxum.workspace = true\n\
                   tenantry-core = { workspace = true, features = [\"axum\"] }\ntenantry-db.workspace = true\n";
        assert_eq!(found(check, &[("crates/web/Cargo.toml", web)]), [""; 0]);
    }

    #[test]
    fn a_crate_does_not_use_itself_or_those_below_it() {
        for below in ["tenantry-web", "tenantry"] {
            for dependency in [
                format!("[dependencies]\n{below}.workspace = true\n"),
                format!("[dev-dependencies]\n{below} = {{ path = \"../x\" }}\n"),
                format!("[target.'cfg(unix)'.dependencies]\n{below}=\"1\"\n"),
                format!("[dependencies]\n[build-dependencies.{below}]\n"),
            ] {
                assert_eq!(
                    found(check, &[("crates/web/Cargo.toml", &dependency)]),
                    [format!(
                        "crates/web/Cargo.toml:2: `web` may not use `{below}`: a crate uses only those above it"
                    )],
                    "{dependency}"
                );
            }
        }
    }

    #[test]
    fn a_new_crate_needs_a_place_in_the_list() {
        assert_eq!(
            found(check, &[("crates/extra/Cargo.toml", "[package]\n")]),
            ["crates/extra/Cargo.toml:1: `extra` is not in the list of `xtask/src/tidy/layers.rs`"]
        );
        assert_eq!(found(check, &[("bench/Cargo.toml", "[dependencies]\ntenantry = \"1\"\n")]), [""; 0]);
    }
}
