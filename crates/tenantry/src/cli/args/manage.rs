//! `manage DB COMMAND…`: another command, against the tenant of one database.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, FromArgMatches};
use tenantry_core::Alias;

use super::{Cli, Command, Identity, Invocation, Scope, Spoken, definition};

/// Run another command against the tenant of one database
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  manage test createsuperuser\n  manage test migrate --plan")]
pub(super) struct ManageArgs {
    /// The database, which DB_<ALIAS> names
    #[arg(value_name = "DB")]
    database: Alias,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// The invocation of the inner command, with its tenant set.
///
/// # Errors
/// Raised when the inner words mean nothing, the command does not act on one tenant, or two names disagree.
pub(super) fn run(
    identity: Identity,
    data: Option<PathBuf>,
    manage: ManageArgs,
) -> Result<Invocation, clap::Error> {
    let ManageArgs { database, command: words } = manage;
    let mut definition = definition(identity).no_binary_name(true);
    let matches = definition.try_get_matches_from_mut(words)?;
    let Cli { data: inner_data, command } = Cli::from_arg_matches(&matches)?;
    let mut command = match command {
        Some(Spoken::Command(command)) => *command,
        Some(Spoken::Manage(_)) => {
            return Err(definition.error(ErrorKind::InvalidSubcommand, "manage can't run manage"));
        }
        None => return Err(definition.error(ErrorKind::MissingSubcommand, "manage needs a command to run")),
    };
    let conflict = match scope(&mut command) {
        None => Some("manage runs only commands that act on one tenant's database".to_owned()),
        Some(scope) => claim(scope, database).err(),
    };
    match conflict {
        Some(message) => Err(definition.error(ErrorKind::ArgumentConflict, message)),
        None => Ok(Invocation { data: inner_data.or(data), command }),
    }
}

fn scope(command: &mut Command) -> Option<&mut Scope> {
    match command {
        Command::Migrate(args) => Some(&mut args.scope),
        Command::Showmigrations(args) => Some(&mut args.scope),
        Command::Createsuperuser(args) => Some(&mut args.scope),
        Command::Changepassword(args) => Some(&mut args.scope),
        _ => None,
    }
}

fn claim(scope: &mut Scope, database: Alias) -> Result<(), String> {
    if let Some(tenant) = &scope.tenant {
        return Err(format!("manage {database} already names the tenant: leave out --tenant {tenant}"));
    }
    match &scope.database {
        Some(other) if *other != database => {
            Err(format!("manage {database} and --database {other} name different databases"))
        }
        _ => {
            scope.database = Some(database);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn the_inner_command_gets_the_database() {
        let lines = [
            "manage TEST createsuperuser",
            "manage test createsuperuser --database=test",
            "--data d manage test createsuperuser --noinput --username ann",
        ];
        for line in lines {
            let Command::Createsuperuser(args) = parse(line).unwrap().command else { panic!("{line}") };
            assert_eq!(args.scope, Scope { tenant: None, database: Some("test".parse().unwrap()) }, "{line}");
        }
        assert_eq!(parse(lines[2]).unwrap().data, Some("d".into()));
    }

    #[test]
    fn names_that_disagree_are_refused() {
        for (line, part) in [
            ("manage test createsuperuser --database other", "different databases"),
            ("manage test createsuperuser --tenant acme", "leave out --tenant acme"),
            ("manage test serve", "only commands that act on one tenant"),
            ("manage test tenant delete acme", "only commands that act on one tenant"),
            ("manage test manage test migrate", "manage can't run manage"),
            ("manage test -- --data d", "needs a command"),
            ("manage test nonsense", "unrecognized subcommand"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.to_string().contains(part), "{line}: {error}");
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    /// The seed took `createsuperuser` for the database here, made nobody and exited with 0.
    #[test]
    fn a_forgotten_database_is_an_error() {
        let error = parse("manage createsuperuser").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingRequiredArgument);
        assert_eq!(error.exit_code(), 2);
    }
}
