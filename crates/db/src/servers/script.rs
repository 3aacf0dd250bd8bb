//! The same in SQL, for an administrator who works on the server elsewhere.

use std::fmt::Write;

use super::wants::{OLDEST, Place, unsafe_role, wants};
use super::{Pair, PairError};
use crate::places::PostgresServer;
use crate::postgres::{literal, quoted, verifier};

/// A script for `psql` that prepares a server, whatever is there already, and can be run again. In the place of passwords
/// it has what a server keeps of them (SCRAM verifiers): a password can't be read from one, but a weak one guessed.
///
/// # Errors
/// Raised when the settings name no two roles that work on one database.
pub fn script(server: &PostgresServer) -> Result<String, PairError> {
    let pair = Pair::of(server)?;
    let mut script = format!(
        "-- Prepares a PostgreSQL server ({OLDEST} or newer) for tenants, whatever is there already: to be run by \
         psql, as an administrator.\n\\set ON_ERROR_STOP on\n"
    );
    for role in [pair.serving, pair.owner] {
        let message =
            literal(&format!("the role {role} is a superuser or bypasses row-level security: name another"));
        // Asked inside of a statement that fails: the script is to end there.
        let _ = writeln!(
            script,
            "DO $tenantry$ BEGIN IF EXISTS ({}) THEN RAISE EXCEPTION USING MESSAGE = {message}; END IF; END $tenantry$;",
            unsafe_role(role)
        );
    }
    let mut inside = false;
    for want in wants(pair) {
        if !inside && want.place != Place::Server {
            inside = true;
            passwords(&mut script, server);
            let _ = writeln!(script, "\\connect {}", quoted(pair.database));
        }
        let (statement, question) = (literal(&want.statement), want.question);
        let _ = writeln!(script, "SELECT {statement} WHERE NOT ({question}) \\gexec");
    }
    Ok(script)
}

fn passwords(script: &mut String, server: &PostgresServer) {
    for url in [&server.serving].into_iter().chain(&server.owner) {
        let role = quoted(url.user());
        let _ = match verifier(url) {
            Some(verifier) => writeln!(script, "ALTER ROLE {role} PASSWORD '{verifier}';"),
            None => writeln!(script, "-- The settings have no password for {role}."),
        };
    }
}
