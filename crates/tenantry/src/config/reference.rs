//! The reference page of settings, made from the table.

use std::fmt::Write;

use super::{Fallback, SETTINGS, Value};
use tenantry_db::Location;

const INTRODUCTION: &str = "\
# Settings

A setting is given by a flag, where its paragraph names one, by the environment, or by a line `NAME=VALUE` of the file
`.env` in the working directory; the first of these that has it wins. One that is empty is as if unset. Relative paths
start from the working directory. `tenantry check --config` prints each setting, its value and where it came from.
`tenantry demo` reads neither the environment nor `.env`: it is the same for everybody.

In `.env` all that follows the `=` is the value, up to quotes around the whole of it: nothing is interpolated, and a
comment has a line of its own. A line that is neither is named and skipped.

This page is generated: `UPDATE_REFERENCE=1 cargo test -p tenantry reference` writes it anew.
";

const DATABASES: &str = "\
A database or a server, under a name of your own: `DB_TEST` is the alias `test`. A file is a database, which one tenant
may claim as a whole (`tenant create SLUG --database test`). A folder is a server, which holds a file for each tenant
that is made on it (`--server test`). A PostgreSQL URL is both: the database that it names may be claimed, and tenants
made on the server get a schema of their own in that database, a database of their own beside it, or rows of tables that
they share there under row-level security (`--isolation schema`, `database` or `row`).

`DB_<ALIAS>_OWNER` names, by a URL of the same form, the role that makes and migrates tenants' tables there; the role of
`DB_<ALIAS>` then only works on them. Shared tables need such an owner. It needs `CREATE` on the database, for `--isolation
database` `CREATEDB`, and must be a member of the other role: `tenantry server prepare ALIAS` makes both roles, the database
and the rights, by the URL of an administrator that stands in the environment variable `TENANTRY_ADMIN_URL` or is asked for.
A role that is a superuser or bypasses row-level security is refused. Passwords may
stand in the file that `PGPASSFILE` names. TLS is as `sslmode` says: `verify-full` unless the server is on this machine, and
`sslrootcert` names the certificates that vouch for it.

Through PgBouncer in transaction mode (1.18 or newer), add `prepared=false`: nothing has a name then that another client could
have too, no option is sent at the start, and no statement is cancelled, which PgBouncer before 1.20 may not survive. In its
place transactions bring their longest time along, and the role has one for all else: `server prepare` sets it
(`ALTER ROLE … SET statement_timeout`). The owner may go to the server itself, past PgBouncer. For `--isolation database` let
PgBouncer know the roles by its `auth_file`: where it looks them up as a superuser (`auth_query`), the owner can't remove a
tenant's database before PgBouncer has let go of it. Databases are copies of a template where the owner goes past PgBouncer;
through it the migrations are applied to each, which takes several times as long.

`DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER`, `DB_PASSWORD` and names that end in `_OWNER` are no aliases.
";

/// The page, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for setting in SETTINGS {
        let default = match setting.default {
            Fallback::Text(text) => format!("`{text}`"),
            Fallback::Unset(meaning) => meaning.to_owned(),
        };
        let secret = if setting.secret { " Secret: never shown." } else { "" };
        section(&mut page, setting.name, setting.doc.trim(), &format!("{}.{secret}", setting.kind), &default);
    }
    section(&mut page, "DB_<ALIAS>", DATABASES.trim(), &format!("{}.", Location::KIND), "no such alias");
    page
}

fn section(page: &mut String, name: &str, doc: &str, kind: &str, default: &str) {
    // Writing to a string can't fail.
    let _ = write!(page, "\n## `{name}`\n\n{doc}\n\n- Value: {kind}\n- Default: {default}.\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "whoever runs the test asks for the page to be written")]
    fn the_reference_page_is_as_the_table_has_it() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == reference(),
            "docs/settings.md differs from the table of settings: run \
             `UPDATE_REFERENCE=1 cargo test -p tenantry reference` and commit the page"
        );
    }
}
