//! The commands for servers and their arguments.

use clap::{Args, Subcommand};
use tenantry_core::Alias;

/// What to do with servers.
#[derive(Debug, Subcommand)]
pub enum ServerCommand {
    /// Make what a PostgreSQL server needs for tenants: two roles, a database, rights
    ///
    /// What is there already stays. It is told what will be done, and asked whether to do it.
    #[command(after_help = PREPARE_EXAMPLES)]
    Prepare(PrepareArgs),
    /// List the servers and how many tenants each has
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Look whether servers can be reached and have what they need, and say what mends what is wrong
    Check {
        /// The server, which DB_ALIAS names; all of them when not given
        alias: Option<Alias>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

const PREPARE_EXAMPLES: &str = "\
DB_ALIAS and DB_ALIAS_OWNER name the two roles and the database. The administrator's URL stands in
the environment variable TENANTRY_ADMIN_URL, or is asked for; never in an argument. PGPASSFILE may
name a file with everyone's passwords.

Examples:
  server prepare main
  server prepare main --print-sql | psql postgres://postgres@db.example.com/postgres";

/// Arguments of `server prepare`.
#[derive(Args, Debug)]
pub struct PrepareArgs {
    /// The server, which DB_ALIAS names
    pub alias: Alias,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// Print SQL for psql that does it, and do nothing; of passwords it has SCRAM verifiers
    #[arg(long, conflicts_with = "yes")]
    pub print_sql: bool,
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;

    #[test]
    fn an_administrator_s_url_is_no_argument() {
        for line in
            ["prepare main", "prepare MAIN --yes", "prepare main --print-sql", "check", "check main --json"]
        {
            parse(&format!("server {line}")).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        for line in
            ["prepare", "prepare main postgres://a:hush@h/x", "prepare main --yes --print-sql", "check a-b"]
        {
            assert!(parse(&format!("server {line}")).is_err(), "{line}");
        }
    }
}
