//! Why a command failed, as it is told on the terminal.

use std::error::Error;

/// Why a command failed, what may help, and the exit code. Made from any error by `?`.
///
/// ```
/// use tenantry::cli::Failure;
///
/// fn parse(text: &str) -> Result<u8, Failure> {
///     let number = text.parse()?;
///     if number > 100 {
///         return Err(Failure::new("that is too much").hint("give 100 or less"));
///     }
///     Ok(number)
/// }
/// assert_eq!(parse("101").unwrap_err().to_string(), "error: that is too much\nhint: give 100 or less");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    exit_code: u8,
}

impl Failure {
    /// A failure with this message: exit code 1.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new(), hint: None, exit_code: 1 }
    }

    /// A command that makes no sense: exit code 2.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit_code: 2, ..Self::new(message) }
    }

    /// The same with a sentence about what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What went wrong, without causes and hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The process's exit code: 1 for a failure, 2 for wrong usage.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

/// Keeps the causes that the error's own message does not tell already.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut failure = Self::new(error.to_string());
        let mut told = failure.message.clone();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !told.contains(&text) {
                told.push_str(&text);
                failure.causes.push(text);
            }
            source = cause.source();
        }
        failure
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            write!(f, "\n  because {cause}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("can't open it: {0}")]
        Told(#[source] io::Error),
        #[error("can't open it")]
        Untold(#[source] io::Error),
    }

    #[test]
    fn a_cause_is_told_once() {
        let cause = || io::Error::other("no permission");
        assert_eq!(Failure::from(Outer::Told(cause())).to_string(), "error: can't open it: no permission");
        assert_eq!(
            Failure::from(Outer::Untold(cause())).hint("ask for it").to_string(),
            "error: can't open it\n  because no permission\nhint: ask for it"
        );
    }

    #[test]
    fn usage_exits_with_2() {
        assert_eq!(Failure::new("x").exit_code(), 1);
        assert_eq!(Failure::usage("x").exit_code(), 2);
    }
}
