//! The directory in memory, and how it is kept up to date: by a connection of its own, which waits for no change.
//!
//! A connection to a server may have been lost with what it should have heard: on a new one all is read anew.
//!
//! A tenant whose entry can't be read is not served, and nobody else suffers for it. Where the directory can't be read
//! at all, what was read last is served on for [`LONGEST_UNSEEN`] and then nobody is: whoever has suspended a tenant
//! by another process was told so, and this one would not know of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use rusqlite::TransactionBehavior;
use tenantry_core::TenantId;

use super::index::{Held, Index};
use super::read::{Generations, News};
use super::remote::{Purpose, Remote};
use super::session::{Tx, in_file};
use super::{Changed, DirectoryError, read, schema};

/// For how long what was read last is served on while the directory can't be read: 25 looks that failed.
pub(crate) const LONGEST_UNSEEN: Duration = Duration::from_secs(5);

/// Told of every tenant that changes.
pub(super) type Heard = Box<dyn Fn(&[Changed]) + Send>;

/// The directory in memory.
pub(super) struct Memory {
    index: RwLock<Index>,
    reader: Mutex<Reader>,
    opened: Instant,
    /// When memory was last seen to be up to date, in milliseconds since `opened`.
    seen: AtomicU64,
}

/// What reads the directory.
struct Reader {
    source: Source,
    heard: Heard,
    failing: bool,
}

/// Where the directory is read from.
pub(super) enum Source {
    /// A file.
    File {
        db: rusqlite::Connection,
        path: PathBuf,
        /// The file that the connection has open.
        file: (u64, u64),
        /// SQLite's count of the changes that other connections made, when memory was last read.
        data_version: Option<i64>,
    },
    /// A server.
    Server {
        session: Remote,
        /// The connection that memory was last read by.
        connection: Option<u64>,
    },
}

impl Memory {
    /// Reads the whole directory, which is there and complete.
    pub(super) fn open(source: Source, heard: Heard) -> Result<Self, DirectoryError> {
        let reader = Reader { source, heard, failing: false };
        let memory = Self {
            index: RwLock::default(),
            reader: Mutex::new(reader),
            opened: Instant::now(),
            seen: AtomicU64::new(0),
        };
        memory.catch_up()?;
        Ok(memory)
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For how long it has not been known whether memory is up to date.
    pub(super) fn unseen(&self) -> Duration {
        let seen = Duration::from_millis(self.seen.load(Ordering::Acquire));
        self.opened.elapsed().saturating_sub(seen)
    }

    /// Brings memory up to date with all that was committed before.
    pub(super) fn catch_up(&self) -> Result<(), DirectoryError> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = self.opened.elapsed();
        let read = reader.read_what_is_new(&self.index);
        match &read {
            Ok(()) if reader.failing => tracing::info!("the directory can be read again"),
            Err(error) if !reader.failing => {
                tracing::error!(%error, "the directory can't be read; soon nobody is served any more");
            }
            _ => {}
        }
        reader.failing = read.is_err();
        if read.is_ok() {
            let begun = u64::try_from(begun.as_millis()).unwrap_or(u64::MAX);
            self.seen.store(begun, Ordering::Release);
        }
        read
    }
}

impl Source {
    /// The file at `path`.
    pub(super) fn file(path: &Path) -> Result<Self, DirectoryError> {
        let (db, file) = (schema::open_reader(path)?, identity(path)?);
        Ok(Self::File { db, path: path.to_owned(), file, data_version: None })
    }

    /// The server that a session leads to.
    pub(super) fn server(session: Remote) -> Self {
        Self::Server { session, connection: None }
    }

    /// What is new since `known`. One transaction reads all of it: a host never gets what another one's row said.
    fn news(&mut self, known: Generations, unreadable: &[TenantId]) -> Result<Option<News>, DirectoryError> {
        match self {
            Self::File { db, path, file, data_version } => {
                // A file that was put in its place would never show in what this connection has open.
                if identity(path)? != *file {
                    return Err(DirectoryError::Replaced(path.clone()));
                }
                let version = Some(db.pragma_query_value(None, "data_version", |row| row.get(0))?);
                if *data_version == version {
                    return Ok(None);
                }
                let read = |tx: &Tx<'_>| read::news(tx, known, unreadable);
                let news = in_file(db, TransactionBehavior::Deferred, read)?;
                *data_version = version;
                Ok(news)
            }
            Self::Server { session, connection } => {
                let purpose = if connection.is_some() { Purpose::Look } else { Purpose::LookAtAll };
                let read = session.within(purpose, |tx| {
                    // What was heard on another connection may not be all there was to hear.
                    let known = if *connection == Some(tx.connection) { known } else { Generations::NONE };
                    let news = read::news(&Tx::Server(tx), known, unreadable)?;
                    Ok::<_, DirectoryError>((news, tx.connection))
                });
                // All that is there may take long to read: where that was begun and failed, there is more patience next.
                *connection = read.as_ref().ok().map(|(_, by)| *by);
                Ok(read?.0)
            }
        }
    }
}

impl Reader {
    fn read_what_is_new(&mut self, index: &RwLock<Index>) -> Result<(), DirectoryError> {
        let (known, unreadable) = {
            let index = index.read().unwrap_or_else(PoisonError::into_inner);
            (index.generations, index.unreadable().map(|unreadable| unreadable.id).collect::<Vec<_>>())
        };
        let Some(News { generations, found, kept }) = self.source.news(known, &unreadable)? else {
            return Ok(());
        };
        let mut changes = Vec::new();
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept {
            let gone = index.retain(|id| kept.contains(&id));
            changes.extend(gone.into_iter().map(|before| Changed { before: before.whole(), after: None }));
        }
        changes.extend(found.into_iter().filter_map(|found| put(&mut index, found)));
        index.generations = generations;
        drop(index);
        (self.heard)(&changes);
        Ok(())
    }
}

/// Puts what was found in the place of what was known. What reads as before has changed all the same: its version is not
/// held in memory.
fn put(index: &mut Index, found: Held) -> Option<Changed> {
    if let Held::Unreadable(unreadable) = &found {
        // Looked at each time, and told once.
        if index.by_id(found.id()) == Some(&found) {
            return None;
        }
        let why = &unreadable.why;
        tracing::error!(tenant = %unreadable, %why, "the entry of a tenant can't be read; it is not served");
    }
    let after = found.whole();
    let before = index.put(found).and_then(|before| before.whole());
    Some(Changed { before, after })
}

fn identity(path: &Path) -> Result<(u64, u64), DirectoryError> {
    let there = fs::metadata(path).map_err(|error| DirectoryError::Gone { path: path.to_owned(), error })?;
    Ok((there.dev(), there.ino()))
}
