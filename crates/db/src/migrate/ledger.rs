//! The ledger: which migrations a tenant's data has had, kept beside that data.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::history::{Entry, History};
use super::operation::MigrationId;

/// The ledger's table.
const TABLE: &str = "tenantry_migration";

/// A migration that was applied.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: MigrationId,
    pub(super) checksum: String,
    pub(super) additive: bool,
    pub(super) adopted: bool,
}

/// Raised when a tenant's data has a past that this program doesn't share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A migration was changed after it had been applied.
    #[error(
        "migration {0} was changed after it had been applied: restore it, and make the change a new migration"
    )]
    Changed(MigrationId),
    /// The data is from a newer version of the program, which this one can't serve.
    #[error("the data is from a newer version of this program: migration {0} is not known here")]
    Newer(MigrationId),
    /// A migration is missing although a later one of its application was applied.
    #[error("migration {missing} was not applied, but {applied}, which comes after it, was")]
    Gap {
        /// The migration that is missing.
        missing: MigrationId,
        /// The later one.
        applied: MigrationId,
    },
}

/// Every migration that was applied, the first one first; none where there is no ledger yet.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let exists: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)",
        [TABLE],
        |row| row.get(0),
    )?;
    if !exists {
        return Ok(Vec::new());
    }
    connection
        .prepare("SELECT app, name, checksum, additive, adopted FROM tenantry_migration ORDER BY id")?
        .query_map([], |row| {
            Ok(Row {
                id: MigrationId { app: row.get(0)?, name: row.get(1)? },
                checksum: row.get(2)?,
                additive: row.get(3)?,
                adopted: row.get(4)?,
            })
        })?
        .collect()
}

/// Notes down that a migration was applied, or found to be adopted.
pub(super) fn record(connection: &Connection, entry: &Entry, adopted: bool) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO tenantry_migration (app, name, checksum, additive, adopted, applied) \
         VALUES (?1, ?2, ?3, ?4, ?5, CURRENT_TIMESTAMP)",
        params![entry.id.app, entry.id.name, entry.checksum, entry.migration.additive, adopted],
    )?;
    Ok(())
}

/// Compares a ledger with the program's history.
///
/// Returned are the migrations that are applied but unknown here: all of them were declared additive.
pub(super) fn compare(history: &History, ledger: &[Row]) -> Result<Vec<MigrationId>, LedgerError> {
    let known: BTreeMap<_, _> = history.entries.iter().map(|entry| (&entry.id, entry)).collect();
    let mut ahead = Vec::new();
    for row in ledger {
        match known.get(&row.id) {
            Some(entry) if entry.checksum == row.checksum => {}
            Some(_) => return Err(LedgerError::Changed(row.id.clone())),
            None if row.additive => ahead.push(row.id.clone()),
            None => return Err(LedgerError::Newer(row.id.clone())),
        }
    }
    refuse_gaps(history, ledger)?;
    Ok(ahead)
}

fn refuse_gaps(history: &History, ledger: &[Row]) -> Result<(), LedgerError> {
    let mut missing: BTreeMap<&str, &MigrationId> = BTreeMap::new();
    for entry in &history.entries {
        let id = &entry.id;
        let applied = ledger.iter().any(|row| row.id == *id);
        match missing.get(id.app.as_str()) {
            Some(earlier) if applied => {
                return Err(LedgerError::Gap { missing: (*earlier).clone(), applied: id.clone() });
            }
            None if !applied => {
                missing.insert(&id.app, id);
            }
            _ => {}
        }
    }
    Ok(())
}
