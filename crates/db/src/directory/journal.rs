//! The journal: which changes of several steps are under way, and who does them.

use tenantry_core::{OpaqueName, Status, TenantId};

use super::change::{self, NewRow, RowConflict};
use super::session::{Row, Tx};
use super::version::{self, Version};
use super::{Directory, DirectoryError, read};

/// A change of several steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A tenant is being made: what is left of it goes.
    Create,
    /// A tenant is being purged: what is left of it goes.
    Purge,
}

/// A change that is under way, or was when its owner ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) tenant: TenantId,
    pub(crate) operation: Operation,
    /// Whose change it is: the name of a lock file that its process holds while it lives.
    pub(crate) owner: OpaqueName,
    /// Whether the file that the tenant claims was there before.
    pub(crate) existed: bool,
}

/// A change that is under way and can't be read: perhaps a newer program's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnreadableEntry {
    pub(crate) tenant: TenantId,
    pub(crate) why: String,
}

impl Operation {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Purge => "purge",
        }
    }
}

impl Directory {
    /// First step of a creation: the tenants stand in the directory, not served, and the journal names their maker.
    /// All or none.
    pub(crate) async fn begin_create(
        &self,
        rows: Vec<NewRow>,
        owner: &OpaqueName,
    ) -> Result<Vec<TenantId>, RowConflict> {
        let owner = owner.clone();
        self.change(move |change| {
            let generation = change::next_generation(change)?;
            let mut ids = Vec::with_capacity(rows.len());
            for row in &rows {
                let id = change::insert(change, row, generation)?;
                write(change, id, Operation::Create, &owner, row.existed)?;
                ids.push(id);
            }
            Ok(ids)
        })
        .await
    }

    /// Last step of a creation: the tenants are active, or what else they are to be, and their data is known to have
    /// `version`. Refused where another has taken the creation over.
    pub(crate) async fn end_create(
        &self,
        made: Vec<(TenantId, Status)>,
        version: Version,
        owner: &OpaqueName,
    ) -> Result<(), DirectoryError> {
        let (now, actor, owner) = (change::now(), self.actor(), owner.clone());
        self.change(move |change| {
            let generation = change::next_generation(change)?;
            version::explain(change, &version)?;
            for (id, status) in made {
                let set = "UPDATE tenant SET status = $6, version = $2, noted = $3, generation = $4 \
                           WHERE id = $1 AND status = 'provisioning' \
                           AND EXISTS (SELECT 1 FROM journal WHERE tenant_id = $1 AND owner = $5)";
                let (version, owner) = (version.hash.as_str(), owner.as_str());
                let values = [
                    id.get().into(),
                    version.into(),
                    now.as_str().into(),
                    generation.into(),
                    owner.into(),
                    status.as_str().into(),
                ];
                if change.execute(set, &values)? == 0 {
                    return Err(DirectoryError::Unreadable(format!(
                        "tenant {id} is not being made any more"
                    )));
                }
                forget(change, id)?;
                change::audit(change, &actor, "tenant.create", Some(id), "")?;
            }
            Ok(())
        })
        .await
    }

    /// Takes a tenant out of the directory, and its change out of the journal: last step of a purge, and of undoing
    /// a creation.
    pub(crate) async fn remove(&self, id: TenantId, action: &'static str) -> Result<(), DirectoryError> {
        let actor = self.actor();
        self.change(move |change| {
            change::audit(change, &actor, action, Some(id), "")?;
            forget(change, id)?;
            change.execute("DELETE FROM domain WHERE tenant_id = $1", &[id.get().into()])?;
            change.execute("DELETE FROM tenant WHERE id = $1", &[id.get().into()])?;
            change.execute("UPDATE instance SET removals = removals + 1", &[])?;
            Ok(())
        })
        .await
    }

    /// Every change that is under way; where one can't be read, the tenant whose it is, and why not.
    pub(crate) async fn journal(&self) -> Result<Vec<Result<Entry, UnreadableEntry>>, DirectoryError> {
        self.look(|look| {
            let found = look.rows("SELECT tenant_id, operation, owner, existed FROM journal", &[])?;
            let entries = found.iter().map(|row| {
                let tenant = TenantId::new(row.int(0)?);
                Ok(entry(row, tenant).map_err(|error| UnreadableEntry { tenant, why: error.to_string() }))
            });
            entries.collect()
        })
        .await
    }
}

fn entry(row: &Row, tenant: TenantId) -> Result<Entry, DirectoryError> {
    Ok(Entry {
        tenant,
        operation: match row.text(1)? {
            "create" => Operation::Create,
            "purge" => Operation::Purge,
            other => return Err(DirectoryError::Unreadable(format!("an operation {other:?}"))),
        },
        owner: read::parse(row.text(2)?)?,
        existed: row.int(3)? != 0,
    })
}

/// Writes into the journal that a change begins.
pub(super) fn write(
    change: &Tx<'_>,
    id: TenantId,
    operation: Operation,
    owner: &OpaqueName,
    existed: bool,
) -> Result<(), DirectoryError> {
    let sql = "INSERT INTO journal (tenant_id, operation, owner, existed, started) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (tenant_id) DO UPDATE SET owner = excluded.owner, operation = excluded.operation";
    let row = [
        id.get().into(),
        operation.as_str().into(),
        owner.as_str().into(),
        i64::from(existed).into(),
        change::now().into(),
    ];
    change.execute(sql, &row)?;
    Ok(())
}

fn forget(change: &Tx<'_>, id: TenantId) -> Result<(), DirectoryError> {
    change.execute("DELETE FROM journal WHERE tenant_id = $1", &[id.get().into()])?;
    Ok(())
}
