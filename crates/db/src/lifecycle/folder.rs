//! Which data folder has a tenant's files, where processes with folders of their own share one directory: only there can the
//! files be served, migrated and removed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tenantry_core::{OpaqueName, Placement, TenantId};

use super::files::{self, FileError};
use super::owner::random_name;
use super::reconcile::ReconcileError;
use crate::Instance;
use crate::directory::DirectoryError;
use crate::instance::Folders;
use crate::model::QueryError;
use crate::sqlite::create_new_private;

impl Instance {
    /// The name of this data folder, for a tenant whose files are to be in it or beside it; `None` where no other folder
    /// could have them.
    pub(super) fn folder_for(&self, placement: &Placement) -> Result<Option<OpaqueName>, FileError> {
        self.folders(placement).map(|folders| name_of(&folders.own_name)).transpose()
    }

    /// Whether a tenant's files are another data folder's.
    pub(super) async fn is_elsewhere<E>(&self, id: TenantId, placement: &Placement) -> Result<bool, E>
    where
        E: From<FileError> + From<DirectoryError>,
    {
        match self.folders(placement) {
            Some(folders) => folders.are_elsewhere(id).await,
            None => Ok(false),
        }
    }

    /// Refuses a tenant whose files are another data folder's.
    pub(crate) async fn refuse_elsewhere(
        &self,
        id: TenantId,
        placement: &Placement,
    ) -> Result<(), QueryError> {
        match self.folders(placement) {
            Some(folders) => folders.refuse_elsewhere(id).await,
            None => Ok(()),
        }
    }

    /// The data folders that may have a tenant's files; `None` where only this one can.
    pub(crate) fn folders(&self, placement: &Placement) -> Option<Folders> {
        let may_be_elsewhere = self.0.directory.is_shared() && self.0.places.scope(placement).is_none();
        may_be_elsewhere
            .then(|| Folders { directory: self.0.directory.clone(), own_name: self.0.places.folder_name() })
    }
}

impl Folders {
    /// Refuses a tenant whose files are another data folder's.
    pub(crate) async fn refuse_elsewhere(&self, id: TenantId) -> Result<(), QueryError> {
        match self.are_elsewhere::<ReconcileError>(id).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(QueryError::Elsewhere),
            Err(ReconcileError::Directory(error)) => Err(QueryError::Unreachable(error.into())),
            Err(ReconcileError::File(error)) => Err(QueryError::Database(error.into())),
        }
    }

    async fn are_elsewhere<E>(&self, id: TenantId) -> Result<bool, E>
    where
        E: From<FileError> + From<DirectoryError>,
    {
        let here = name_of(&self.own_name)?;
        Ok(self.directory.folder(id).await?.is_some_and(|there| there != here.as_str()))
    }
}

/// The name that stands in the file, which is made where it is not there.
fn name_of(file: &Path) -> Result<OpaqueName, FileError> {
    loop {
        match fs::read_to_string(file) {
            Ok(name) => {
                let meddled = |_| io::Error::new(io::ErrorKind::InvalidData, "it holds no name");
                return name.trim().parse().map_err(meddled).map_err(FileError::new(file, "read"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(file)?,
            Err(error) => return Err(FileError::new(file, "read")(error)),
        }
    }
}

/// Whoever finds the file finds it whole, and all find the same.
fn make(file: &Path) -> Result<(), FileError> {
    let name = random_name(file.parent().unwrap_or(file))?;
    let partial: PathBuf = file.with_extension(name.as_str());
    let written = create_new_private(&partial).and_then(|mut new| {
        writeln!(new, "{name}")?;
        new.sync_all()?;
        match fs::hard_link(&partial, file) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    let removed = files::remove(&partial);
    written.map_err(FileError::new(file, "made"))?;
    removed?;
    files::sync_folders_of([file])
}
