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
use crate::model::QueryError;
use crate::sqlite::create_new_private;

impl Instance {
    /// The name of this data folder, for a tenant whose files are to be in it or beside it; `None` where no other folder
    /// could have them.
    pub(super) fn folder_for(&self, placement: &Placement) -> Result<Option<OpaqueName>, FileError> {
        if !self.0.directory.is_shared() || self.0.places.scope(placement).is_some() {
            return Ok(None);
        }
        name_of(&self.0.places.folder_name()).map(Some)
    }

    /// Whether a tenant's files are another data folder's.
    pub(super) async fn is_elsewhere<E>(&self, id: TenantId, placement: &Placement) -> Result<bool, E>
    where
        E: From<FileError> + From<DirectoryError>,
    {
        let Some(here) = self.folder_for(placement)? else { return Ok(false) };
        Ok(self.0.directory.folder(id).await?.is_some_and(|there| there != here.as_str()))
    }
}

impl Instance {
    /// Refuses a tenant whose files are another data folder's.
    pub(crate) async fn refuse_elsewhere(
        &self,
        id: TenantId,
        placement: &Placement,
    ) -> Result<(), QueryError> {
        match self.is_elsewhere::<ReconcileError>(id, placement).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(QueryError::Elsewhere),
            Err(ReconcileError::Directory(error)) => Err(QueryError::Unreachable(error.into())),
            Err(ReconcileError::File(error)) => Err(QueryError::Database(error.into())),
        }
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
