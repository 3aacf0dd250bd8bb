//! The ledger: which migrations a tenant's data has had, kept beside that data.

use std::collections::BTreeMap;

use super::history::{Entry, History};
use super::operation::MigrationId;
use super::render::Target;
use super::session::Session;
use crate::model::{QueryError, Value};

/// The ledger's table.
pub(super) const TABLE: &str = "tenantry_migration";

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
pub(super) async fn read(session: &Session) -> Result<Vec<Row>, QueryError> {
    // Flags as numbers, which every database has.
    let sql = "SELECT app, name, checksum, CASE WHEN additive THEN 1 ELSE 0 END AS additive, \
               CASE WHEN adopted THEN 1 ELSE 0 END AS adopted FROM tenantry_migration ORDER BY id";
    // Nearly always it is there.
    let rows = match session.rows_of(TABLE, sql).await? {
        Some(rows) => rows,
        None if exists(session).await? => session.rows(sql, Vec::new()).await?,
        None => return Ok(Vec::new()),
    };
    let read = rows.iter().map(|row| {
        Ok(Row {
            id: MigrationId { app: row.get("app")?, name: row.get("name")? },
            checksum: row.get("checksum")?,
            additive: row.get::<i64>("additive")? != 0,
            adopted: row.get::<i64>("adopted")? != 0,
        })
    });
    read.collect()
}

/// A digest of the whole ledger on a server, where the gate before each tenant in use asks for it once a second; `None` where there
/// is no row, and where the ledger is as soon read.
pub(super) async fn digest(session: &Session) -> Result<Option<i64>, QueryError> {
    let sql = "SELECT hashtextextended(string_agg(concat_ws(' ', app, name, checksum, additive), ' ' ORDER BY id), 0) \
               AS digest FROM tenantry_migration";
    let rows = session.rows_of(TABLE, sql).await?;
    rows.as_deref().and_then(<[_]>::first).map_or(Ok(None), |row| row.get("digest"))
}

async fn exists(session: &Session) -> Result<bool, QueryError> {
    let sql = match session.target() {
        Target::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'tenantry_migration'",
        Target::Postgres | Target::Shared => "SELECT 1 WHERE to_regclass('tenantry_migration') IS NOT NULL",
    };
    Ok(!session.rows(sql, Vec::new()).await?.is_empty())
}

/// Notes down that a migration was applied, or found to be adopted.
pub(super) async fn record(session: &Session, entry: &Entry, adopted: bool) -> Result<(), QueryError> {
    let sql = "INSERT INTO tenantry_migration (app, name, checksum, additive, adopted, applied) \
               VALUES ($1, $2, $3, $4, $5, CURRENT_TIMESTAMP)";
    let MigrationId { app, name } = entry.id.clone();
    let flags = [entry.migration.additive, adopted].map(Value::Bool);
    let values = [app, name, entry.checksum.clone()].map(Value::Text).into_iter().chain(flags);
    session.execute(sql, values.collect()).await?;
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
