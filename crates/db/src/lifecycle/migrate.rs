//! Tenants' data is brought up to the program's history: one tenant's, one database's, or the whole fleet's.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use tenantry_core::{Alias, Isolation, Placement, Slug, Status, TenantRecord};

use crate::Instance;
use crate::directory::DirectoryError;
use crate::migrate::{ApplyError, FleetTarget, Plan, Progress, Sharing, Summary, migrate_fleet, plan};
use crate::places::UnknownPlace;

/// Whose data is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every tenant's whose data is not known to be up to date.
    Fleet,
    /// One tenant's, whatever is known of it.
    Tenant(Slug),
    /// That of the tenant that claims a database, whatever is known of it.
    Database(Alias),
}

/// Raised when tenants can't be migrated at all. A tenant that fails is no error, but part of the answer.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is no such tenant, or it is half made or half gone.
    #[error("there is no tenant {0}")]
    Unknown(Slug),
    /// The database is configured, and no tenant claims it.
    #[error(
        "no tenant claims the database {0}; `tenant create SLUG --domain HOST --database {0}` makes one that does"
    )]
    Unclaimed(Alias),
    /// No such database, or none, is configured.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Raised when it can't be said what one tenant's data would get.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Its data is at an alias that is not configured.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// Its data can't be read, or its past is another one.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl Instance {
    /// The tenants that a target means, by id: of the fleet only those that are behind as far as is known.
    ///
    /// # Errors
    /// Raised when there is no such tenant or database.
    pub async fn behind(&self, target: &Target) -> Result<Vec<Arc<TenantRecord>>, MigrateError> {
        match target {
            Target::Fleet => {
                let ids = self.0.directory.behind(self.0.history.version()).await?;
                let records = ids.into_iter().filter_map(|id| self.0.directory.record_by_id(id));
                Ok(records.filter(is_whole).collect())
            }
            Target::Tenant(slug) => {
                let record = self.0.directory.record(slug).filter(is_whole);
                Ok(vec![record.ok_or_else(|| MigrateError::Unknown(slug.clone()))?])
            }
            Target::Database(alias) => Ok(vec![self.claimant(alias)?]),
        }
    }

    /// The tenant that claims a database.
    ///
    /// # Errors
    /// Raised when no such database is configured, and when no tenant claims it.
    pub fn claimant(&self, alias: &Alias) -> Result<Arc<TenantRecord>, MigrateError> {
        let placement = Placement::Claimed { database: alias.clone() };
        self.0.places.check(&placement)?;
        let found = self.0.directory.records().into_iter().find(|record| record.placement == placement);
        found.filter(is_whole).ok_or_else(|| MigrateError::Unclaimed(alias.clone()))
    }

    /// What one tenant's data has had, and what it would get.
    ///
    /// # Errors
    /// Raised when its data can't be read, and when its past and the program's are not the same.
    pub async fn plan(&self, record: &TenantRecord) -> Result<Plan, PlanError> {
        self.refuse_elsewhere(record.id, &record.placement).await.map_err(ApplyError::from)?;
        let store = self.owned_store(record.id, &record.placement)?;
        Ok(plan(&store, &self.0.history).await?)
    }

    /// Migrates tenants, `jobs` at a time. It goes on past a tenant that fails, and a further run does only what is
    /// missing.
    ///
    /// # Errors
    /// Raised when the directory can't be used. A tenant that fails is no error, but part of the answer.
    pub async fn migrate(
        &self,
        tenants: Vec<Arc<TenantRecord>>,
        jobs: NonZeroUsize,
        progress: impl FnMut(Progress<'_>),
    ) -> Result<Summary, MigrateError> {
        let (mut targets, mut misplaced) = (Vec::new(), Vec::new());
        for tenant in Self::in_turn(tenants) {
            match self.fleet_target(&tenant).await {
                Ok(target) => targets.push(target),
                Err(error) => misplaced.push((tenant.slug.clone(), Arc::new(error))),
            }
        }
        let record = |ids| {
            let (directory, version) = (self.0.directory.clone(), self.version());
            async move { directory.note_version(ids, version).await }
        };
        let mut summary = migrate_fleet(&self.0.history, targets, jobs, progress, record).await?;
        summary.failed.extend(misplaced);
        Ok(summary)
    }

    /// Migrates the first tenants, one after the other, and stops at the first that fails: with `count` of them as they
    /// take turns, each server's first before any server's second. Those who share tables count as one.
    ///
    /// The answer is how it went, and who is left: all others, in whose data nothing was looked at or changed.
    ///
    /// # Errors
    /// Raised when the directory can't be used. A tenant that fails is no error, but part of the answer.
    pub async fn migrate_canaries(
        &self,
        tenants: Vec<Arc<TenantRecord>>,
        count: NonZeroUsize,
        mut progress: impl FnMut(Progress<'_>),
    ) -> Result<(Summary, Vec<Arc<TenantRecord>>), MigrateError> {
        let mut waiting = Self::in_turn(tenants);
        let rest = waiting.split_off(count.get().min(waiting.len()));
        let (mut summary, mut canaries) = (Summary::default(), waiting.into_iter());
        for canary in canaries.by_ref() {
            let one = self.migrate(vec![canary], NonZeroUsize::MIN, &mut progress).await?;
            summary.done += one.done;
            summary.failed.extend(one.failed);
            if !summary.failed.is_empty() {
                break;
            }
        }
        Ok((summary, canaries.chain(rest).collect()))
    }

    /// The tenants in the order in which they are migrated: each server's first before any server's second, so that all
    /// servers have work from the start. Of those who share tables one stands for all: their data comes with its.
    fn in_turn(mut tenants: Vec<Arc<TenantRecord>>) -> Vec<Arc<TenantRecord>> {
        let mut seen = BTreeSet::new();
        tenants.retain(|tenant| {
            let placement = &tenant.placement;
            placement.isolation() != Isolation::Row || seen.insert(placement.alias().clone())
        });
        let mut turns = BTreeMap::<Alias, usize>::new();
        let take_turn = |tenant: Arc<TenantRecord>| {
            let turn = turns.entry(tenant.placement.alias().clone()).or_default();
            *turn += 1;
            (*turn, tenant)
        };
        let mut in_turn: Vec<_> = tenants.into_iter().map(take_turn).collect();
        in_turn.sort_by_key(|(turn, _)| *turn);
        in_turn.into_iter().map(|(_, tenant)| tenant).collect()
    }

    async fn fleet_target(&self, tenant: &TenantRecord) -> Result<FleetTarget, ApplyError> {
        let (slug, id, alias) = (tenant.slug.clone(), tenant.id, tenant.placement.alias());
        self.refuse_elsewhere(id, &tenant.placement).await?;
        if tenant.placement.isolation() != Isolation::Row {
            let store = self.owned_store(id, &tenant.placement)?;
            return Ok(FleetTarget { slug, id, store, shared: None });
        }
        let roles = self.roles(alias)?;
        let others = self.migrated_with(tenant);
        let others = others.into_iter().map(|other| (other.slug.clone(), other.id)).collect();
        let shared = Some(Sharing { roles: roles.protection.roles.clone(), others });
        Ok(FleetTarget { slug, id, store: roles.shared_store(), shared })
    }

    /// The other tenants whose data is migrated with a tenant's, since they share their tables with it.
    #[must_use]
    pub fn migrated_with(&self, tenant: &TenantRecord) -> Vec<Arc<TenantRecord>> {
        if tenant.placement.isolation() != Isolation::Row {
            return Vec::new();
        }
        let mut others = self.sharing(tenant.placement.alias());
        others.retain(|other| other.id != tenant.id && is_whole(other));
        others
    }
}

/// Whether a tenant's data is all there.
pub(super) fn is_whole(record: &Arc<TenantRecord>) -> bool {
    !matches!(record.status, Status::Provisioning | Status::Deleting)
}
