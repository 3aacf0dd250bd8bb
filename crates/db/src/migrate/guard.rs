//! Asks a SQLite file, in the transaction of a write, whether it is still of a version that this program serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::Connection;

use super::history::History;
use super::ledger::{Row, compare};
use super::operation::MigrationId;

/// The guard of one tenant's file: `false` where its data is of another version. A migration that another process has
/// committed just before the write is seen, whether or not the directory has heard of it.
pub(crate) fn guard(
    history: Arc<History>,
) -> impl Fn(&Connection) -> rusqlite::Result<bool> + Send + Sync + 'static {
    // The ledger only grows: what ends where it did when it was found right is right.
    let right_until = AtomicI64::new(-1);
    move |db| {
        let last: i64 = db
            .prepare_cached("SELECT coalesce(max(id), 0) FROM tenantry_migration")?
            .query_row((), |row| row.get(0))?;
        if last == right_until.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let right = serves(&history, &read(db)?);
        if right {
            right_until.store(last, Ordering::Relaxed);
        }
        Ok(right)
    }
}

fn serves(history: &History, ledger: &[Row]) -> bool {
    let is_applied = |id: &MigrationId| ledger.iter().any(|row| row.id == *id);
    compare(history, ledger).is_ok() && history.entries.iter().all(|entry| is_applied(&entry.id))
}

fn read(db: &Connection) -> rusqlite::Result<Vec<Row>> {
    let sql = "SELECT app, name, checksum, additive, adopted FROM tenantry_migration ORDER BY id";
    let mut ledger = db.prepare(sql)?;
    let rows = ledger.query_map((), |row| {
        Ok(Row {
            id: MigrationId { app: row.get(0)?, name: row.get(1)? },
            checksum: row.get(2)?,
            additive: row.get(3)?,
            adopted: row.get(4)?,
        })
    })?;
    rows.collect()
}
