//! An instance: a data folder that is open, with its directory, its tenants' files and the history that they follow.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hashbrown::HashMap;
use tenantry_core::{Alias, Slug, Status, Tenant, TenantId, TenantRecord};
use tokio::sync::Mutex;

use crate::TenantDb;
use crate::directory::{Changed, Directory, DirectoryError};
use crate::migrate::{History, Registry, RegistryError, judge};
use crate::places::{DIRECTORY, Exposed, Location, PlaceError, Places, UnknownPlace};
use crate::sqlite::{DataFile, Pool, PoolConfig, Synchronous};
use crate::tenant_db::Gate;

/// How an instance is opened.
#[derive(Clone, Debug)]
pub struct InstanceConfig {
    /// The data folder. It is made when it is not there.
    pub data: PathBuf,
    /// The directory's file; by default one in the data folder.
    pub directory: Option<PathBuf>,
    /// What each `DB_<ALIAS>` stands for.
    pub databases: BTreeMap<Alias, Location>,
    /// How many file descriptors tenants' files may take, about four for each that is open.
    pub descriptors: usize,
    /// The longest that one operation on a tenant's data may run.
    pub deadline: Duration,
    /// When a write counts as done.
    pub synchronous: Synchronous,
    /// Who is written into the audit for what this process does.
    pub actor: String,
}

impl InstanceConfig {
    /// Whether there is an instance already: to open it makes nothing but what may be missing of it.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let directory = self.directory.clone().unwrap_or_else(|| self.data.join(DIRECTORY));
        // What can't be looked at, to open it says why.
        directory.try_exists().unwrap_or(true)
    }
}

/// Raised when an instance can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// What the application registers is not consistent.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The configured databases or the folders can't be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// What an instance has done and holds just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Tenants' files that are open.
    pub open_files: usize,
    /// Operations on tenants' data whose caller went away before they ended, since the start.
    pub dropped_operations: u64,
}

/// An open instance. Cheap to clone.
#[derive(Clone)]
pub struct Instance(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) places: Places,
    pub(crate) directory: Directory,
    pub(crate) pool: Pool,
    pub(crate) history: Arc<History>,
    files: Arc<Files>,
    /// Held while the template of new tenants is made.
    pub(crate) template: Mutex<()>,
}

/// The files of the tenants that were asked for since they became active.
type Files = RwLock<HashMap<TenantId, Served>>;

/// An active tenant as it was first asked for, the file that its placement then led to, and the gate before it.
struct Served {
    tenant: Tenant,
    file: Arc<DataFile>,
    gate: Arc<Gate>,
}

impl Served {
    fn file(&self) -> (Arc<DataFile>, Arc<Gate>) {
        (Arc::clone(&self.file), Arc::clone(&self.gate))
    }
}

/// 256 MiB: what a tenant writes in a minute of reports that overlap, and far from a full disk.
const LONGEST_LOG: u64 = 256 * 1_024 * 1_024;

impl Instance {
    /// Opens the instance in a data folder, making what is missing of it.
    ///
    /// # Errors
    /// Raised when what is registered or configured is not consistent, and when the folder or the directory can't be
    /// used.
    pub fn open(config: InstanceConfig, registry: Registry) -> Result<Self, OpenError> {
        let history = Arc::new(History::new(registry)?);
        let places = Places::prepare(&config.data, config.directory, config.databases)?;
        let pool = Pool::new(PoolConfig {
            descriptors: config.descriptors,
            deadline: config.deadline,
            synchronous: config.synchronous,
            log: LONGEST_LOG,
        });
        let files = Arc::new(Files::default());
        let (closing_pool, closing_files) = (pool.clone(), Arc::clone(&files));
        let directory = Directory::open(places.directory(), &config.actor, move |changes| {
            close_changed(changes, &closing_pool, &closing_files);
        })?;
        let inner = Inner { places, directory, pool, history, files, template: Mutex::new(()) };
        Ok(Self(Arc::new(inner)))
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.0.directory
    }

