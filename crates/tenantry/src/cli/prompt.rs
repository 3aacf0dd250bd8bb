//! Questions to the person at the terminal.

use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use tenantry_core::Slug;

use crate::config::Secret;

/// After so many answers that can't be used, asking ends.
const ATTEMPTS: usize = 3;

/// Who answers questions.
pub enum Prompt {
    /// A person at a terminal: asked again when an answer can't be used; passwords are typed twice and not shown.
    Terminal,
    /// The lines of a pipe or a file: one answer each, taken or refused.
    Piped(Box<dyn BufRead + Send>),
    /// Nobody: each question is an error.
    Nobody,
}

/// Raised when a question gets no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// There is nobody to ask.
    #[error("{0} is needed, and there is nobody to ask")]
    Nobody(String),
    /// Standard input ended before the answer.
    #[error("{0} is needed, and standard input has ended")]
    Ended(String),
    /// The terminal or the pipe can't be read.
    #[error("can't read an answer: {0}")]
    Read(#[from] io::Error),
    /// The answer can't be used.
    #[error("{0}")]
    Refused(String),
    /// The slug was not typed again.
    #[error("that is not {0}: nothing was changed")]
    NotConfirmed(Slug),
    /// The answer was not yes.
    #[error("that is no yes: nothing was changed")]
    NotAgreed,
}

impl Prompt {
    /// The process's standard input; nobody with `noinput`.
    #[must_use]
    pub fn process(noinput: bool) -> Self {
        match (noinput, io::stdin().is_terminal()) {
            (true, _) => Self::Nobody,
            (false, true) => Self::Terminal,
            (false, false) => Self::Piped(Box::new(BufReader::new(io::stdin()))),
        }
    }

    /// Asks for `what` until `accept` takes the answer; an empty answer stands for `default`, if there is one.
    ///
    /// # Errors
    /// Raised when there is nobody to ask, the input ends or can't be read, or no answer is accepted.
    pub fn ask<T>(
        &mut self,
        what: &str,
        default: Option<&str>,
        mut accept: impl FnMut(&str) -> Result<T, String>,
    ) -> Result<T, PromptError> {
        let label = match default {
            Some(default) if !default.is_empty() => format!("{what} [{default}]: "),
            _ => format!("{what}: "),
        };
        self.attempts(what, |prompt| {
            let answer = prompt.line(what, &label)?;
            let answer = if answer.is_empty() { default.unwrap_or_default() } else { &answer };
            Ok(accept(answer))
        })
    }

    /// Asks for a new password until `accept` takes it: twice on a terminal, where both must agree.
    ///
    /// # Errors
    /// Raised as for [`Prompt::ask`].
    pub fn new_password(
        &mut self,
        mut accept: impl FnMut(&Secret) -> Result<(), String>,
    ) -> Result<Secret, PromptError> {
        self.attempts("a password", |prompt| {
            let password = prompt.hidden("a password", "Password: ")?;
            check_new(password, &mut accept, || match prompt {
                Self::Terminal => prompt.hidden("a password", "Password (again): ").map(Some),
                Self::Piped(_) | Self::Nobody => Ok(None),
            })
        })
    }

    /// Says what is about to happen and has the slug typed again.
    ///
    /// # Errors
    /// Raised when the answer is another one, or there is none.
    pub fn confirm(&mut self, consequence: &str, slug: &Slug) -> Result<(), PromptError> {
        let answer =
            self.line("the slug, typed again,", &format!("{consequence}\nType {slug} to go on: "))?;
        if answer == slug.as_str() { Ok(()) } else { Err(PromptError::NotConfirmed(slug.clone())) }
    }

    /// Asks for something that is not shown until `accept` takes the answer.
    ///
    /// # Errors
    /// Raised as for [`Prompt::ask`].
    pub fn secret<T>(
        &mut self,
        what: &str,
        mut accept: impl FnMut(&Secret) -> Result<T, String>,
    ) -> Result<T, PromptError> {
        self.attempts(what, |prompt| Ok(accept(&prompt.hidden(what, &format!("{what}: "))?)))
    }

    /// Asks a question, to which only yes is agreement.
    ///
    /// # Errors
    /// Raised when the answer is another one, or there is none.
    pub fn agree(&mut self, question: &str) -> Result<(), PromptError> {
        let answer = self.line("an answer", &format!("{question} [y/N] "))?;
        let agreed = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
        if agreed { Ok(()) } else { Err(PromptError::NotAgreed) }
    }

    fn attempts<T>(
        &mut self,
        what: &str,
        mut attempt: impl FnMut(&mut Self) -> Result<Result<T, String>, PromptError>,
    ) -> Result<T, PromptError> {
        let attempts = if matches!(self, Self::Terminal) { ATTEMPTS } else { 1 };
        let mut refusal = format!("{what} is needed");
        for _ in 0..attempts {
            match attempt(self)? {
                Ok(answer) => return Ok(answer),
                Err(reason) if matches!(self, Self::Terminal) => {
                    show(&format!("{reason}\n"))?;
                    refusal = reason;
                }
                Err(reason) => refusal = reason,
            }
        }
        Err(PromptError::Refused(refusal))
    }

