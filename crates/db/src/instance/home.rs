//! Whether a tenant's files are those of this data folder: asked of the directory once, since no tenant's files move.

use std::sync::Weak;

use tenantry_core::{Placement, TenantId};
use tokio::sync::OnceCell;

use super::{Inner, Instance};
use crate::model::QueryError;

/// What is known of it for one tenant.
#[derive(Default)]
pub(super) struct Home(OnceCell<bool>);

impl Home {
    /// Refuses what is elsewhere: a file that is here under the same name is another one.
    pub(super) async fn pass(
        &self,
        instance: &Weak<Inner>,
        tenant: TenantId,
        placement: &Placement,
    ) -> Result<(), QueryError> {
        let asked = async || {
            let instance = Instance(instance.upgrade().ok_or(QueryError::Closed)?);
            match instance.refuse_elsewhere(tenant, placement).await {
                Ok(()) => Ok(true),
                Err(QueryError::Elsewhere) => Ok(false),
                Err(error) => Err(error),
            }
        };
        if *self.0.get_or_try_init(asked).await? { Ok(()) } else { Err(QueryError::Elsewhere) }
    }
}
