//! The commands and their arguments, those for tenants excepted.

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};
use clap_complete::Shell;
use tenantry_core::{Alias, Slug};

use super::{ServerCommand, TenantCommand};
use crate::config::ListenAddress;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve all tenants; this is what happens when no command is given
    #[command(visible_alias = "runserver")]
    Serve(ServeArgs),
    /// Make, show, stop and remove tenants
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// Prepare, list and check the servers that tenants are on
    #[command(subcommand)]
    Server(ServerCommand),
    /// Take the schemas of a Django project with a schema for each tenant, and its users, as they are
    ///
    /// Reads the table tenant_tenant of that database. Nothing of Django's is changed, and what is a tenant's already stays.
    #[command(after_help = ADOPT_EXAMPLES)]
    Adopt(AdoptArgs),
    /// Bring every tenant's database to the newest version
    ///
    /// Goes on past a tenant that fails, ends with a table of those, and does only what is missing when run again.
    #[command(visible_alias = "migrate_schemas")]
    Migrate(MigrateArgs),
    /// Show how far the fleet has come
    #[command(subcommand)]
    Fleet(FleetCommand),
    /// Show which migrations have been applied
    Showmigrations(ShowmigrationsArgs),
    /// Make a user of a tenant who may do everything there
    #[command(after_help = CREATESUPERUSER_EXAMPLES)]
    Createsuperuser(CreatesuperuserArgs),
    /// Give a tenant's user a new password
    Changepassword(ChangepasswordArgs),
    /// Make and list operators, who have rights over the whole instance
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Check that the configuration and all it points at can be used
    Check(CheckArgs),
    /// Show who did what to the instance and its tenants, the newest first
    Audit(AuditArgs),
    /// Print the lines that a hosts file needs to reach the tenants from this machine
    Hosts {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make two tenants with users and records in ./demo-data, and serve them
    ///
    /// The same for everybody: neither the environment nor .env is read, only what stands on the command line.
    Demo(ServeArgs),
    /// Finish or undo what was interrupted
    Reconcile {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

const CREATESUPERUSER_EXAMPLES: &str = "\
Examples:
  createsuperuser --tenant acme
  createsuperuser --tenant acme --noinput --username ann --email ann@acme.example

The password is asked for, or read from standard input, or taken from the environment variable
DJANGO_SUPERUSER_PASSWORD; never from an argument. The name and the address may stand in
DJANGO_SUPERUSER_USERNAME and DJANGO_SUPERUSER_EMAIL.";

/// Which tenants a command acts on. With neither name, the command decides.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The tenant with this slug
    #[arg(long, value_name = "SLUG", conflicts_with = "database")]
    pub tenant: Option<Slug>,
    /// The tenant of this database, which DB_ALIAS names
    #[arg(long, value_name = "ALIAS")]
    pub database: Option<Alias>,
}

/// Arguments of `serve` and `demo`.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct ServeArgs {
    /// Where to listen, such as 8000, 0:8000 or 127.0.0.1:8000 (setting LISTEN)
    #[arg(value_name = "ADDRESS:PORT")]
    pub address: Option<ListenAddress>,
}

