//! Rule: every file opens with a line that says what it is for.

use super::{File, Finding, Tree};

/// How the line begins, by how the file's name ends.
const MARKS: [(&str, &str); 11] = [
    (".rs", "//!"),
    (".toml", "#"),
    (".sh", "#"),
    (".ci/run", "#"),
    (".py", "#"),
    (".c", "//"),
    (".lua", "--"),
    (".sql", "--"),
    (".html", "{#"),
    (".css", "/*"),
    (".md", "# "),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files.iter().filter_map(check_file).collect()
}

fn check_file(file: &File) -> Option<Finding> {
    let (_, mark) = MARKS.iter().find(|(ending, _)| file.path.ends_with(ending))?;
    // A script's interpreter comes before its purpose, and a crate says its purpose in a field.
    let (number, line) = file.lines().find(|(_, line)| !line.starts_with("#!/")).unwrap_or((1, ""));
    let says = line.strip_prefix(mark).is_some_and(|words| words.chars().any(char::is_alphabetic));
    let describes = file.path.ends_with("Cargo.toml") && file.text.contains("\ndescription = \"");
    (!says && !describes)
        .then(|| file.finding(number, format!("the file does not open with `{mark}` and what it is for")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::check;

    #[test]
    fn a_file_says_what_it_is_for() {
        let files = [
            ("a/lib.rs", "//! What it is.\n"),
            ("a/Cargo.toml", "[package]\ndescription = \"What it is.\"\n"),
            ("clippy.toml", "# What it is.\n"),
            (".ci/run", "#!/bin/sh\n# What it does.\n"),
            ("README.md", "# What it is\n"),
            ("hosts.txt", "anything\n"),
        ];
        assert_eq!(found(check, &files), [""; 0]);
    }

    #[test]
    fn a_file_that_does_not_is_named() {
        assert_eq!(
            found(check, &[("a/lib.rs", "use std::fmt;\n//! What it is.\n")]),
            ["a/lib.rs:1: the file does not open with `//!` and what it is for"]
        );
        for (path, text) in [
            ("a.rs", ""),
            ("a.rs", "//!\n//! Late.\n"),
            ("a.rs", "// Not inner documentation.\n"),
            ("a/Cargo.toml", "[package]\nname = \"a\"\n"),
            ("deny.toml", "[bans]\n"),
            (".ci/run", "#!/bin/sh\nset -e\n"),
            ("README.md", "What it is\n"),
        ] {
            assert_eq!(found(check, &[(path, text)]).len(), 1, "{path}: {text:?}");
        }
    }
}