    fn line(&mut self, what: &str, label: &str) -> Result<String, PromptError> {
        match self {
            Self::Terminal => {
                show(label)?;
                next_line(&mut io::stdin().lock(), what)
            }
            Self::Piped(lines) => next_line(lines, what),
            Self::Nobody => Err(PromptError::Nobody(what.to_owned())),
        }
    }

    fn hidden(&mut self, what: &str, label: &str) -> Result<Secret, PromptError> {
        match self {
            Self::Terminal => Ok(Secret::new(rpassword::prompt_password(label)?)),
            Self::Piped(_) | Self::Nobody => self.line(what, label).map(Secret::new),
        }
    }
}

fn show(text: &str) -> Result<(), PromptError> {
    let mut terminal = io::stderr();
    terminal.write_all(text.as_bytes())?;
    Ok(terminal.flush()?)
}

fn next_line(lines: &mut dyn BufRead, what: &str) -> Result<String, PromptError> {
    let mut line = String::new();
    if lines.read_line(&mut line)? == 0 {
        return Err(PromptError::Ended(what.to_owned()));
    }
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// The new password, once it is accepted and, where it is asked for again, typed alike.
fn check_new(
    password: Secret,
    accept: &mut impl FnMut(&Secret) -> Result<(), String>,
    again: impl FnOnce() -> Result<Option<Secret>, PromptError>,
) -> Result<Result<Secret, String>, PromptError> {
    if password.expose().is_empty() {
        return Ok(Err("a password can't be empty".to_owned()));
    }
    if let Err(reason) = accept(&password) {
        return Ok(Err(reason));
    }
    match again()? {
        Some(second) if second != password => Ok(Err("the two passwords differ".to_owned())),
        _ => Ok(Ok(password)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piped(text: &'static str) -> Prompt {
        Prompt::Piped(Box::new(text.as_bytes()))
    }

    fn name(text: &str) -> Result<String, String> {
        if text.contains(' ') { Err("no spaces".to_owned()) } else { Ok(text.to_owned()) }
    }

    #[test]
    fn a_pipe_answers_line_by_line() {
        let mut prompt = piped("ann\r\n\n two words\n");
        assert_eq!(prompt.ask("Username", None, name).unwrap(), "ann");
        assert_eq!(prompt.ask("Username", Some("bob"), name).unwrap(), "bob");
        assert_eq!(prompt.ask("Username", None, name).unwrap_err().to_string(), "no spaces");
        let ended = prompt.ask("Username", Some("bob"), name).unwrap_err();
        assert_eq!(ended.to_string(), "Username is needed, and standard input has ended");
    }

    #[test]
    fn a_piped_password_is_one_line_kept_as_it_is() {
        let password = piped(" pass word \n").new_password(|_| Ok(())).unwrap();
        assert_eq!(password.expose(), " pass word ");
        assert!(matches!(piped("\n").new_password(|_| Ok(())), Err(PromptError::Refused(_))));
        let refused = piped("hush\n").new_password(|_| Err("too short".to_owned())).unwrap_err();
        assert_eq!(refused.to_string(), "too short");
        assert!(!format!("{refused:?}").contains("hush"));
    }

    #[test]
    fn two_passwords_must_agree() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let check = |second: &str| {
            check_new(secret("one"), &mut |_: &Secret| Ok(()), || Ok(Some(secret(second)))).unwrap()
        };
        assert_eq!(check("one"), Ok(secret("one")));
        assert_eq!(check("two"), Err("the two passwords differ".to_owned()));
    }

    #[test]
    fn nobody_answers_nothing() {
        let mut prompt = Prompt::Nobody;
        let slug: Slug = "acme".parse().unwrap();
        assert!(matches!(prompt.ask("Username", Some("bob"), name), Err(PromptError::Nobody(_))));
        assert!(matches!(prompt.new_password(|_| Ok(())), Err(PromptError::Nobody(_))));
        assert!(matches!(prompt.confirm("This deletes acme.", &slug), Err(PromptError::Nobody(_))));
    }

    #[test]
    fn only_yes_is_agreement() {
        for answer in ["y\n", "Yes\n", "y"] {
            piped(answer).agree("Shall it?").unwrap();
        }
        for answer in ["\n", "no\n", "yess\n", "1\n"] {
            assert!(matches!(piped(answer).agree("Shall it?"), Err(PromptError::NotAgreed)), "{answer:?}");
        }
        assert!(matches!(piped("").agree("Shall it?"), Err(PromptError::Ended(_))));
    }

    #[test]
    fn a_secret_answer_is_taken_or_refused() {
        let read = |text: &Secret| text.expose().parse::<u8>().map_err(|_| "no number".to_owned());
        assert_eq!(piped("7\n").secret("a number", read).unwrap(), 7);
        assert_eq!(piped("hush\n").secret("a number", read).unwrap_err().to_string(), "no number");
        assert!(matches!(Prompt::Nobody.secret("a number", read), Err(PromptError::Nobody(_))));
    }

    #[test]
    fn only_the_very_slug_confirms() {
        let slug: Slug = "acme".parse().unwrap();
        piped("acme\n").confirm("This deletes acme.", &slug).unwrap();
        for answer in ["y\n", "yes\n", "ACME\n", "acme-2\n", "\n"] {
            let refused = piped(answer).confirm("This deletes acme.", &slug).unwrap_err();
            assert_eq!(refused.to_string(), "that is not acme: nothing was changed", "{answer:?}");
        }
    }
}
