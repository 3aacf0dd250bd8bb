//! A creation is taken back: as if it had never been.

use tenantry_core::{Placement, TenantId};

use super::files::{self, FileError};
use super::on_server::OnServerError;
use crate::Instance;
use crate::directory::DirectoryError;
use crate::places::UnknownPlace;

/// Raised when a creation, or a purge, can't be ended just now.
#[derive(Debug, thiserror::Error)]
pub(super) enum UndoError {
    #[error(transparent)]
    OnServer(#[from] OnServerError),
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl Instance {
    /// Takes back one creation: as if it had never been.
    pub(super) async fn undo_create(
        &self,
        id: TenantId,
        placement: &Placement,
        existed: bool,
    ) -> Result<(), UndoError> {
        if let Some((server, _)) = self.0.places.scope(placement) {
            self.remove_from_server(id, server, placement).await?;
            return Ok(self.0.directory.remove(id, "tenant.create.undo").await?);
        }
        let (path, lock) = self.0.places.files(placement)?;
        self.0.pool.close(id).await;
        let _held = files::let_go(&lock).await.map_err(|error| files::lock_failed(&lock, error))?;
        // A file that was missing may have been put in its place since, and is not ours to remove.
        let claimed = matches!(placement, Placement::Claimed { .. });
        if existed || (claimed && !files::is_as_made(&path, &self.0.places.template())?) {
            files::let_be(&path, &lock)?;
        } else {
            files::remove_tenant(&path, &lock)?;
        }
        Ok(self.0.directory.remove(id, "tenant.create.undo").await?)
    }
}
