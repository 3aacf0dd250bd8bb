//! The journal: which changes of several steps are under way, and who does them.

use rusqlite::{Row, Transaction};
use tenantry_core::{OpaqueName, Status, TenantId};

use super::change::{self, NewRow, RowConflict};
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
        self.call(move |db| {
            let change = change::begin(db)?;
            let generation = change::next_generation(&change)?;
            let mut ids = Vec::with_capacity(rows.len());
            for row in &rows {
                let id = change::insert(&change, row, generation)?;
                write(&change, id, Operation::Create, &owner, row.existed)?;
                ids.push(id);
            }
            change.commit().map_err(DirectoryError::from)?;
            Ok(ids)
        })
        .await
    }

    /// Last step of a creation: the tenants are active, or what else they are to be, and their data is known to have `version`.
    pub(crate) async fn end_create(
        &self,
        made: Vec<(TenantId, Status)>,
        version: Version,
    ) -> Result<(), DirectoryError> {
        let (now, actor) = (change::now(), self.actor());
        self.call(move |db| {
            let change = change::begin(db)?;
            let generation = change::next_generation(&change)?;
            version::explain(&change, &version)?;
            for (id, status) in made {
                let set = "UPDATE tenant SET status = ?5, version = ?2, noted = ?3, generation = ?4 \
                           WHERE id = ?1 AND status = 'provisioning'";
                let values = (id.get(), &version.hash, &now, generation, status.as_str());
                if change.prepare_cached(set)?.execute(values)? == 0 {
                    return Err(DirectoryError::Unreadable(format!(
                        "tenant {id} is not being made any more"
                    )));
                }
                forget(&change, id)?;
                change::audit(&change, &actor, "tenant.create", Some(id), "")?;
            }
            Ok(change.commit()?)
        })
        .await
    }

    /// Takes a tenant out of the directory, and its change out of the journal: last step of a purge, and of undoing
    /// a creation.
    pub(crate) async fn remove(&self, id: TenantId, action: &'static str) -> Result<(), DirectoryError> {
        let actor = self.actor();
        self.call(move |db| {
            let change = change::begin(db)?;
            change::audit(&change, &actor, action, Some(id), "")?;
            forget(&change, id)?;
            change.execute("DELETE FROM domain WHERE tenant_id = ?1", [id.get()])?;
            change.execute("DELETE FROM tenant WHERE id = ?1", [id.get()])?;
            change.execute("UPDATE instance SET removals = removals + 1", [])?;
            Ok(change.commit()?)
        })
        .await
    }

    /// Every change that is under way; where one can't be read, the tenant whose it is, and why not.
    pub(crate) async fn journal(&self) -> Result<Vec<Result<Entry, UnreadableEntry>>, DirectoryError> {
        self.call(|db| {
            let mut found = db.prepare_cached("SELECT tenant_id, operation, owner, existed FROM journal")?;
            let entries = found.query_map([], |row| Ok((TenantId::new(row.get(0)?), entry(row))))?;
            let entries = entries.map(|read| {
                let (tenant, entry) = read?;
                Ok(entry.map_err(|error| UnreadableEntry { tenant, why: error.to_string() }))
            });
            entries.collect()
        })
        .await
    }
}

fn entry(row: &Row<'_>) -> Result<Entry, DirectoryError> {
    let operation: String = row.get(1)?;
    Ok(Entry {
        tenant: TenantId::new(row.get(0)?),
        operation: match operation.as_str() {
            "create" => Operation::Create,
            "purge" => Operation::Purge,
            _ => return Err(DirectoryError::Unreadable(format!("an operation {operation:?}"))),
        },
        owner: read::parse(&row.get::<_, String>(2)?)?,
        existed: row.get(3)?,
    })
}

/// Writes into the journal that a change begins.
pub(super) fn write(
    change: &Transaction<'_>,
    id: TenantId,
    operation: Operation,
    owner: &OpaqueName,
    existed: bool,
) -> Result<(), DirectoryError> {
    let sql = "INSERT INTO journal (tenant_id, operation, owner, existed, started) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (tenant_id) DO UPDATE SET owner = excluded.owner, operation = excluded.operation";
    let row = (id.get(), operation.as_str(), owner.as_str(), existed, change::now());
    change.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

fn forget(change: &Transaction<'_>, id: TenantId) -> Result<(), DirectoryError> {
    change.prepare_cached("DELETE FROM journal WHERE tenant_id = ?1")?.execute([id.get()])?;
    Ok(())
}
