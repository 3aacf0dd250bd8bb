//! Whether a tenant's files are those of this data folder: asked of the directory once, since no tenant's files move.

use std::path::PathBuf;

use tenantry_core::TenantId;
use tokio::sync::OnceCell;

use crate::directory::Directory;
use crate::model::QueryError;

/// The data folders of the processes that share a directory, as one of them sees them.
pub(crate) struct Folders {
    pub(crate) directory: Directory,
    /// The file with the name of its own.
    pub(crate) own_name: PathBuf,
}

/// What is known of it for one tenant.
pub(super) struct Home {
    /// `None`: they can be nowhere else.
    folders: Option<Folders>,
    known: OnceCell<bool>,
}

impl Home {
    pub(super) fn new(folders: Option<Folders>) -> Self {
        Self { folders, known: OnceCell::new() }
    }

    /// Refuses what is elsewhere: a file that is here under the same name is another one.
    pub(super) async fn pass(&self, tenant: TenantId) -> Result<(), QueryError> {
        let Some(folders) = &self.folders else { return Ok(()) };
        let asked = async || match folders.refuse_elsewhere(tenant).await {
            Ok(()) => Ok(true),
            Err(QueryError::Elsewhere) => Ok(false),
            Err(error) => Err(error),
        };
        if *self.known.get_or_try_init(asked).await? { Ok(()) } else { Err(QueryError::Elsewhere) }
    }
}
