//! Where a setting's text comes from: a flag, the process's environment, the `.env` file, in this order.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use super::{Dotenv, DotenvError};

/// The file that is read in the working directory.
const DOTENV: &str = ".env";

/// All that may set a setting.
#[derive(Clone, Default)]
pub struct Sources {
    flags: BTreeMap<&'static str, (&'static str, OsString)>,
    environment: BTreeMap<String, OsString>,
    dotenv_path: PathBuf,
    dotenv: Dotenv,
}

/// Where a setting's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line; the flag's name.
    Flag(&'static str),
    /// The process's environment.
    Environment,
    /// A line of the `.env` file, counted from 1.
    Dotenv {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
    /// Nobody set it.
    Default,
}

/// A setting's text as it was found. Never empty.
pub(super) struct Found<'a> {
    pub(super) text: &'a OsStr,
    pub(super) origin: Origin,
}

impl Sources {
    /// The process's environment, and `.env` in the working directory.
    ///
    /// # Errors
    /// Raised when `.env` is there but can't be read.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_process() -> Result<Self, DotenvError> {
        let path = Path::new(DOTENV);
        let environment =
            std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().map(|name| (name, value)));
        Ok(Self::default().with_environment(environment).with_dotenv(path, Dotenv::read(path)?))
    }

    /// The same with these environment variables in place of any before.
    #[must_use]
    pub fn with_environment<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<OsString>,
    {
        self.environment = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }

    /// The same with this `.env` file.
    #[must_use]
    pub fn with_dotenv(mut self, path: &Path, dotenv: Dotenv) -> Self {
        path.clone_into(&mut self.dotenv_path);
        self.dotenv = dotenv;
        self
    }

    /// The same with `setting` set on the command line by `flag`.
    #[must_use]
    pub fn with_flag(
        mut self,
        setting: &'static str,
        flag: &'static str,
        value: impl Into<OsString>,
    ) -> Self {
        self.flags.insert(setting, (flag, value.into()));
        self
    }

    /// A sentence for each line of `.env` that was skipped. None shows what the line holds.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        let path = self.dotenv_path.display();
        self.dotenv
            .bad_lines()
            .iter()
            .map(move |line| format!("{path}:{line}: skipped, since it is neither NAME=VALUE nor a comment"))
    }

    /// The text of a variable that is no setting, from the environment or `.env`. Never empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.find(name)?.text.to_str()
    }

    /// What sets `name`: the first source that has it, even when it has it empty, which means unset.
    pub(super) fn find(&self, name: &str) -> Option<Found<'_>> {
        let found = if let Some((flag, text)) = self.flags.get(name) {
            Found { text, origin: Origin::Flag(flag) }
        } else if let Some(text) = self.environment.get(name) {
            Found { text, origin: Origin::Environment }
        } else {
            let (text, line) = self.dotenv.get(name)?;
            let path = self.dotenv_path.clone();
            Found { text: OsStr::new(text), origin: Origin::Dotenv { path, line } }
        };
        (!found.text.is_empty()).then_some(found)
    }

    /// The names that the environment or `.env` set, empty ones too.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.environment.keys().map(String::as_str).chain(self.dotenv.names()).collect()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment => f.write_str("environment"),
            Self::Dotenv { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Sources {
        Sources::default()
            .with_dotenv(Path::new(".env"), Dotenv::parse("nonsense\nA=dotenv\nB=dotenv\nC=dotenv\nD="))
            .with_environment([("A", "environment"), ("B", "environment"), ("C", "")])
            .with_flag("A", "--a", "flag")
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_that_over_the_file() {
        let sources = sources();
        let found = |name| sources.find(name).map(|found| (found.text, found.origin));
        assert_eq!(found("A"), Some((OsStr::new("flag"), Origin::Flag("--a"))));
        assert_eq!(found("B"), Some((OsStr::new("environment"), Origin::Environment)));
        assert_eq!(found("C"), None, "empty in the environment hides the file");
        assert_eq!(found("D"), None, "empty is unset");
        assert_eq!(found("E"), None);
    }

    #[test]
    fn a_bad_line_is_named_without_its_text() {
        let warnings: Vec<_> = sources().warnings().collect();
        assert_eq!(warnings, [".env:1: skipped, since it is neither NAME=VALUE nor a comment"]);
    }
}
