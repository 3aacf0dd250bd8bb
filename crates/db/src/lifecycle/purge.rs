//! A deleted tenant is purged: its data goes, and its slug and domains are free again.

use jiff::{Timestamp, ToSpan};
use tenantry_core::{Placement, Status, TenantId, Transition, TransitionError};

use super::files::{self, FileError};
use super::on_server::OnServerError;
use super::to_the_end;
use super::undo::UndoError;
use crate::Instance;
use crate::directory::{ChangeError, DirectoryError};
use crate::places::UnknownPlace;
use crate::sqlite::LockError;

/// For how many days a deleted tenant is kept before a purge of all that have expired takes it.
pub const RETENTION_DAYS: i64 = 14;

/// Raised when a tenant can't be purged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PurgeError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// It was not deleted first.
    #[error("{0}; delete it first")]
    Transition(TransitionError),
    /// It is being made, or its maker is gone.
    #[error("it is still being made; `reconcile` takes back what was cut off while it was")]
    BeingMade,
    /// Its purge has begun already.
    #[error("its purge has begun already; `reconcile` ends it")]
    Begun,
    /// Its files are in the data folder of another machine.
    #[error("its files are in another data folder: do it where they are")]
    Elsewhere,
    /// A process still has its data open. The purge has begun, and reconcile ends it.
    #[error(
        "another process still has the tenant's data open; `reconcile` ends the purge once it has let go"
    )]
    InUse,
    /// Its data is at an alias that is not configured. The purge has begun, and reconcile ends it.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// A file can't be removed. The purge has begun, and reconcile ends it.
    #[error(transparent)]
    File(#[from] FileError),
    /// A PostgreSQL server can't be used. The purge has begun, and reconcile ends it.
    #[error(transparent)]
    OnServer(#[from] OnServerError),
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Whether a tenant in this status can be purged.
///
/// # Errors
/// Raised when it can't, with what to do first.
pub fn check_purge(status: Status) -> Result<(), PurgeError> {
    let refused = |from| TransitionError { from, transition: Transition::Purge };
    if status == Status::Deleted { Ok(()) } else { Err(refused(status).into()) }
}

impl Instance {
    /// Purges a deleted tenant: its data is removed, unless it lies in a database that it claimed, which stays.
    ///
    /// # Errors
    /// Raised when there is no such tenant, when it was not deleted first, when its data is still open somewhere, and
    /// when a file can't be removed.
    pub async fn purge(&self, id: TenantId) -> Result<(), PurgeError> {
        let instance = self.clone();
        to_the_end(async move {
            let record = instance.0.directory.record_by_id(id).ok_or(PurgeError::Unknown)?;
            instance.heard_of_deletion(&record).await?;
            if instance.is_elsewhere::<PurgeError>(id, &record.placement).await? {
                return Err(PurgeError::Elsewhere);
            }
            let owner = instance.new_owner::<PurgeError>().await?;
            instance.0.directory.begin_purge(id, owner.name()).await?;
            instance.end_purge(id, &record.placement).await
        })
        .await
    }

    /// The deleted tenants that have been kept for [`RETENTION_DAYS`], by id.
    ///
    /// # Errors
    /// Raised when the directory can't be read.
    pub async fn expired(&self) -> Result<Vec<TenantId>, DirectoryError> {
        let retention = (RETENTION_DAYS * 24).hours();
        let limit = Timestamp::now().checked_sub(retention).unwrap_or(Timestamp::MIN);
        self.0.directory.deleted_before(limit).await
    }

    /// All steps of a purge but the first; each may have been done before.
    pub(super) async fn end_purge(&self, id: TenantId, placement: &Placement) -> Result<(), PurgeError> {
        if let Some((server, _)) = self.0.places.scope(placement) {
            self.remove_from_server(id, server, placement).await?;
            return Ok(self.0.directory.remove(id, "tenant.purge").await?);
        }
        let (path, lock) = self.0.places.files(placement)?;
        self.0.pool.close(id).await;
        let held = files::let_go(&lock).await.map_err(|error| match error {
            LockError::Held => PurgeError::InUse,
            error => files::lock_failed(&lock, error).into(),
        })?;
        match placement {
            Placement::Made { .. } => files::remove_tenant(&path, &lock)?,
            Placement::Claimed { .. } | Placement::Adopted { .. } => files::remove_lock(&lock)?,
        }
        drop(held);
        Ok(self.0.directory.remove(id, "tenant.purge").await?)
    }
}

impl From<TransitionError> for PurgeError {
    fn from(error: TransitionError) -> Self {
        match error.from {
            Status::Provisioning => Self::BeingMade,
            Status::Deleting => Self::Begun,
            _ => Self::Transition(error),
        }
    }
}

impl From<ChangeError> for PurgeError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown => Self::Unknown,
            ChangeError::Transition(error) => error.into(),
            ChangeError::Directory(error) => Self::Directory(error),
        }
    }
}

impl From<UndoError> for PurgeError {
    fn from(error: UndoError) -> Self {
        match error {
            UndoError::OnServer(error) => Self::OnServer(error),
            UndoError::Place(error) => Self::Place(error),
            UndoError::File(error) => Self::File(error),
            UndoError::Directory(error) => Self::Directory(error),
        }
    }
}
