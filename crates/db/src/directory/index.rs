//! The directory in memory: a look-up asks no database, and a host that is not here does not exist.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenantry_core::{HostName, Slug, Status, Tenant, TenantId, TenantKey, TenantRecord};

use super::ResolveError;

/// How old the last look at the file may get before whoever looks is held up rather than at work.
const STALE: Duration = Duration::from_secs(5);

/// All tenants, by everything that leads to one. Since it is whole, an unknown host costs no memory and no query.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_id: BTreeMap<TenantId, Arc<TenantRecord>>,
    by_slug: HashMap<Slug, Arc<TenantRecord>>,
    by_host: HashMap<HostName, Arc<TenantRecord>>,
    /// Tenants whose entries can't be read, and why not. Nothing leads to them: each is that tenant's trouble alone.
    pub(super) unreadable: BTreeMap<TenantId, String>,
    /// What this index is up to date with.
    pub(super) generation: i64,
    pub(super) removals: i64,
    /// When it was last found to be as the file is. Nothing, when the last look at the file failed.
    pub(super) looked: Option<Instant>,
}

impl Index {
    pub(super) fn resolve(&self, key: &TenantKey) -> Result<Tenant, ResolveError> {
        let record = match key {
            TenantKey::Domain(host) => self.by_host.get(host),
            TenantKey::Slug(slug) => self.by_slug.get(slug),
        };
        let record = record.ok_or(ResolveError::Unknown)?;
        match record.status {
            Status::Deleted | Status::Deleting => Err(ResolveError::Unknown),
            _ => Ok(Tenant::from_record(Arc::clone(record))?),
        }
    }

    /// Whether the last look at the file went well, and was not too long before `now`.
    pub(super) fn is_followed(&self, now: Instant) -> bool {
        self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < STALE)
    }

    pub(super) fn by_slug(&self, slug: &Slug) -> Option<&Arc<TenantRecord>> {
        self.by_slug.get(slug)
    }

    pub(super) fn by_id(&self, id: TenantId) -> Option<&Arc<TenantRecord>> {
        self.by_id.get(&id)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &Arc<TenantRecord>> {
        self.by_id.values()
    }

    /// Puts a record in the place of the one with its id. The answer is the one that was there.
    pub(super) fn put(&mut self, record: TenantRecord) -> Option<Arc<TenantRecord>> {
        let before = self.remove(record.id);
        self.unreadable.remove(&record.id);
        let record = Arc::new(record);
        for host in &record.domains {
            self.by_host.insert(host.clone(), Arc::clone(&record));
        }
        self.by_slug.insert(record.slug.clone(), Arc::clone(&record));
        self.by_id.insert(record.id, record);
        before
    }

    /// Lets nothing lead to a tenant whose entry can't be read. The answer is the record that was there.
    pub(super) fn put_unreadable(&mut self, id: TenantId, why: String) -> Option<Arc<TenantRecord>> {
        self.unreadable.insert(id, why);
        self.remove(id)
    }

    fn remove(&mut self, id: TenantId) -> Option<Arc<TenantRecord>> {
        let before = self.by_id.remove(&id)?;
        // A slug or a host may have passed to another tenant in the same refresh: only what is still this one's goes.
        let is_ours = |held: &Arc<TenantRecord>| held.id == id;
        for host in &before.domains {
            if self.by_host.get(host).is_some_and(is_ours) {
                self.by_host.remove(host);
            }
        }
        if self.by_slug.get(&before.slug).is_some_and(is_ours) {
            self.by_slug.remove(&before.slug);
        }
        Some(before)
    }

    /// Forgets every tenant that `keep` does not name. The answer is those.
    pub(super) fn retain(&mut self, keep: impl Fn(TenantId) -> bool) -> Vec<Arc<TenantRecord>> {
        self.unreadable.retain(|id, _| keep(*id));
        let gone: Vec<TenantId> = self.by_id.keys().copied().filter(|id| !keep(*id)).collect();
        gone.into_iter().filter_map(|id| self.remove(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_file_for_as_long_as_looks_at_it_go_well_and_often() {
        let now = Instant::now();
        let followed = |looked| Index { looked, ..Index::default() }.is_followed(now);
        assert!(followed(Some(now)));
        assert!(followed(now.checked_sub(STALE / 2)));
        assert!(!followed(now.checked_sub(STALE)), "held up");
        assert!(!followed(None), "failed");
    }
}
