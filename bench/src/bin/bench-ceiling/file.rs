//! One SQLite file: read where the handler runs, on a connection of each thread; written by a thread of its own.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Error, OpenFlags, Result};
use tokio::sync::oneshot;

/// The file.
pub(crate) struct File {
    path: PathBuf,
    writes: Sender<Write>,
}

type Write = Box<dyn FnOnce(&Connection) + Send>;

thread_local! {
    static READER: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

impl File {
    /// Opens the file, which is there.
    ///
    /// # Errors
    /// Raised when it can't be opened.
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        let writer = open(&path)?;
        let (writes, waiting) = channel::<Write>();
        thread::spawn(move || {
            for write in waiting {
                write(&writer);
            }
        });
        Ok(Self { path, writes })
    }

    /// Reads on this thread's connection. A read of a few pages is shorter than the way to another thread.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        READER.with_borrow_mut(|reader| {
            if reader.is_none() {
                let db = open(&self.path)?;
                db.pragma_update(None, "query_only", true)?;
                *reader = Some(db);
            }
            reader.as_ref().map_or(Err(Error::InvalidQuery), read)
        })
    }

    /// Writes on the one connection that does: a write waits for the disk, and there is one writer to a file.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        // Either error means that the thread is gone, and so is the answer.
        let _ = self.writes.send(Box::new(move |db| {
            let _ = answer.send(write(db));
        }));
        answered.await.unwrap_or(Err(Error::InvalidQuery))
    }
}

/// A connection with Tenantry's pragmas.
fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[expect(clippy::disallowed_methods, reason = "the file is no tenant's")]
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    db.set_prepared_statement_cache_capacity(64);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "cache_size", -512)?;
    Ok(db)
}
