//! The directory's own tables, and the check that a file is a directory that this program knows.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::DirectoryError;
use crate::sqlite::create_private;

/// Marks a SQLite file as a directory: "tnty" in ASCII, in the header's field for this purpose
/// (<https://sqlite.org/fileformat2.html#application_id>).
const APPLICATION_ID: i32 = 0x746e_7479;

/// The steps that lead from an empty file to the tables of today; their count is the file's version. A step that has
/// been released never changes.
const STEPS: [&str; 2] = [include_str!("schema.sql"), include_str!("schema_2.sql")];

/// How long a change waits for another process's change.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a look waits where another process opens or closes the directory: nothing else is in a reader's way.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens the directory, making or completing its tables.
pub(super) fn open(path: &Path) -> Result<Connection, DirectoryError> {
    // It holds operators' password hashes. Where this fails, so does what follows, and says why.
    let _ = create_private(path);
    let mut db = connect(path)?;
    match complete(&mut db) {
        Err(DirectoryError::Database(error)) if is_no_database(error.as_ref()) => {
            Err(DirectoryError::NotADirectory(path.to_owned()))
        }
        Err(DirectoryError::NotADirectory(_)) => Err(DirectoryError::NotADirectory(path.to_owned())),
        Err(error) => Err(error),
        Ok(()) => Ok(db),
    }
}

fn is_no_database(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let error = error.downcast_ref::<rusqlite::Error>();
    error.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::NotADatabase)
}

/// Opens the directory, which is there and complete, to read it.
pub(super) fn open_reader(path: &Path) -> Result<Connection, DirectoryError> {
    let db = connect(path)?;
    db.busy_timeout(READ_TIMEOUT)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

#[allow(clippy::disallowed_methods, reason = "the one place that opens the directory")]
fn connect(path: &Path) -> Result<Connection, DirectoryError> {
    // Links were resolved when the instance was opened: one that is met now was put there since.
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Ok(Connection::open_with_flags(path, flags)?)
}

fn complete(db: &mut Connection) -> Result<(), DirectoryError> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(64);
    let known = STEPS.len();
    // Looked at before anything is changed: the file may be another program's.
    refuse_newer(version(db)?, known)?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "foreign_keys", true)?;
    if version(db)? == known {
        return Ok(());
    }
    let change = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = version(&change)?;
    refuse_newer(found, known)?;
    for step in &STEPS[found..] {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.pragma_update(None, "user_version", i64::try_from(known).unwrap_or(i64::MAX))?;
    Ok(change.commit()?)
}

pub(super) fn refuse_newer(found: usize, known: usize) -> Result<(), DirectoryError> {
    if found > known { Err(DirectoryError::Newer { found, known }) } else { Ok(()) }
}

/// The version of a directory; 0 for an empty file.
fn version(db: &Connection) -> Result<usize, DirectoryError> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, tables) {
        (APPLICATION_ID, _) => {
            let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok(usize::try_from(version).unwrap_or(usize::MAX))
        }
        (0, 0) => Ok(0),
        _ => Err(DirectoryError::NotADirectory(std::path::PathBuf::new())),
    }
}
