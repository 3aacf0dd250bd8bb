//! Tenants whose rows are in the tables that tenants share: they are entered there, and removed, as others get places of
//! their own.

use tenantry_core::{Alias, Isolation, OpaqueName, Placement, TenantId, TenantRecord};

use super::on_server::{OnServerError, refused};
use crate::Instance;
use crate::instance::Roles;
use crate::migrate::{ApplyError, Present, SharedRoles, apply, entered, findings, made, plan, present};
use crate::tenant_db::Store;

/// The longest that a purge waits for transactions that may still write to what it removes.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_secs(120);

impl Instance {
    /// Enters a new tenant in the shared tables of a server, and gives it the rows that every tenant begins with. The first
    /// one has the tables made.
    pub(super) async fn enter(
        &self,
        id: TenantId,
        server: &Alias,
        name: &OpaqueName,
    ) -> Result<(), OnServerError> {
        let roles = self.roles(server)?;
        self.ready(id, roles, server).await?;
        roles.owning.command(id, None, &entered(name)).await.map_err(|error| refused(server, error))
    }

    /// Brings the shared tables to where this program has them, unless tenants are in them: what they would notice, only
    /// `migrate` does.
    async fn ready(&self, id: TenantId, roles: &Roles, server: &Alias) -> Result<(), OnServerError> {
        let failed = |error| OnServerError::Apply { server: server.clone(), error };
        let store = roles.shared_store();
        match present(&store).await.map_err(|error| failed(ApplyError::from(error)))? {
            // Nobody waits for the lock of those who migrate where nothing is left to be done: many may be made at once.
            Present::Tenants => {
                let plan = plan(&store, &self.0.history).await.map_err(failed)?;
                return match plan.pending().next() {
                    Some(missing) => {
                        let (server, missing) = (server.clone(), missing.migration.clone());
                        Err(OnServerError::Behind { server, missing })
                    }
                    None => protected(&store, &roles.protection.roles).await.map_err(failed),
                };
            }
            Present::NoTables => {
                let made = made(&roles.protection.roles.serving);
                roles.owning.command(id, None, &made).await.map_err(|error| refused(server, error))?;
            }
            Present::NoTenant => {}
        }
        // What is missing is looked for under the lock alone: another may be making the tables just now, and one look for
        // each of them would find some of them there and some not.
        apply(&store, Some(&roles.protection.roles), &self.0.history).await.map(drop).map_err(failed)
    }

    /// All tenants of this instance whose rows are in the shared tables of a server.
    pub(super) fn sharing(&self, server: &Alias) -> Vec<std::sync::Arc<TenantRecord>> {
        let mut records = self.0.directory.records();
        records.retain(|record| {
            matches!(&record.placement, Placement::Made { server: on, isolation: Isolation::Row, .. } if on == server)
        });
        records
    }
}

/// Refuses tables that do not keep their tenants apart: nobody is put there beside the others.
async fn protected(store: &Store, roles: &SharedRoles) -> Result<(), ApplyError> {
    let found = findings(store, roles).await?;
    if found.is_empty() { Ok(()) } else { Err(ApplyError::Unprotected(found)) }
}

/// The statements that remove a tenant from the shared tables.
pub(super) fn removed(name: &OpaqueName, roles: &Roles) -> String {
    crate::migrate::removed(name, &roles.protection.roles.serving, LONGEST_WAIT.as_millis())
}
