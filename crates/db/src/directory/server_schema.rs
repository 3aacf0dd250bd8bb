//! The directory's own tables on a PostgreSQL server, and the check that a schema is a directory that this program knows.

use super::DirectoryError;
use super::remote::{Purpose, Remote, RemoteTx};
use super::schema::refuse_newer;
use super::session::Tx;
use crate::model::Bound;

/// The steps that lead to the tables of today. A step that has been released never changes.
const STEPS: [&str; 1] = [include_str!("server_1.sql")];

/// What of the schema there is, and whose it is.
const FOUND: &str = "SELECT n.nspowner = r.oid, pg_get_userbyid(n.nspowner)::text, \
     (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid), \
     (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid AND relname = 'directory') \
     FROM pg_namespace n, pg_roles r WHERE n.nspname = 'tenantry' AND r.rolname = current_user";

/// What a server has in the place of a directory.
enum Found {
    Nothing,
    /// A schema without anything in it.
    Empty,
    /// A directory of this version.
    Version(usize),
}

/// Makes or completes the tables.
pub(super) fn complete(session: &mut Remote) -> Result<(), DirectoryError> {
    let known = STEPS.len();
    session.within(Purpose::Make, |tx| {
        let version = match found(tx)? {
            Found::Nothing => {
                tx.script("CREATE SCHEMA tenantry")?;
                0
            }
            Found::Empty => 0,
            Found::Version(version) => version,
        };
        refuse_newer(version, known)?;
        for step in &STEPS[version..] {
            tx.script(step)?;
        }
        if version < known {
            tx.script(&format!("UPDATE directory SET version = {known}"))?;
        }
        Ok(())
    })
}

/// Whether there is a directory.
pub(super) fn is_there(session: &mut Remote) -> Result<bool, DirectoryError> {
    session.within(Purpose::Look, |tx| Ok(matches!(found(tx)?, Found::Version(_))))
}

fn found(tx: &RemoteTx<'_>) -> Result<Found, DirectoryError> {
    let tx = Tx::Server(tx);
    let Some(row) = tx.row(FOUND, &[])? else { return Ok(Found::Nothing) };
    if *row.value(0) != Bound::Bool(true) {
        return Err(DirectoryError::Foreign { owner: row.text(1)?.to_owned() });
    }
    if row.int(2)? == 0 {
        return Ok(Found::Empty);
    }
    let version = if row.int(3)? == 0 { None } else { tx.row("SELECT version FROM directory", &[])? };
    let version = version.ok_or_else(|| DirectoryError::NotADirectory("the schema tenantry".into()))?;
    Ok(Found::Version(usize::try_from(version.int(0)?).unwrap_or(usize::MAX)))
}
