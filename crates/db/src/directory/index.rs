//! All tenants by everything that leads to one: a look-up asks no database, and a host that is not here does not exist.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use tenantry_core::{HostName, Slug, Status, Tenant, TenantId, TenantKey, TenantRecord};

use super::ResolveError;
use super::read::Generations;

/// A tenant whose entry in the directory can't be read: it is not served, and what leads to it leads to nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The number that the directory gave it.
    pub id: TenantId,
    /// Its short name, where that can be read.
    pub slug: Option<Slug>,
    /// The host names that lead to it, as far as they can be read.
    pub domains: Vec<HostName>,
    /// What can't be read.
    pub why: String,
}

/// A tenant as it stands in memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    Whole(Arc<TenantRecord>),
    Unreadable(Arc<Unreadable>),
}

/// All tenants. Since it is whole, an unknown host costs no memory and no query.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_id: BTreeMap<TenantId, Held>,
    /// Their keys are those of tenants, never a stranger's, so that a fast hash does.
    by_slug: HashMap<Slug, Held>,
    by_host: HashMap<HostName, Held>,
    /// What this index is up to date with.
    pub(super) generations: Generations,
}

impl Held {
    pub(super) fn id(&self) -> TenantId {
        match self {
            Self::Whole(record) => record.id,
            Self::Unreadable(unreadable) => unreadable.id,
        }
    }

    /// The record, where it could be read.
    pub(super) fn whole(&self) -> Option<Arc<TenantRecord>> {
        match self {
            Self::Whole(record) => Some(Arc::clone(record)),
            Self::Unreadable(_) => None,
        }
    }

    fn slug(&self) -> Option<&Slug> {
        match self {
            Self::Whole(record) => Some(&record.slug),
            Self::Unreadable(unreadable) => unreadable.slug.as_ref(),
        }
    }

    fn domains(&self) -> &[HostName] {
        match self {
            Self::Whole(record) => &record.domains,
            Self::Unreadable(unreadable) => &unreadable.domains,
        }
    }
}

impl Index {
    pub(super) fn resolve(&self, key: &TenantKey) -> Result<Tenant, ResolveError> {
        let held = match key {
            TenantKey::Domain(host) => self.by_host.get(host),
            TenantKey::Slug(slug) => self.by_slug.get(slug),
        };
        match held {
            None => Err(ResolveError::Unknown),
            Some(Held::Unreadable(_)) => Err(ResolveError::Unreadable),
            Some(Held::Whole(record)) => match record.status {
                Status::Deleted | Status::Deleting => Err(ResolveError::Unknown),
                _ => Ok(Tenant::from_record(Arc::clone(record))?),
            },
        }
    }

    pub(super) fn by_slug(&self, slug: &Slug) -> Option<&Held> {
        self.by_slug.get(slug)
    }

    pub(super) fn by_id(&self, id: TenantId) -> Option<&Held> {
        self.by_id.get(&id)
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Arc<TenantRecord>> {
        self.by_id.values().filter_map(Held::whole)
    }

    pub(super) fn unreadable(&self) -> impl Iterator<Item = &Arc<Unreadable>> {
        self.by_id.values().filter_map(|held| match held {
            Held::Whole(_) => None,
            Held::Unreadable(unreadable) => Some(unreadable),
        })
    }

    /// Puts a tenant in the place of the one with its id. The answer is the one that was there.
    pub(super) fn put(&mut self, held: Held) -> Option<Held> {
        let before = self.remove(held.id());
        for host in held.domains() {
            self.by_host.insert(host.clone(), held.clone());
        }
        if let Some(slug) = held.slug() {
            self.by_slug.insert(slug.clone(), held.clone());
        }
        self.by_id.insert(held.id(), held);
        before
    }

    fn remove(&mut self, id: TenantId) -> Option<Held> {
        let before = self.by_id.remove(&id)?;
        // A slug or a host may have passed to another tenant in the same refresh: only what is still this one's goes.
        let is_ours = |held: &Held| held.id() == id;
        for host in before.domains() {
            if self.by_host.get(host).is_some_and(is_ours) {
                self.by_host.remove(host);
            }
        }
        if let Some(slug) = before.slug()
            && self.by_slug.get(slug).is_some_and(is_ours)
        {
            self.by_slug.remove(slug);
        }
        Some(before)
    }

    /// Forgets every tenant that `keep` does not name. The answer is those.
    pub(super) fn retain(&mut self, keep: impl Fn(TenantId) -> bool) -> Vec<Held> {
        let gone: Vec<TenantId> = self.by_id.keys().copied().filter(|id| !keep(*id)).collect();
        gone.into_iter().filter_map(|id| self.remove(id)).collect()
    }
}

/// Its slug, or its number where that can't be read.
impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.slug {
            Some(slug) => slug.fmt(f),
            None => write!(f, "tenant number {}", self.id),
        }
    }
}
