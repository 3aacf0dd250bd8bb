//! The steps of a tenant's life that touch files. Each can be done again, and is durable when it returns.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::sqlite::{
    FileLock, LockError, PARTIAL, beside, create_new_private, parts, remove_database, settle,
};

/// Raised when a file can't be made or removed.
#[derive(Debug, thiserror::Error)]
#[error("{} can't be {action}: {error}", .path.display())]
pub struct FileError {
    /// The file or folder.
    pub path: PathBuf,
    /// What was to be done with it.
    pub action: &'static str,
    /// Why it can't.
    #[source]
    pub error: io::Error,
}

impl FileError {
    pub(super) fn new(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self { path, action, error }
    }
}

/// How long a lock is waited for: other processes hear of a change of a tenant's status within a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The exclusive lock on a tenant's data, once nobody has it open; `None` where its lock file is gone already.
#[expect(clippy::disallowed_methods, reason = "no event tells that another process let go of a lock")]
pub(super) async fn let_go(lock: &Path) -> Result<Option<FileLock>, LockError> {
    let begun = Instant::now();
    loop {
        match FileLock::exclusive(lock) {
            Ok(held) => return Ok(Some(held)),
            Err(LockError::Missing) => return Ok(None),
            Err(LockError::Held) if begun.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
            Err(error) => return Err(error),
        }
    }
}

/// Puts a copy of the template where a tenant's file is to be. Whoever finds the file finds it empty or whole, and a
/// file that is there already stays.
pub(super) fn copy_template(template: &[u8], path: &Path) -> Result<(), FileError> {
    create_new_private(path).map_err(FileError::new(path, "made"))?;
    let partial = partial(path);
    let written = create_new_private(&partial).and_then(|mut copy| {
        copy.write_all(template)?;
        copy.sync_all()
    });
    written.map_err(FileError::new(&partial, "written"))?;
    fs::rename(&partial, path).map_err(FileError::new(path, "made"))
}

/// Makes durable that files have come into their folders, or gone from them.
pub(super) fn sync_folders_of<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<(), FileError> {
    let folders: BTreeSet<&Path> = files.into_iter().filter_map(Path::parent).collect();
    let sync = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all());
    folders.into_iter().try_for_each(|folder| sync(folder).map_err(FileError::new(folder, "synced")))
}

/// Removes a tenant's file, all that belongs to it, and at last its lock file.
pub(super) fn remove_tenant(path: &Path, lock: &Path) -> Result<(), FileError> {
    remove_database(path).map_err(FileError::new(path, "removed"))?;
    remove(&partial(path))?;
    remove(lock)?;
    sync_folders_of([path, lock])
}

/// Removes the lock file of a tenant that is no more.
pub(super) fn remove_lock(lock: &Path) -> Result<(), FileError> {
    remove(lock)?;
    sync_folders_of([lock])
}

/// Leaves the database of a tenant that was not made after all to whoever put it there, without what this program, or
/// one of its processes that was killed, left beside it.
pub(super) fn let_be(path: &Path, lock: &Path) -> Result<(), FileError> {
    remove(&partial(path))?;
    if let Err(error) = settle(path) {
        // Whoever opens it next does the same, whatever kept us from it.
        tracing::warn!(%error, path = %path.display(), "what lies beside the database stays there for now");
    }
    remove_lock(lock)
}

/// Whether nobody can miss what is at `path`: nothing, or a file as it was made, empty or a copy of a template.
pub(super) fn is_as_made(path: &Path, templates: &Path) -> Result<bool, FileError> {
    let size = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(FileError::new(path, "read")(error)),
        Ok(there) if there.is_file() => there.len(),
        Ok(_) => return Ok(false),
    };
    let same = |template: PathBuf| -> io::Result<bool> {
        Ok(template.metadata()?.len() == size && fs::read(template)? == fs::read(path)?)
    };
    let mut listed = fs::read_dir(templates).map_err(FileError::new(templates, "read"))?;
    let found = listed.try_fold(false, |found, template| Ok(found || same(template?.path())?));
    Ok(size == 0 || found.map_err(FileError::new(path, "compared with the templates"))?)
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::new(path, "removed")(error)),
        _ => Ok(()),
    }
}

/// A lock that can't be had for another reason than that someone has it, as an error of its file.
pub(super) fn lock_failed(path: &Path, error: LockError) -> FileError {
    let error = match error {
        LockError::Io(error) => error,
        other => io::Error::other(other),
    };
    FileError::new(path, "locked")(error)
}

/// What lies beside a file that is not there, and would be taken for a part of the one that is to be made: a log that
/// SQLite would play back into it, for one.
pub(super) fn remains(path: &Path) -> Option<PathBuf> {
    parts(path).find(|path| path.symlink_metadata().is_ok())
}

/// The name under which a file is written before it is whole.
fn partial(path: &Path) -> PathBuf {
    beside(path, PARTIAL)
}
