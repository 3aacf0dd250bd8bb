//! Migrates many tenants at a time, and goes on past one that fails.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tenantry_core::{Slug, TenantId};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};

use super::apply::{Applied, ApplyError, apply};
use super::audit::SharedRoles;
use super::history::History;
use crate::tenant_db::Store;

/// How many tenants' versions are written to the directory at once.
const BATCH: usize = 100;

/// How long a tenant that is done waits for others to be written with: servers hear of it no sooner, and one whose program
/// is older must stop serving it within a second.
const LATEST: Duration = Duration::from_millis(250);

/// A tenant whose data is to be migrated.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its slug, for people.
    pub(crate) slug: Slug,
    /// Its id.
    pub(crate) id: TenantId,
    /// Where its data is.
    pub(crate) store: Store,
    /// Where its data is in shared tables: who works on them, and the others whose data comes with its.
    pub(crate) shared: Option<Sharing>,
}

/// What tenants in shared tables are migrated with.
#[derive(Clone, Debug)]
pub(crate) struct Sharing {
    /// The roles that work on the tables.
    pub(crate) roles: SharedRoles,
    /// The other tenants.
    pub(crate) others: Vec<(Slug, TenantId)>,
}

impl Target {
    /// All tenants whose data it is.
    fn tenants(&self) -> impl Iterator<Item = (&Slug, TenantId)> {
        let others = self.shared.iter().flat_map(|shared| &shared.others);
        [(&self.slug, self.id)].into_iter().chain(others.map(|(slug, id)| (slug, *id)))
    }
}

/// What happens while a fleet is migrated.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A tenant's migrations begin.
    Started {
        /// The tenant.
        tenant: &'a Slug,
    },
    /// A tenant has all of them.
    Done {
        /// The tenant.
        tenant: &'a Slug,
        /// What it got.
        applied: &'a Applied,
    },
    /// A tenant's data could not be migrated.
    Failed {
        /// The tenant.
        tenant: &'a Slug,
        /// Why.
        reason: &'a ApplyError,
    },
}

/// How it went for a fleet.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many tenants have all migrations now.
    pub done: usize,
    /// The tenants that failed, and why, in the order of their slugs.
    pub failed: Vec<(Slug, Arc<ApplyError>)>,
}

/// Migrates every target, `jobs` at a time.
///
/// `record` gets the tenants that are done, some at a time, to write their new version to the directory. A tenant
/// that is done but not recorded is only asked again by the next run.
///
/// # Errors
/// Raised when `record` fails: nothing new is begun then.
pub(crate) async fn migrate_fleet<E, F: Future<Output = Result<(), E>>>(
    history: &Arc<History>,
    targets: impl IntoIterator<Item = Target>,
    jobs: NonZeroUsize,
    mut progress: impl FnMut(Progress<'_>),
    mut record: impl FnMut(Vec<TenantId>) -> F,
) -> Result<Summary, E> {
    let mut run = Run { history, tasks: JoinSet::new(), targets: HashMap::new() };
    let mut waiting = targets.into_iter();
    let mut summary = Summary::default();
    let mut unrecorded = Unrecorded::default();
    loop {
        if unrecorded.is_due() {
            record(unrecorded.take()).await?;
        }
        while run.tasks.len() < jobs.get() {
            let Some(target) = waiting.next() else { break };
            target.tenants().for_each(|(tenant, _)| progress(Progress::Started { tenant }));
            run.start(target);
        }
        let next = match unrecorded.due {
            Some(due) => timeout_at(due, run.next()).await,
            None => Ok(run.next().await),
        };
        let Ok(next) = next else { continue };
        let Some((target, outcome)) = next else { break };
        match outcome {
            Ok(applied) => {
                for (tenant, id) in target.tenants() {
                    progress(Progress::Done { tenant, applied: &applied });
                    summary.done += 1;
                    unrecorded.push(id);
                }
            }
            Err(reason) => {
                let reason = Arc::new(reason);
                for (tenant, _) in target.tenants() {
                    progress(Progress::Failed { tenant, reason: &reason });
                    summary.failed.push((tenant.clone(), Arc::clone(&reason)));
                }
            }
        }
    }
    if !unrecorded.tenants.is_empty() {
        record(unrecorded.take()).await?;
    }
    summary.failed.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    Ok(summary)
}

/// The tenants that are done, and not yet written to the directory.
#[derive(Default)]
struct Unrecorded {
    tenants: Vec<TenantId>,
    /// When they are to be written at the latest; nothing is due while there are none.
    due: Option<Instant>,
}

impl Unrecorded {
    fn push(&mut self, tenant: TenantId) {
        self.tenants.push(tenant);
        self.due = self.due.or_else(|| Some(Instant::now() + LATEST));
    }

    fn is_due(&self) -> bool {
        self.tenants.len() >= BATCH || self.due.is_some_and(|due| Instant::now() >= due)
    }

    fn take(&mut self) -> Vec<TenantId> {
        std::mem::take(self).tenants
    }
}

/// The tenants that are being migrated right now.
struct Run<'a> {
    history: &'a Arc<History>,
    tasks: JoinSet<Result<Applied, ApplyError>>,
    targets: HashMap<Id, Target>,
}

impl Run<'_> {
    /// Begins in a task of its own, so that a panic in a migration's Rust ends that tenant's turn and no more.
    fn start(&mut self, target: Target) {
        let (history, store) = (Arc::clone(self.history), target.store.clone());
        let roles = target.shared.as_ref().map(|shared| shared.roles.clone());
        let task = self.tasks.spawn(async move { apply(&store, roles.as_ref(), &history).await });
        self.targets.insert(task.id(), target);
    }

    /// The next target that is through; none when there is no more.
    async fn next(&mut self) -> Option<(Target, Result<Applied, ApplyError>)> {
        let (id, outcome) = match self.tasks.join_next_with_id().await? {
            Ok((id, outcome)) => (id, outcome),
            Err(error) => (JoinError::id(&error), Err(ApplyError::Panicked)),
        };
        self.targets.remove(&id).map(|target| (target, outcome))
    }
}
