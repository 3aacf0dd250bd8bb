//! Claims: which process does a change of several steps, where processes on several machines share the directory.
//!
//! A process holds a lock on the server for each of its changes, which ends with its connection. Where the connection is
//! lost and the process lives, another may take the change over before the lock is held again: then the journal names
//! that one, and the steps here of the one that was thought dead are refused.

use std::sync::Arc;

use tenantry_core::{OpaqueName, TenantId};

use super::remote::Way;
use super::session::Session;
use super::thread::Owner;
use super::{Directory, DirectoryError};

/// That this process does a change. It ends when this is dropped.
pub(crate) struct Claim {
    name: OpaqueName,
    owner: Arc<Owner>,
    way: Arc<Way>,
}

impl Claim {
    pub(crate) fn name(&self) -> &OpaqueName {
        &self.name
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.way.claims().remove(&self.name);
        self.owner.nudge();
    }
}

impl Directory {
    /// Whether processes on several machines share it.
    pub(crate) fn is_shared(&self) -> bool {
        self.way.is_some()
    }

    /// Claims the changes of this name; `None` where who has them lives, or processes share no server.
    pub(crate) async fn claim(&self, name: &OpaqueName) -> Result<Option<Claim>, DirectoryError> {
        let Some(way) = self.way.clone() else { return Ok(None) };
        let (name, owner) = (name.clone(), Arc::clone(&self.owner));
        self.call(move |session| {
            let got = match session {
                Session::Server(remote) => remote.claim(&name)?,
                Session::File(_) => false,
            };
            Ok(got.then(|| Claim { name, owner, way }))
        })
        .await
    }

    /// The data folder that has a tenant's files, where it is one of several that share the directory.
    pub(crate) async fn folder(&self, tenant: TenantId) -> Result<Option<String>, DirectoryError> {
        if !self.is_shared() {
            return Ok(None);
        }
        self.look(move |look| {
            let found = look.row("SELECT folder FROM tenant WHERE id = $1", &[tenant.get().into()])?;
            Ok(found.as_ref().map(|row| row.text_if_any(0)).transpose()?.flatten().map(str::to_owned))
        })
        .await
    }

    /// Puts a new owner in the place of one that is gone; whether the change was still that one's.
    pub(crate) async fn take_over(
        &self,
        tenant: TenantId,
        gone: &OpaqueName,
        claim: &Claim,
    ) -> Result<bool, DirectoryError> {
        let (gone, new) = (gone.clone(), claim.name.clone());
        self.change(move |change| {
            let sql = "UPDATE journal SET owner = $3 WHERE tenant_id = $1 AND owner = $2";
            let values = [tenant.get().into(), gone.as_str().into(), new.as_str().into()];
            Ok(change.execute(sql, &values)? == 1)
        })
        .await
    }
}
