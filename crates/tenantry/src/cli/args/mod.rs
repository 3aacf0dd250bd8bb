//! What may be said on the command line.

mod commands;
mod manage;
mod server;
mod tenant;

use std::ffi::OsString;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

pub use commands::{
    AdoptArgs, AuditArgs, ChangepasswordArgs, CheckArgs, Command, CreatesuperuserArgs, FleetCommand,
    FleetStatusArgs, MigrateArgs, OperatorCommand, Scope, ServeArgs, ShowmigrationsArgs,
};
pub use server::{PrepareArgs, ServerCommand};
pub use tenant::{CreateArgs, DomainCommand, ListArgs, TenantCommand};

use crate::config::{DotenvError, Sources};

/// Where the demo keeps what it makes.
const DEMO_FOLDER: &str = "./demo-data";

/// Who the command line says it is: the application's own name and version.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The binary's name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// One line that says what it is.
    pub about: &'static str,
}

/// A command line, understood.
#[derive(Debug)]
pub struct Invocation {
    /// The data folder, where one was given.
    pub data: Option<PathBuf>,
    /// What to do.
    pub command: Command,
}

#[derive(Debug, Parser)]
struct Cli {
    /// The folder with the instance's own files (setting DATA_DIR)
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Spoken>,
}

#[derive(Debug, Subcommand)]
enum Spoken {
    #[command(flatten)]
    Command(Box<Command>),
    Manage(manage::ManageArgs),
}

impl Invocation {
    /// Understands a command line, whose first word is the binary's name. Nothing but that name means `serve`.
    ///
    /// # Errors
    /// Raised when the words mean nothing, or ask for help or the version; the error knows which, its exit code, and
    /// how to print itself.
    pub fn parse(
        identity: Identity,
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut definition = definition(identity);
        let matches = definition.try_get_matches_from_mut(words)?;
        let Cli { data, command } = Cli::from_arg_matches(&matches)?;
        match command {
            None => Ok(Self { data, command: Command::Serve(ServeArgs::default()) }),
            Some(Spoken::Command(command)) => Ok(Self { data, command: *command }),
            Some(Spoken::Manage(manage)) => manage::run(identity, data, manage),
        }
    }

    /// All that may set a setting for this command line: itself, the environment and `.env`. For the demo, itself alone:
    /// it is the same for everybody, and what lies here is another instance's.
    ///
    /// # Errors
    /// Raised when `.env` is needed and is there but can't be read.
    pub fn sources(&self) -> Result<Sources, DotenvError> {
        let below = match self.command {
            Command::Demo(_) => Sources::default()
                .with_flag("DATA_DIR", "demo", DEMO_FOLDER)
                .with_flag("DEBUG", "demo", "true"),
            _ => Sources::from_process()?,
        };
        Ok(self.apply(below))
    }

    fn apply(&self, mut sources: Sources) -> Sources {
        if let Some(data) = &self.data {
            sources = sources.with_flag("DATA_DIR", "--data", data);
        }
        if let Command::Serve(ServeArgs { address: Some(address) })
        | Command::Demo(ServeArgs { address: Some(address) }) = &self.command
        {
            sources = sources.with_flag("LISTEN", "ADDRESS:PORT", address.to_string());
        }
        sources
    }
}

/// A number of things of which there is one at the least.
fn count(text: &str) -> Result<NonZeroUsize, &'static str> {
    text.parse().map_err(|_| "it must be a whole number, at least 1")
}

/// Writes the completions of the whole command line for `shell`.
pub fn completions(identity: Identity, shell: Shell, out: &mut dyn Write) {
    clap_complete::generate(shell, &mut definition(identity), identity.name, out);
}

fn definition(identity: Identity) -> clap::Command {
    Cli::command().name(identity.name).bin_name(identity.name).version(identity.version).about(identity.about)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const IDENTITY: Identity =
        Identity { name: "notes", version: "7.8.9", about: "Notes for many tenants." };

    pub(crate) fn parse(line: &str) -> Result<Invocation, clap::Error> {
        Invocation::parse(IDENTITY, std::iter::once("notes").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definitions_are_sound() {
        definition(IDENTITY).debug_assert();
    }

    #[test]
    fn nothing_means_serve_and_the_name_and_version_are_the_application_s() {
        assert!(matches!(parse("").unwrap().command, Command::Serve(ServeArgs { address: None })));
        assert_eq!(parse("--version").unwrap_err().to_string(), "notes 7.8.9\n");
        let help = parse("--help").unwrap_err().to_string();
        assert!(help.contains("Notes for many tenants.") && help.contains("notes [OPTIONS]"), "{help}");
        assert!(!help.contains("tenantry"), "{help}");
    }

    #[test]
    fn every_command_has_help_within_a_terminal_s_width() {
        fn walk(command: &mut clap::Command) {
            assert!(command.is_hide_set() || command.get_about().is_some(), "{}", command.get_name());
            let help = command.render_long_help().to_string();
            for line in help.lines() {
                assert!(line.chars().count() <= 120, "{}: {line}", command.get_name());
            }
            command.get_subcommands_mut().for_each(walk);
        }
        walk(&mut definition(IDENTITY));
    }

    #[test]
    fn flags_become_sources() {
        let sources = parse("--data d runserver 0:8080").unwrap().apply(Sources::default());
        let loaded = crate::config::Settings::load(&sources).unwrap();
        assert_eq!(loaded.settings.data_dir, PathBuf::from("d"));
        assert_eq!(loaded.settings.listen.to_string(), "0.0.0.0:8080");
        let set: Vec<_> = loaded
            .effective
            .iter()
            .map(|effective| effective.origin.to_string())
            .filter(|origin| origin != "default")
            .collect();
        assert_eq!(set, ["flag --data", "flag ADDRESS:PORT"]);
    }

    #[test]
    fn completions_name_every_command() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            completions(IDENTITY, shell, &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["notes", "createsuperuser", "undelete", "manage"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
