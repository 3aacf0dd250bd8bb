//! Rule: the files and folders that the documents name are there.

use super::{File, Finding, Tree};

/// A name with one of these endings is a file of the repository, wherever a document names it.
const ENDINGS: [&str; 3] = [".rs", ".md", ".toml"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let ignored = ignored(tree);
    let mut findings = Vec::new();
    for file in tree.ending(".md") {
        for (number, line) in prose(file) {
            for name in code_spans(line).filter(|name| is_path(tree, name)) {
                let first = name.split('/').next().unwrap_or(name);
                if !ignored.contains(&first) && !is_named(tree, name) {
                    findings.push(file.finding(number, format!("`{name}` is not in the repository")));
                }
            }
            for target in links(line).filter(|target| !leads_to(tree, &file.path, target)) {
                findings.push(file.finding(number, format!("the link to `{target}` leads nowhere")));
            }
        }
    }
    findings
}

/// The lines that are not inside a fenced block.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    })
}

/// What stands between backticks.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Where the links lead that stay in the repository, without the place in the document.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', ' ', '#']).next()?;
        (!target.is_empty() && !target.contains(':')).then_some(target)
    })
}

/// Whether a code span means a file or a folder of the repository: it ends like one, or begins with one of the
/// root's folders. `application/json`, `/healthz` and `acme.localhost:8000/` do neither.
fn is_path(tree: &Tree, span: &str) -> bool {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '/' | '_' | '-');
    let starts_in_root = || {
        let first = span.split_inclusive('/').next().unwrap_or(span);
        first.ends_with('/') && tree.files.iter().any(|file| file.path.starts_with(first))
    };
    !span.starts_with(['/', '-'])
        && span.chars().all(is_plain)
        && (span.ends_with('/') || ENDINGS.iter().any(|ending| span.ends_with(ending)) || starts_in_root())
}

/// Whether a file or a folder has this path, or a path that ends so: the middle of a document may say `host.rs`.
fn is_named(tree: &Tree, name: &str) -> bool {
    let name = name.trim_start_matches("./");
    let folder = format!("{}/", name.trim_end_matches('/'));
    let (below, inside) = (format!("/{name}"), format!("/{folder}"));
    tree.files.iter().any(|File { path, .. }| {
        let is_file = path == name || path.ends_with(&below);
        is_file || path.starts_with(&folder) || path.contains(&inside)
    })
}

/// Whether a link in the document at `from` leads to a file or a folder of the repository.
fn leads_to(tree: &Tree, from: &str, target: &str) -> bool {
    let mut path: Vec<&str> = from.split('/').collect();
    path.pop();
    for part in target.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." if path.pop().is_none() => return false,
            ".." => {}
            _ => path.push(part),
        }
    }
    let path = path.join("/");
    let folder = format!("{path}/");
    path.is_empty() || tree.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
}

/// The names that git ignores: they come to be when the program runs.
fn ignored(tree: &Tree) -> Vec<&str> {
    let lists = tree.files.iter().filter(|file| file.path == ".gitignore");
    lists.flat_map(File::lines).map(|(_, line)| line.trim_matches('/')).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    fn in_readme(text: &str) -> Vec<String> {
        found(
            check,
            &[
                ("README.md", text),
                ("docs/guide/start.md", ""),
                ("crates/core/src/host.rs", ""),
                (".gitignore", "/demo-data\n"),
            ],
        )
    }

    #[test]
    fn what_is_there_may_be_named() {
        for text in [
            "`crates/core/src/host.rs`, `core/src/host.rs`, `host.rs`, `src/`, `crates/core`, `docs/guide/`",
            "[a](docs/guide/start.md) [b](./docs/guide#top) [c](crates/) [d](#top) [e](https://example.org/x.md)",
        ] {
            assert_eq!(in_readme(text), [""; 0], "{text}");
        }
        let nested = [
            ("docs/guide/start.md", "[up](../../README.md) [beside](next.md)"),
            ("README.md", ""),
            ("docs/guide/next.md", ""),
        ];
        assert_eq!(found(check, &nested), [""; 0]);
    }

    #[test]
    fn what_is_not_there_is_found() {
        for name in ["crates/core/src/hosts.rs", "ost.rs", "crates/cor", "guides/", "GUIDE.md", "deny.toml"] {
            assert_eq!(
                in_readme(&format!("\na `{name}` b")),
                [format!("README.md:2: `{name}` is not in the repository")]
            );
        }
        for target in ["docs/guide/end.md", "docs/gui", "../README.md", "start.md"] {
            assert_eq!(
                in_readme(&format!("[a]({target}#b)")),
                [format!("README.md:1: the link to `{target}` leads nowhere")]
            );
        }
    }

    #[test]
    fn what_is_no_path_is_left_alone() {
        for text in [
            "`application/json` `/healthz` `GET /notes/{id}` `http://acme.localhost:8000/` `a.b` `--file x.rs`",
            "`./demo-data` `demo-data/` `demo-data/notes.md`",
            "```\n`nothing.rs` [x](nothing.md)\n```",
        ] {
            assert_eq!(in_readme(text), [""; 0], "{text}");
        }
    }
}