/// Arguments of `audit`.
#[derive(Args, Debug)]
pub struct AuditArgs {
    /// Only what was done to the tenant that is called so, or was then
    #[arg(long, value_name = "SLUG")]
    pub tenant: Option<Slug>,
    /// At most so many entries
    #[arg(long, value_name = "N", default_value = "50", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const ADOPT_EXAMPLES: &str = "\
DB_ALIAS names the PostgreSQL database, by the role that serves; DB_ALIAS_OWNER, where there is one, the role
that makes tables. That one needs the rights of whoever owns Django's tables.

Examples:
  adopt --database default --plan
  adopt --database default
  adopt --database default acme globex";

/// Arguments of `adopt`.
#[derive(Args, Debug)]
pub struct AdoptArgs {
    /// The PostgreSQL database, which DB_ALIAS names
    #[arg(long, value_name = "ALIAS")]
    pub database: Alias,
    /// The schemas to take; all that the table names when not given
    #[arg(value_name = "SCHEMA")]
    pub schemas: Vec<String>,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub plan: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `migrate`.
#[derive(Args, Debug)]
pub struct MigrateArgs {
    /// Which tenants; all of them when not given.
    #[command(flatten)]
    pub scope: Scope,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub plan: bool,
    /// How many tenants to migrate at a time [default: one for each core, 8 at the least]
    ///
    /// Servers take turns, so that all have work from the start. A PostgreSQL server is asked over at most
    /// POSTGRES_CONNECTIONS connections, however many this says.
    #[arg(long, value_name = "N", value_parser = super::count, conflicts_with = "plan")]
    pub jobs: Option<NonZeroUsize>,
    /// Migrate the first N tenants one after the other, and all others only if none of them fails
    ///
    /// Each server's first tenant comes before any server's second. Tenants in shared tables count as one.
    #[arg(long, value_name = "N", value_parser = super::count, conflicts_with = "plan")]
    pub canary: Option<NonZeroUsize>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to ask about the fleet.
#[derive(Debug, Subcommand)]
pub enum FleetCommand {
    /// Show how many tenants are up to date, behind, ahead or unknown, and who is not up to date
    ///
    /// As the directory says, which tells when that was written: no tenant's data is asked. `showmigrations` asks it.
    Status(FleetStatusArgs),
}

/// Arguments of `fleet status`.
#[derive(Args, Debug)]
pub struct FleetStatusArgs {
    /// Which page of the tenants that are not up to date
    #[arg(long, value_name = "N", default_value = "1", value_parser = super::count)]
    pub page: NonZeroUsize,
    /// How many tenants a page holds
    #[arg(long, value_name = "N", default_value = "100", value_parser = super::count)]
    pub per_page: NonZeroUsize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `showmigrations`.
#[derive(Args, Debug)]
pub struct ShowmigrationsArgs {
    /// Which tenants; all of them when not given.
    #[command(flatten)]
    pub scope: Scope,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `createsuperuser`.
#[derive(Args, Debug)]
pub struct CreatesuperuserArgs {
    /// Which tenant; asked for, when not given and there are several.
    #[command(flatten)]
    pub scope: Scope,
    /// The user's name
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// The user's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// Ask nothing
    #[arg(long, visible_alias = "no-input")]
    pub noinput: bool,
}

/// Arguments of `changepassword`.
#[derive(Args, Debug)]
pub struct ChangepasswordArgs {
    /// The user's name; asked for when not given
    pub username: Option<String>,
    /// Which tenant; asked for, when not given and there are several.
    #[command(flatten)]
    pub scope: Scope,
}

/// What to do with operators.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Make an operator; the password is asked for, or read from standard input
    Add {
        /// The operator's name
        name: String,
    },
    /// List the operators
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Tell what would be unsafe in production, too
    #[arg(long)]
    pub deploy: bool,
    /// Print each setting, its value and where it came from
    #[arg(long)]
    pub config: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;

    #[test]
    fn what_the_seed_s_users_type_is_understood() {
        for line in [
            "migrate",
            "migrate --database=test",
            "migrate_schemas",
            "createsuperuser",
            "createsuperuser --database=test",
            "createsuperuser --noinput --username ann --email ann@acme.example",
            "manage test createsuperuser --database=test",
            "runserver",
            "runserver 8804",
            "runserver 0.0.0.0:8804",
            "tenant create test --domain test.checkhost.local --database test",
        ] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn no_argument_takes_a_password() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(!name.contains("password") && !name.contains("secret"), "{name}");
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&<super::super::Cli as clap::CommandFactory>::command());
        assert!(parse("createsuperuser --password hush").is_err());
    }

    #[test]
    fn a_tenant_is_named_once() {
        let error = parse("createsuperuser --tenant acme --database test").unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_slug_and_an_address_are_parsed_at_the_edge() {
        for line in ["migrate --tenant A_B", "migrate --database a-b", "serve nowhere", "migrate --jobs 0"] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.kind(), clap::error::ErrorKind::ValueValidation, "{line}");
        }
    }
}
