//! Brings a tenant's data up to date when it is first asked for, where an instance was told to.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use tenantry_core::{Status, TenantId};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::{Inner, Instance};

/// How many tenants are brought up to date at a time: requests for the others, which are up to date, go on meanwhile.
const AT_ONCE: usize = 4;

/// How long a request waits for its tenant: whoever waits longer is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a failure is known: a tenant that can't be migrated isn't tried at each of its requests.
const FAILURE_KNOWN: Duration = Duration::from_secs(60);

/// Whether an instance does so, and how much of it at a time.
#[derive(Default)]
pub(super) struct OnAccess(OnceLock<Arc<Semaphore>>);

/// What is under way for one tenant.
#[derive(Default)]
pub(super) struct Turn(Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Says whether it went well, once it has ended.
    Running(watch::Receiver<Option<bool>>),
    Failed(Instant),
}

impl Instance {
    /// From now on a tenant whose data is behind is migrated when the data is first asked for, unless it shares its tables
    /// with others: those are migrated for all of them at once, which is nothing for a request to begin.
    ///
    /// Four tenants are at a time. Whoever asks waits for ten seconds at most, and the run goes on without them. One that
    /// failed is tried again after a minute. Each statement has the deadline of the instance's operations.
    pub fn migrate_on_access(&self) {
        let _ = self.0.on_access.0.set(Arc::new(Semaphore::new(AT_ONCE)));
    }
}

impl Turn {
    /// Whether the tenant's data has just been brought up to date.
    pub(super) async fn bring_up(self: &Arc<Self>, instance: &Weak<Inner>, tenant: TenantId) -> bool {
        let Some(mut ended) = self.begin(instance, tenant) else { return false };
        let outcome = timeout(PATIENCE, ended.wait_for(Option::is_some)).await;
        matches!(outcome, Ok(Ok(done)) if *done == Some(true))
    }

    /// The run that is under way, or a new one; `None` where there is to be none.
    fn begin(
        self: &Arc<Self>,
        instance: &Weak<Inner>,
        tenant: TenantId,
    ) -> Option<watch::Receiver<Option<bool>>> {
        let instance = Instance(instance.upgrade()?);
        let permits = Arc::clone(instance.0.on_access.0.get()?);
        let mut state = self.state();
        match &*state {
            State::Running(ended) => return Some(ended.clone()),
            State::Failed(since) if since.elapsed() < FAILURE_KNOWN => return None,
            State::Failed(_) | State::Idle => {}
        }
        let (end, ended) = watch::channel(None);
        *state = State::Running(ended.clone());
        let turn = Arc::clone(self);
        // In a task of its own: a request that goes away must not end it half-way.
        tokio::spawn(async move {
            // Also where the task is ended with the runtime, or panics.
            let mut over = Over { turn, done: false };
            let Ok(_permit) = permits.acquire_owned().await else { return };
            over.done = migrate(&instance, tenant).await;
            let done = over.done;
            drop(over);
            let _ = end.send(Some(done));
        });
        Some(ended)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a run, however it comes about.
struct Over {
    turn: Arc<Turn>,
    done: bool,
}

impl Drop for Over {
    fn drop(&mut self) {
        *self.turn.state() = if self.done { State::Idle } else { State::Failed(Instant::now()) };
    }
}

/// Migrates one tenant; whether it is up to date now. Why not, the log says.
async fn migrate(instance: &Instance, tenant: TenantId) -> bool {
    // It may have waited for its turn: whoever has suspended the tenant meanwhile is at work on its data.
    let record = instance.0.directory.record_by_id(tenant).filter(|record| record.status == Status::Active);
    let Some(record) = record else { return false };
    let migrated = instance.migrate(vec![record.clone()], NonZeroUsize::MIN, |_| {}).await;
    let failed: Option<Box<dyn Error + Send + Sync>> = match migrated {
        Ok(summary) => summary.failed.into_iter().next().map(|(_, reason)| reason.into()),
        Err(error) => Some(error.into()),
    };
    match failed {
        None => {
            tracing::info!(tenant = %record.slug, "migrated when it was asked for");
            true
        }
        Some(error) => {
            let error: &dyn Error = &*error;
            tracing::error!(tenant = %record.slug, error, "can't be migrated: not tried again for a minute");
            false
        }
    }
}
