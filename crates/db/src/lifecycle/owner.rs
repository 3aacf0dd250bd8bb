//! Who does a change of several steps: a process that holds a lock for as long as it lives. It is a lock file, where the
//! directory is a file as well, and a lock on the directory's server where that is one.

use std::io;
use std::path::{Path, PathBuf};

use tenantry_core::OpaqueName;

use super::files::{self, FileError};
use crate::Instance;
use crate::directory::{Claim, DirectoryError, Entry};
use crate::sqlite::{FileLock, LockError};

/// The maker of a change. While it lives, nobody takes the change for abandoned.
pub(super) enum Owner {
    Here(OwnerLock),
    Shared(Claim),
}

impl Owner {
    pub(super) fn name(&self) -> &OpaqueName {
        match self {
            Self::Here(lock) => lock.name(),
            Self::Shared(claim) => claim.name(),
        }
    }
}

impl Instance {
    /// A new owner.
    pub(super) async fn new_owner<E>(&self) -> Result<Owner, E>
    where
        E: From<FileError> + From<DirectoryError>,
    {
        let journal = self.0.places.journal();
        if !self.0.directory.is_shared() {
            return Ok(Owner::Here(OwnerLock::new(&journal)?));
        }
        loop {
            // A name that somebody has is as unlikely as two names that are one.
            if let Some(claim) = self.0.directory.claim(&random_name(&journal)?).await? {
                return Ok(Owner::Shared(claim));
            }
        }
    }

    /// Takes the place of a change's owner that is gone; `None` while it lives, and where it has ended the change.
    pub(super) async fn succeed<E>(&self, entry: &Entry) -> Result<Option<Owner>, E>
    where
        E: From<FileError> + From<DirectoryError>,
    {
        let directory = &self.0.directory;
        if !directory.is_shared() {
            let taken = OwnerLock::succeed(&self.0.places.journal(), &entry.owner)?;
            // Its owner may have ended it since it was read, and then it is no failure to be undone.
            let Some(lock) = taken else { return Ok(None) };
            let there = directory.journal().await?.contains(&Ok(entry.clone()));
            return Ok(there.then_some(Owner::Here(lock)));
        }
        let Some(_gone) = directory.claim(&entry.owner).await? else { return Ok(None) };
        let Owner::Shared(new) = self.new_owner::<E>().await? else { return Ok(None) };
        // From here on the one that was thought gone, and is not, is refused.
        let taken = directory.take_over(entry.tenant, &entry.owner, &new).await?;
        Ok(taken.then_some(Owner::Shared(new)))
    }
}

/// The lock file of a maker, which is removed in the end.
#[derive(Debug)]
pub(super) struct OwnerLock {
    path: PathBuf,
    name: OpaqueName,
    _held: FileLock,
}

impl OwnerLock {
    /// A new owner, with a lock file in `folder`.
    pub(super) fn new(folder: &Path) -> Result<Self, FileError> {
        loop {
            let name = random_name(folder)?;
            let path = folder.join(name.as_str());
            match FileLock::create(&path) {
                Ok(held) => return Ok(Self { path, name, _held: held }),
                // A reconcile elsewhere came between the file and its lock, and took it for an owner that is gone.
                Err(LockError::Held | LockError::Missing) if folder.is_dir() => {}
                Err(error) => return Err(files::lock_failed(&path, error)),
            }
        }
    }

    /// Takes the place of an owner that is gone; `None` while it lives.
    ///
    /// What was known of the owner's change before may be out of date then: the owner may have ended it just now.
    pub(super) fn succeed(folder: &Path, name: &OpaqueName) -> Result<Option<Self>, FileError> {
        let path = folder.join(name.as_str());
        loop {
            // Created anew where it is missing: it was removed after the change had ended.
            match FileLock::create(&path) {
                Ok(held) => return Ok(Some(Self { path, name: name.clone(), _held: held })),
                Err(LockError::Held) => return Ok(None),
                // The owner ended between our opening its file and our locking it.
                Err(LockError::Missing) if folder.is_dir() => {}
                Err(error) => return Err(files::lock_failed(&path, error)),
            }
        }
    }

    pub(super) fn name(&self) -> &OpaqueName {
        &self.name
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.path) {
            tracing::warn!(%error, "a lock file is left over; reconcile removes it");
        }
    }
}

/// A name that nothing else in `folder` has.
pub(super) fn random_name(folder: &Path) -> Result<OpaqueName, FileError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        FileError::new(folder, "given a file with a random name")(io::Error::other(error))
    })?;
    Ok(OpaqueName::from_random(u128::from_ne_bytes(bytes)))
}