    /// The history that tenants' data follows.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.0.history
    }

    /// The door to a tenant's data. Its file is opened at the first operation, and no operation is done on data that is
    /// behind or ahead of this program: see [`TenantDb::ready`].
    ///
    /// When the tenant stops being active, every door to its data is closed for good.
    ///
    /// # Errors
    /// Raised when the tenant's data is at an alias that is not configured, or was not usable at the start.
    pub fn tenant_db(&self, tenant: &Tenant) -> Result<TenantDb, UnknownPlace> {
        let (file, gate) = match self.known_file(tenant) {
            Some(known) => known,
            None => self.first_file(tenant)?,
        };
        Ok(TenantDb::new(tenant.clone(), file, gate, self.0.pool.clone()))
    }

    fn known_file(&self, tenant: &Tenant) -> Option<(Arc<DataFile>, Arc<Gate>)> {
        let files = self.0.files.read().unwrap_or_else(PoisonError::into_inner);
        let served = files.get(&tenant.id())?;
        // An id alone is no proof: a tenant of another instance may have the same.
        let (known, asked) = (served.tenant.placement(), tenant.placement());
        // Nearly always the very same record, which is sooner seen than that its words are the same.
        (std::ptr::eq(known, asked) || known == asked).then(|| served.file())
    }

    fn first_file(&self, tenant: &Tenant) -> Result<(Arc<DataFile>, Arc<Gate>), UnknownPlace> {
        let file = Arc::new(self.0.places.data_file(tenant.id(), tenant.placement())?);
        let gate = Arc::new(self.gate(&file));
        let first = Served { tenant: tenant.clone(), file, gate };
        let mut files = self.0.files.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock that a change of status needs too: a tenant that has just stopped being active gets a door
        // that is closed, and none that would be forgotten open.
        let active = self.0.directory.record_by_id(tenant.id()).and_then(active);
        if active.is_some_and(|active| active.placement() == tenant.placement()) {
            Ok(files.entry(tenant.id()).or_insert(first).file())
        } else {
            first.file.close();
            Ok(first.file())
        }
    }

    /// The gate before a file: whether its data is of a version that this program serves.
    fn gate(&self, file: &Arc<DataFile>) -> Gate {
        let (pool, file, history) = (self.0.pool.clone(), Arc::clone(file), Arc::clone(&self.0.history));
        Gate::new(move || {
            let (pool, file, history) = (pool.clone(), Arc::clone(&file), Arc::clone(&history));
            Box::pin(async move { judge(&pool, &file, &history).await })
        })
    }

    /// The tenants whose data is at an alias that is not configured, not usable, or not as what it was.
    #[must_use]
    pub fn misplaced(&self) -> Vec<(Slug, UnknownPlace)> {
        let records = self.0.directory.records();
        let found = records.iter().filter_map(|record| {
            let unknown = self.0.places.files(&record.placement).err()?;
            Some((record.slug.clone(), unknown))
        });
        found.collect()
    }

    /// The configured databases and servers that could not be used when the instance was opened.
    #[must_use]
    pub fn unusable(&self) -> Vec<UnknownPlace> {
        self.0.places.unusable().collect()
    }

    /// The files and folders of the instance that other users of the machine can read or change.
    #[must_use]
    pub fn exposed(&self) -> Vec<Exposed> {
        self.0.places.exposed()
    }

    /// The configured databases that no tenant claims.
    #[must_use]
    pub fn unclaimed(&self) -> Vec<Alias> {
        let records = self.0.directory.records();
        let claimed: Vec<&Alias> = records.iter().map(|record| record.placement.alias()).collect();
        self.0.places.databases().filter(|alias| !claimed.contains(alias)).cloned().collect()
    }

    /// What the instance has done and holds just now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let stats = self.0.pool.stats();
        Stats { open_files: stats.open_files, dropped_operations: stats.dropped }
    }

    /// Ends every use of tenants' data: operations that run end, others are refused, every file is closed.
    pub async fn close(&self) {
        self.0.pool.close_all().await;
    }

    /// Plants a bug: from now on tenants' files are kept without regard to the tenant. For the test that proves that
    /// such a bug would be seen.
    #[cfg(feature = "testkit")]
    pub fn confuse_tenants(&self) {
        self.0.pool.confuse_tenants();
    }
}

/// Closes the files of tenants that are not active any more, or whose data is elsewhere now. What is known of the version
/// of the others is looked at again: it may be what has changed.
fn close_changed(changes: &[Changed], pool: &Pool, files: &Files) {
    for change in changes {
        let Some(before) = &change.before else { continue };
        let served = active(Arc::clone(before));
        let serving = change.after.clone().and_then(active);
        let stopped = served
            .is_some_and(|served| serving.is_none_or(|serving| serving.placement() != served.placement()));
        if stopped {
            let served = files.write().unwrap_or_else(PoisonError::into_inner).remove(&before.id);
            if let Some(served) = served {
                served.file.close();
            }
        } else if let Some(served) = files.read().unwrap_or_else(PoisonError::into_inner).get(&before.id) {
            served.gate.void();
        }
        // A migration opens files of tenants in any status, and a purge waits until every process has let go.
        let going = |after: &Arc<TenantRecord>| matches!(after.status, Status::Deleted | Status::Deleting);
        if stopped || change.after.as_ref().is_none_or(going) {
            pool.begin_close(before.id);
        }
    }
}

fn active(record: Arc<TenantRecord>) -> Option<Tenant> {
    Tenant::from_record(record).ok()
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("places", &self.0.places).finish_non_exhaustive()
    }
}
