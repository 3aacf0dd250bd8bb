//! A tenant's file by name, and the operating system's lock that tells other processes that it is in use.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rustix::fs::OFlags;
use tenantry_core::TenantId;

use super::error::EngineError;

/// One tenant's file, from its activation to the next change of its status.
pub(crate) struct DataFile {
    /// The tenant whose file it is: the key of everything that is kept for it.
    tenant: TenantId,
    path: PathBuf,
    lock: PathBuf,
    closed: AtomicBool,
    guard: OnceLock<Guard>,
}

/// Asks a file, in the transaction of a write, whether it may be written to just now.
type Guard = Box<dyn Fn(&Connection) -> rusqlite::Result<bool> + Send + Sync>;

/// A lock on a tenant's `.lock` file, shared while it is served, exclusive while it is made, purged or replaced.
/// The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    held: File,
}

/// Raised when a tenant's `.lock` file could not be locked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// Another process (or another part of this one) holds it.
    #[error("the tenant's data is in use elsewhere")]
    Held,
    /// The tenant's files are not there: it was purged, or someone removed them.
    #[error("the tenant's files are not there")]
    Missing,
    #[error("the tenant's lock file can't be used")]
    Io(#[source] io::Error),
}

impl fmt::Debug for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataFile")
            .field("tenant", &self.tenant)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl DataFile {
    /// The file at `path`, guarded by the lock file at `lock`. Both are absolute, so that SQLite never takes one for
    /// a URI.
    pub(crate) fn new(tenant: TenantId, path: PathBuf, lock: PathBuf) -> Self {
        Self { tenant, path, lock, closed: AtomicBool::new(false), guard: OnceLock::new() }
    }

    /// An empty database at `path`, as a tenant's.
    #[cfg(test)]
    pub(crate) fn for_test(tenant: TenantId, path: PathBuf) -> Self {
        let lock = path.with_extension("lock");
        drop(super::open_exclusively(&path, true).unwrap());
        drop(FileLock::create(&lock).unwrap());
        Self::new(tenant, path, lock)
    }

    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How long its log is, in bytes; 0 where it has none.
    pub(super) fn log_length(&self) -> u64 {
        std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |log| log.len())
    }

    /// Lets every write ask `guard` first, in its own transaction. The first guard stays.
    pub(crate) fn guard(
        &self,
        guard: impl Fn(&Connection) -> rusqlite::Result<bool> + Send + Sync + 'static,
    ) {
        self.guard.get_or_init(|| Box::new(guard));
    }

    /// Whether writes ask first.
    pub(super) fn is_guarded(&self) -> bool {
        self.guard.get().is_some()
    }

    /// Asks the guard, in a transaction that writes.
    pub(super) fn ask_guard(&self, db: &Connection) -> Result<(), EngineError> {
        match self.guard.get().map_or(Ok(true), |guard| guard(db))? {
            true => Ok(()),
            false => Err(EngineError::Guarded),
        }
    }

    /// Ends this file's use for good: every later operation on it is refused.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The lock that a process holds while it has the file open.
    pub(super) fn lock_shared(&self) -> Result<FileLock, LockError> {
        let held = open_lock(&self.lock, false)?;
        held.try_lock_shared().map_err(refused)?;
        still_there(held, &self.lock)
    }
}

impl FileLock {
    /// The lock of the one who makes a tenant: the lock file comes into being with it.
    pub(crate) fn create(path: &Path) -> Result<Self, LockError> {
        let held = open_lock(path, true)?;
        held.try_lock().map_err(refused)?;
        still_there(held, path)
    }

    /// The lock of the one who removes or replaces a tenant's file.
    pub(crate) fn exclusive(path: &Path) -> Result<Self, LockError> {
        let held = open_lock(path, false)?;
        held.try_lock().map_err(refused)?;
        still_there(held, path)
    }
}

impl Drop for FileLock {
    /// To close it would not do: a program that another thread starts just now has the descriptor too for a moment.
    fn drop(&mut self) {
        // What can't be unlocked is let go of with the last descriptor.
        let _ = self.held.unlock();
    }
}

fn open_lock(path: &Path, create: bool) -> Result<File, LockError> {
    let mut options = OpenOptions::new();
    // A link in its place was put there since, and may lead to another tenant's lock.
    options
        .read(true)
        .write(true)
        .create(create)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => LockError::Missing,
        _ => LockError::Io(error),
    })
}

fn refused(error: TryLockError) -> LockError {
    match error {
        TryLockError::WouldBlock => LockError::Held,
        TryLockError::Error(error) => LockError::Io(error),
    }
}

/// A lock on a file that was unlinked meanwhile guards nothing: the path must still lead to what is held.
fn still_there(held: File, path: &Path) -> Result<FileLock, LockError> {
    let ours = held.metadata().map_err(LockError::Io)?;
    match path.symlink_metadata() {
        Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => Ok(FileLock { held }),
        Ok(_) => Err(LockError::Held),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LockError::Missing),
        Err(error) => Err(LockError::Io(error)),
    }
}

/// Makes an empty database that only its owner can read, unless there is a file already. What SQLite keeps beside it
/// gets the same permissions.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    match create_new_private(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// How a database is called before it is whole.
pub(crate) const PARTIAL: &str = ".part";

/// The names that belong to a database, beside its own: what SQLite keeps there, and what it is called before it is
/// whole.
pub(crate) fn parts(path: &Path) -> impl Iterator<Item = PathBuf> {
    ["-wal", "-journal", "-shm", PARTIAL].into_iter().map(|suffix| beside(path, suffix))
}

/// The name that ends so, beside a database.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes a file that only its owner can read. It is an error if there is anything, a link that leads elsewhere included.
pub(crate) fn create_new_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Removes a database and what SQLite keeps beside it. What is not there is no error, so that it can be done again.
pub(crate) fn remove_database(path: &Path) -> io::Result<()> {
    for suffix in ["-wal", "-shm", "-journal", ""] {
        match std::fs::remove_file(beside(path, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
