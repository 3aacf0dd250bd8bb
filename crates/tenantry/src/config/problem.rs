//! Settings that can't be used, and why.

use std::fmt;

use super::{Effective, Origin, ValueError};

/// A setting that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its name.
    pub name: String,
    /// What was written, unless that may hold a secret.
    pub text: Option<String>,
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong with it.
    pub error: ValueError,
}

/// Raised when settings can't be used: all of them at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the configuration can't be used:{}", .problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
pub struct Problems {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// The settings that can be used, as in [`Loaded`](super::Loaded).
    pub effective: Vec<Effective>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(text) = &self.text {
            write!(f, "={}", text.escape_debug())?;
        }
        write!(f, " ({}): {}", self.origin, self.error)
    }
}
