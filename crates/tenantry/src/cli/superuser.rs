//! Where the name, address and password of a new superuser come from: flags, the environment, questions.

use super::args::CreatesuperuserArgs;
use super::{Prompt, PromptError};
use crate::config::{Secret, Sources};

/// What is known of a new superuser before anything is asked.
///
/// The name is had first, so that a command can refuse one that is taken before it asks for the rest.
#[derive(Debug)]
pub struct SuperuserInput {
    username: Option<String>,
    email: Option<String>,
    password: Option<Secret>,
    noinput: bool,
}

impl SuperuserInput {
    /// What the flags say, and where they are silent `DJANGO_SUPERUSER_USERNAME`, `…_EMAIL` and `…_PASSWORD`.
    #[must_use]
    pub fn new(args: &CreatesuperuserArgs, sources: &Sources) -> Self {
        let variable = |name| sources.variable(name).map(str::to_owned);
        Self {
            username: args.username.clone().or_else(|| variable("DJANGO_SUPERUSER_USERNAME")),
            email: args.email.clone().or_else(|| variable("DJANGO_SUPERUSER_EMAIL")),
            password: variable("DJANGO_SUPERUSER_PASSWORD").map(Secret::new),
            noinput: args.noinput,
        }
    }

    /// Whether nothing may be asked.
    #[must_use]
    pub fn noinput(&self) -> bool {
        self.noinput
    }

    /// The user's name, asked for where it is not known.
    ///
    /// # Errors
    /// Raised when there is nobody to ask, or `accept` refuses the name.
    pub fn username(
        &self,
        prompt: &mut Prompt,
        mut accept: impl FnMut(&str) -> Result<String, String>,
    ) -> Result<String, PromptError> {
        match &self.username {
            Some(username) => accept(username).map_err(PromptError::Refused),
            None => prompt.ask("Username", None, accept),
        }
    }

    /// The e-mail address, asked for on a terminal where it is not known. May be empty.
    ///
    /// # Errors
    /// Raised when `accept` refuses the address.
    pub fn email(
        &self,
        prompt: &mut Prompt,
        mut accept: impl FnMut(&str) -> Result<String, String>,
    ) -> Result<String, PromptError> {
        match (&self.email, &*prompt) {
            (None, Prompt::Terminal) => prompt.ask("Email address", Some(""), accept),
            (email, _) => accept(email.as_deref().unwrap_or_default()).map_err(PromptError::Refused),
        }
    }

    /// The password, asked for where it is not known. `None` with `--noinput` and no password in the environment: the
    /// user then has none that works until `changepassword` gives one.
    ///
    /// # Errors
    /// Raised when `accept` refuses the password, or the input ends or can't be read.
    pub fn password(
        self,
        prompt: &mut Prompt,
        mut accept: impl FnMut(&Secret) -> Result<(), String>,
    ) -> Result<Option<Secret>, PromptError> {
        match self.password {
            Some(password) => accept(&password).map(|()| Some(password)).map_err(PromptError::Refused),
            None if self.noinput => Ok(None),
            None => prompt.new_password(accept).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::{Command, Identity, Invocation};
    use super::*;

    fn input<const N: usize>(line: &str, environment: [(&str, &str); N]) -> SuperuserInput {
        let identity = Identity { name: "notes", version: "1", about: "" };
        let words = ["notes", "createsuperuser"].into_iter().chain(line.split_whitespace());
        let Command::Createsuperuser(args) = Invocation::parse(identity, words).unwrap().command else {
            panic!("{line}")
        };
        SuperuserInput::new(&args, &Sources::default().with_environment(environment))
    }

    fn any(text: &str) -> Result<String, String> {
        Ok(text.to_owned())
    }

    #[test]
    fn noinput_takes_flags_and_the_environment_and_asks_nothing() {
        let input = input(
            "--noinput --username ann",
            [
                ("DJANGO_SUPERUSER_USERNAME", "bob"),
                ("DJANGO_SUPERUSER_EMAIL", "ann@acme.example"),
                ("DJANGO_SUPERUSER_PASSWORD", "hush"),
            ],
        );
        assert!(!format!("{input:?}").contains("hush"));
        let mut nobody = Prompt::Nobody;
        assert_eq!(input.username(&mut nobody, any).unwrap(), "ann");
        assert_eq!(input.email(&mut nobody, any).unwrap(), "ann@acme.example");
        let password = input.password(&mut nobody, |_| Ok(())).unwrap();
        assert_eq!(password.unwrap().expose(), "hush");
    }

    #[test]
    fn noinput_without_a_name_is_an_error_and_without_a_password_gives_none() {
        let input = input("--noinput", []);
        let error = input.username(&mut Prompt::Nobody, any).unwrap_err();
        assert_eq!(error.to_string(), "Username is needed, and there is nobody to ask");
        assert_eq!(input.email(&mut Prompt::Nobody, any).unwrap(), "");
        assert_eq!(input.password(&mut Prompt::Nobody, |_| Ok(())).unwrap(), None);
    }

    #[test]
    fn a_pipe_gives_the_password() {
        let input = input("--username ann", []);
        let mut pipe = Prompt::Piped(Box::new("hush\n".as_bytes()));
        assert_eq!(input.email(&mut pipe, any).unwrap(), "", "an address is no line of the pipe");
        assert_eq!(input.password(&mut pipe, |_| Ok(())).unwrap().unwrap().expose(), "hush");
    }

    #[test]
    fn a_password_from_the_environment_is_checked_too() {
        let input = input("--username ann", [("DJANGO_SUPERUSER_PASSWORD", "123")]);
        let error = input.password(&mut Prompt::Nobody, |_| Err("too short".to_owned())).unwrap_err();
        assert_eq!(error.to_string(), "too short");
    }
}
