//! A tenant that is not served any more comes to rest: then its file can be copied, or another put in its place.

use std::time::Duration;

use jiff::Timestamp;
use tenantry_core::{Isolation, TenantId, TenantRecord};

use super::files::{self, FileError};
use crate::Instance;
use crate::directory::{DirectoryError, LONGEST_UNSEEN};
use crate::places::UnknownPlace;
use crate::sqlite::LockError;

/// Raised when it is not known that a tenant's data is at rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestError {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    Unknown,
    /// A process still has its data open.
    #[error("another process still has the tenant's data open: leave its files alone until that has ended")]
    InUse,
    /// Its data is at an alias that is not configured.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// Its lock can't be taken.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Within what time every process has heard of a change or serves nobody: one that can't read the directory goes by what it
/// read last for so long. And a moment more, for what it does with what it has heard.
const HEARD: Duration = LONGEST_UNSEEN.saturating_add(Duration::from_millis(100));

impl Instance {
    /// Ready once no process works any more on the data of a tenant that was suspended, put into maintenance or deleted:
    /// every one has had the time to hear of it, and nobody has its file open.
    ///
    /// # Errors
    /// Raised when there is no such tenant, and when its data is still open somewhere after ten seconds.
    pub async fn at_rest(&self, id: TenantId) -> Result<(), RestError> {
        let record = self.0.directory.record_by_id(id).ok_or(RestError::Unknown)?;
        #[expect(clippy::disallowed_methods, reason = "nothing tells that the last process has heard of it")]
        tokio::time::sleep(HEARD).await;
        if self.0.places.scope(&record.placement).is_some() {
            return Ok(());
        }
        let (_, lock) = self.0.places.files(&record.placement)?;
        self.0.pool.close(id).await;
        match files::let_go(&lock).await {
            Ok(_) => Ok(()),
            Err(LockError::Held) => Err(RestError::InUse),
            Err(error) => Err(files::lock_failed(&lock, error).into()),
        }
    }

    /// Ready once every process has had the time to hear that a tenant was deleted whose rows are in shared tables: what is
    /// written to them afterwards would be nobody's, as nothing is missing there.
    pub(super) async fn heard_of_deletion(&self, record: &TenantRecord) -> Result<(), DirectoryError> {
        if record.placement.isolation() != Isolation::Row {
            return Ok(());
        }
        let details = self.0.directory.details(record.id).await?;
        let Some(deleted) = details.and_then(|details| details.deleted) else { return Ok(()) };
        let since = Duration::try_from(Timestamp::now().duration_since(deleted)).unwrap_or_default();
        #[expect(clippy::disallowed_methods, reason = "nothing tells that the last process has heard of it")]
        tokio::time::sleep(HEARD.saturating_sub(since)).await;
        Ok(())
    }
}
