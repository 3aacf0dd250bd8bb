//! The files of tenants that are made: copies of a template, or what is there already.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::create::CreateError;
use super::files::{self, FileError};
use crate::sqlite::{FileLock, is_sqlite};

/// How many files are copied at a time: each copy waits for the disk.
const COPIES: usize = 8;

/// Copies the template to every path, several at a time, each with its lock file before it.
pub(super) async fn copy_all(
    template: &Arc<[u8]>,
    targets: Vec<(PathBuf, PathBuf)>,
) -> Result<(), FileError> {
    let share = targets.len().div_ceil(COPIES).max(1);
    let mut copies = tokio::task::JoinSet::new();
    for part in targets.chunks(share) {
        let (template, part) = (Arc::clone(template), part.to_vec());
        copies.spawn_blocking(move || copy_some(&template, &part));
    }
    let mut failed = None;
    // All of them end before anyone cleans up after one that failed.
    while let Some(copied) = copies.join_next().await {
        let copied = copied.unwrap_or_else(|panicked| {
            let first = targets.first().map_or(Path::new(""), |(path, _)| path);
            Err(FileError::new(first, "made")(io::Error::other(panicked)))
        });
        failed = failed.or(copied.err());
    }
    failed.map_or(Ok(()), Err)
}

fn copy_some(template: &[u8], targets: &[(PathBuf, PathBuf)]) -> Result<(), FileError> {
    for (path, lock) in targets {
        drop(FileLock::create(lock).map_err(|error| files::lock_failed(lock, error))?);
        files::copy_template(template, path)?;
    }
    files::sync_folders_of(targets.iter().flat_map(|(path, lock)| [&**path, lock]))
}

/// Looks whether a file could be claimed as a tenant's database: it is a SQLite database, or not there yet.
///
/// # Errors
/// Raised when it is something else, can't be read, or only parts of a database that is gone are there.
pub fn check_database(path: &Path) -> Result<(), CreateError> {
    // As where the instance is opened: SQLite itself follows no link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    is_database(&path).map(drop)
}

/// Whether there is a file, and it is a SQLite database (an empty file is one).
///
/// Only SQLite opens it: another tenant of this process might have it open, and closing any descriptor of a file ends
/// all locks that the process has on it (<https://sqlite.org/howtocorrupt.html>, 2.2).
pub(super) fn is_database(path: &Path) -> Result<bool, CreateError> {
    let not_one = || CreateError::NotADatabase(path.to_owned());
    match fs::metadata(path) {
        Ok(there) if there.is_file() => {}
        Ok(_) => return Err(not_one()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return files::remains(path).map_or(Ok(false), |left| Err(CreateError::Remains(left)));
        }
        Err(error) => return Err(FileError::new(path, "read")(error).into()),
    }
    match is_sqlite(path) {
        Ok(true) => Ok(true),
        Ok(false) => Err(not_one()),
        Err(error) => Err(FileError::new(path, "read")(io::Error::other(error)).into()),
    }
}
