//! The commands for tenants and their arguments.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use tenantry_core::{Alias, HostName, Isolation, Slug, TenantName};

/// What to do with tenants.
#[derive(Debug, Subcommand)]
pub enum TenantCommand {
    /// Make a tenant, or many from a file
    #[command(after_help = CREATE_EXAMPLES)]
    Create(CreateArgs),
    /// List the tenants
    List(ListArgs),
    /// Show a tenant
    Show {
        /// The tenant
        slug: Slug,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Stop serving a tenant; its data stays as it is
    Suspend {
        /// The tenant
        slug: Slug,
    },
    /// Serve a tenant again
    Activate {
        /// The tenant
        slug: Slug,
    },
    /// Take a tenant out of service for a time
    Maintain {
        /// The tenant
        slug: Slug,
    },
    /// Give a tenant another slug, another name for people, or both
    #[command(group = ArgGroup::new("new").args(["new_slug", "name"]).required(true).multiple(true))]
    Rename {
        /// The tenant
        slug: Slug,
        /// Its new slug; may be left out with --name
        new_slug: Option<Slug>,
        /// Its new name for people
        #[arg(long)]
        name: Option<TenantName>,
    },
    /// Delete a tenant; for 14 days `undelete` brings it back. Asks for the slug again
    Delete {
        /// The tenant
        slug: Slug,
    },
    /// Bring a deleted tenant back
    Undelete {
        /// The tenant
        slug: Slug,
    },
    /// Remove a deleted tenant's data for good. Asks for the slug again
    #[command(group = ArgGroup::new("whose").args(["slug", "expired"]).required(true))]
    Purge {
        /// The tenant
        slug: Option<Slug>,
        /// All that were deleted more than 14 days ago; asks nothing
        #[arg(long)]
        expired: bool,
    },
    /// Change the host names that lead to a tenant
    #[command(subcommand)]
    Domain(DomainCommand),
}

const CREATE_EXAMPLES: &str = "\
Examples:
  tenant create acme --domain acme.example.com --name \"Acme Ltd\"
  tenant create test --domain test.checkhost.local --database test
  tenant create --from tenants.csv

The file has one tenant a line: slug,domain,name. The last two may be left out; several domains
have spaces between them; tabs may stand for the commas. Or JSON, one object a line:
  {\"slug\": \"acme\", \"domains\": [\"acme.example.com\"], \"name\": \"Acme Ltd\"}";

/// Arguments of `tenant create`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("what").args(["slug", "from"]).required(true))]
pub struct CreateArgs {
    /// The tenant's short name: 3 to 40 lower-case letters, digits and hyphens
    pub slug: Option<Slug>,
    /// Its name for people; the slug when not given
    #[arg(long, conflicts_with = "from")]
    pub name: Option<TenantName>,
    /// A host name that leads to it; may be given several times, the primary one first
    #[arg(long = "domain", value_name = "HOST", conflicts_with = "from")]
    pub domains: Vec<HostName>,
    /// Make the tenants that this file lists; - is standard input
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Claim this whole database, which DB_ALIAS names
    #[arg(long, value_name = "ALIAS", conflicts_with_all = ["from", "server", "isolation"])]
    pub database: Option<Alias>,
    /// Make a database on this server, which DB_ALIAS names; a folder of the data folder when not given
    #[arg(long, value_name = "ALIAS")]
    pub server: Option<Alias>,
    /// How its data is kept apart there: database, schema or row
    #[arg(long)]
    pub isolation: Option<Isolation>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `tenant list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which page
    #[arg(long, value_name = "N", default_value = "1", value_parser = super::count)]
    pub page: NonZeroUsize,
    /// How many tenants a page holds
    #[arg(long, value_name = "N", default_value = "100", value_parser = super::count)]
    pub per_page: NonZeroUsize,
    /// Only tenants with this text in their slug, name or domains
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to do with a tenant's host names.
#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Let a host name lead to a tenant
    Add {
        /// The tenant
        slug: Slug,
        /// The host name
        domain: HostName,
    },
    /// Let a host name no longer lead to a tenant
    Remove {
        /// The tenant
        slug: Slug,
        /// The host name
        domain: HostName,
    },
    /// Make one of a tenant's host names the primary one
    Primary {
        /// The tenant
        slug: Slug,
        /// The host name
        domain: HostName,
    },
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;

    #[test]
    fn create_takes_a_slug_or_a_file_and_one_place() {
        for line in [
            "acme",
            "acme --domain a.example --domain b.example --name Acme",
            "acme --server fast --isolation database",
            "--from tenants.csv --server fast",
            "--from -",
        ] {
            parse(&format!("tenant create {line}")).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        for line in [
            "",
            "acme --from tenants.csv",
            "--from tenants.csv --domain a.example",
            "--from tenants.csv --name Acme",
            "--from tenants.csv --database test",
            "acme --database test --server fast",
            "acme --database test --isolation database",
            "acme --isolation file",
            "ACME",
        ] {
            assert!(parse(&format!("tenant create {line}")).is_err(), "{line}");
        }
    }

    #[test]
    fn rename_needs_something_new() {
        for line in ["acme acme-2", "acme --name Acme", "acme acme-2 --name Acme"] {
            parse(&format!("tenant rename {line}")).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        assert!(parse("tenant rename acme").is_err());
    }

    #[test]
    fn a_page_is_counted_from_one() {
        parse("tenant list --page 2 --per-page 10 --search ac --json").unwrap();
        assert!(parse("tenant list --page 0").is_err());
        assert!(parse("tenant list --per-page 0").is_err());
    }
}
