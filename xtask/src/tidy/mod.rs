//! `cargo xtask tidy`: the rules of this repository that no other tool holds.

mod crates;
mod docs;
mod imports;
mod layers;
mod length;
mod modules;
mod opening;
mod paths;
mod wording;

use std::fmt;
use std::fs;
use std::process::{Command, ExitCode};

use crate::tools;

/// A rule: given the whole repository, what breaks it.
type Rule = fn(&Tree) -> Vec<Finding>;

const RULES: [Rule; 7] = [
    crates::check,
    docs::check,
    imports::check,
    length::check,
    modules::check,
    opening::check,
    wording::check,
];

/// The repository's own files.
struct Tree {
    files: Vec<File>,
}

/// One file of the repository.
struct File {
    /// From the repository's root, with `/`.
    path: String,
    /// Empty where the file isn't text.
    text: String,
}

/// One place where a rule is broken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    /// What is wrong, and what would be right.
    message: String,
}

/// Checks every rule and prints what breaks one.
///
/// # Errors
/// Raised when git can't list the repository's files.
pub(crate) fn run() -> Result<ExitCode, String> {
    let tree = Tree::read()?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    let (files, rules) = (tree.files.len(), RULES.len());
    match findings.len() {
        0 => println!("cargo xtask tidy: {files} files obey all {rules} sets of rules"),
        count => println!("cargo xtask tidy: {count} found in {files} files"),
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Tree {
    /// What git tracks, and what it would if it were added: a new file is checked before its first commit.
    fn read() -> Result<Self, String> {
        let root = tools::root();
        let mut git = Command::new("git");
        git.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).current_dir(&root);
        let mut paths: Vec<String> =
            tools::output(&mut git)?.split_terminator('\0').map(str::to_owned).collect();
        paths.sort();
        paths.dedup();
        let read = |path: String| {
            // A tracked file that was removed and not committed yet is no file.
            let bytes = fs::read(root.join(&path)).ok()?;
            Some(File { path, text: String::from_utf8(bytes).unwrap_or_default() })
        };
        Ok(Self { files: paths.into_iter().filter_map(read).collect() })
    }

    /// The files whose path ends so.
    fn ending(&self, suffix: &str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.path.ends_with(suffix))
    }
}

impl File {
    /// The lines, each with its number.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

#[cfg(test)]
mod testing {
    //! Repositories of a few files, for the rules' tests.

    use super::{File, Rule, Tree};

    impl Tree {
        pub(super) fn of(files: &[(&str, &str)]) -> Self {
            let file =
                |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
            Self { files: files.iter().map(file).collect() }
        }
    }

    /// What `rule` finds in a repository of these files, as it would be printed.
    pub(super) fn found(rule: Rule, files: &[(&str, &str)]) -> Vec<String> {
        rule(&Tree::of(files)).iter().map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_file_and_line_as_editors_read_them() {
        let tree = Tree::of(&[("a/b.rs", "one\ntwo\n")]);
        assert_eq!(tree.files[0].lines().collect::<Vec<_>>(), [(1, "one"), (2, "two")]);
        assert_eq!(tree.files[0].finding(2, "bad").to_string(), "a/b.rs:2: bad");
    }

    #[test]
    fn the_repository_is_read_with_this_file_in_it() {
        let tree = Tree::read().unwrap();
        let this = tree.ending("xtask/src/tidy/mod.rs").next().unwrap();
        assert!(this.text.starts_with("//! `cargo xtask tidy`"));
        assert!(tree.files.iter().all(|file| !file.path.starts_with("target/")));
    }
}
