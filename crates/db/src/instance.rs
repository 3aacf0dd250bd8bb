//! An instance: a data folder that is open, with its directory, its tenants' files and the history that they follow.

mod home;
mod on_access;
mod protection;
mod roles;
mod stats;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hashbrown::HashMap;
use tenantry_core::{Alias, Isolation, Placement, Slug, Status, Tenant, TenantId, TenantRecord};
use tokio::sync::Mutex;

use crate::TenantDb;
use crate::directory::{Changed, Directory, DirectoryError, Version};
use crate::migrate::{History, Registry, RegistryError, guard, judge};
use crate::model::{QueryError, VersionError};
use crate::places::{DirectoryPlace, Exposed, Location, PlaceError, Places, UnknownPlace};
use crate::postgres::{Door, Server};
use crate::sqlite::{DataFile, Pool, PoolConfig, Synchronous};
use crate::tenant_db::{Gate, Store};

pub(crate) use home::Folders;
use home::Home;
use on_access::{OnAccess, Turn};
use protection::Protection;
pub(crate) use roles::Roles;
pub use roles::ServerTrouble;
pub use stats::{Role, Stats};

/// How an instance is opened.
#[derive(Clone, Debug)]
pub struct InstanceConfig {
    /// The data folder. It is made when it is not there.
    pub data: PathBuf,
    /// The directory's file. Where none is named, the directory is the schema `tenantry` in `DB_DEFAULT` where that is a
    /// PostgreSQL server, and a file in the data folder else.
    pub directory: Option<PathBuf>,
    /// What each `DB_<ALIAS>` stands for.
    pub databases: BTreeMap<Alias, Location>,
    /// How many file descriptors tenants' files may take, about four for each that is open.
    pub descriptors: usize,
    /// How many connections each role may have to each PostgreSQL server.
    pub connections: usize,
    /// The longest that one operation on a tenant's data may run.
    pub deadline: Duration,
    /// When a write counts as done.
    pub synchronous: Synchronous,
    /// Who is written into the audit for what this process does.
    pub actor: String,
}

impl InstanceConfig {
    /// Whether there is an instance already: to open it makes nothing but what may be missing of it.
    ///
    /// # Errors
    /// Raised when the directory is to be on a PostgreSQL server, and that can't be asked.
    pub fn is_there(&self) -> Result<bool, DirectoryError> {
        Directory::is_there(&DirectoryPlace::of(&self.data, self.directory.clone(), &self.databases))
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

/// An open instance. Cheap to clone.
#[derive(Clone)]
pub struct Instance(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) places: Places,
    pub(crate) directory: Directory,
    pub(crate) pool: Pool,
    pub(crate) history: Arc<History>,
    servers: BTreeMap<Alias, Roles>,
    stores: Arc<Stores>,
    /// Operations on PostgreSQL servers whose caller went away before they ended, since the start.
    dropped: Arc<AtomicU64>,
    /// Held while the template of new tenants is made.
    pub(crate) template: Mutex<()>,
    on_access: OnAccess,
    /// The planted bug: see [`Instance::confuse_tenants`].
    #[cfg(feature = "testkit")]
    confused: std::sync::atomic::AtomicBool,
}

/// Where the data of tenants is that were asked for since they became active.
type Stores = RwLock<HashMap<TenantId, Served>>;

/// An active tenant as it was first asked for, where its placement then led to, and the gate before it.
struct Served {
    tenant: Tenant,
    store: Store,
    gate: Arc<Gate>,
}

impl Served {
    fn store(&self) -> (Store, Arc<Gate>) {
        (self.store.clone(), Arc::clone(&self.gate))
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
        let mut places = Places::prepare(&config.data, config.directory, config.databases)?;
        let pool = Pool::new(PoolConfig {
            descriptors: config.descriptors,
            deadline: config.deadline,
            synchronous: config.synchronous,
            log: LONGEST_LOG,
        });
        let servers = roles::connect(&mut places, config.connections, config.deadline);
        let stores = Arc::new(Stores::default());
        let (closing_pool, closing_stores) = (pool.clone(), Arc::clone(&stores));
        let directory = Directory::open(places.directory(), &config.actor, move |changes| {
            close_changed(changes, &closing_pool, &closing_stores);
        })?;
        let inner = Inner {
            places,
            directory,
            pool,
            history,
            servers,
            stores,
            dropped: Arc::default(),
            template: Mutex::new(()),
            on_access: OnAccess::default(),
            #[cfg(feature = "testkit")]
            confused: std::sync::atomic::AtomicBool::new(false),
        };
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

    /// What this program's version stands for.
    pub(crate) fn version(&self) -> Version {
        let history = &self.0.history;
        let migrations = history.migrations().map(ToString::to_string).collect();
        Version { hash: history.version().to_owned(), migrations }
    }

    /// The door to a tenant's data. Its file is opened at the first operation, and no operation is done on data that is
    /// behind or ahead of this program: see [`TenantDb::ready`].
    ///
    /// When this process hears that the tenant has stopped being active, every door to its data is closed for good. One that
    /// is active again before any process has looked keeps its doors: [`Instance::at_rest`] waits until all have heard.
    ///
    /// # Errors
    /// Raised when the tenant's data is at an alias that is not configured, or was not usable at the start.
    pub fn tenant_db(&self, tenant: &Tenant) -> Result<TenantDb, UnknownPlace> {
        let (store, gate) = match self.known_store(tenant) {
            Some(known) => known,
            None => self.first_store(tenant)?,
        };
        Ok(TenantDb::new(tenant.clone(), store, gate))
    }

    fn known_store(&self, tenant: &Tenant) -> Option<(Store, Arc<Gate>)> {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        #[cfg(feature = "testkit")]
        if self.0.confused.load(std::sync::atomic::Ordering::Relaxed) {
            return Some(stores.values().next()?.store());
        }
        let served = stores.get(&tenant.id())?;
        // An id alone is no proof: a tenant of another instance may have the same.
        let (known, asked) = (served.tenant.placement(), tenant.placement());
        // Nearly always the very same record, which is sooner seen than that its words are the same.
        (std::ptr::eq(known, asked) || known == asked).then(|| served.store())
    }

    fn first_store(&self, tenant: &Tenant) -> Result<(Store, Arc<Gate>), UnknownPlace> {
        let store = self.store(tenant.id(), tenant.placement(), |roles| &roles.serving)?;
        let gate = Arc::new(self.gate(tenant.id(), &store, tenant.placement()));
        let first = Served { tenant: tenant.clone(), store, gate };
        let mut stores = self.0.stores.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock that a change of status needs too: a tenant that has just stopped being active gets a door
        // that is closed, and none that would be forgotten open.
        let active = self.0.directory.record_by_id(tenant.id()).and_then(active);
        if active.is_some_and(|active| active.placement() == tenant.placement()) {
            Ok(stores.entry(tenant.id()).or_insert(first).store())
        } else {
            first.store.close();
            Ok(first.store())
        }
    }

    /// The gate before a tenant's data: whether it is of a version that this program serves, and shared tables keep it
    /// apart.
    fn gate(&self, tenant: TenantId, store: &Store, placement: &Placement) -> Gate {
        if let Store::Sqlite { file, .. } = store {
            file.guard(guard(Arc::clone(&self.0.history)));
        }
        let (store, history) = (store.clone(), Arc::clone(&self.0.history));
        let shared = placement.isolation() == Isolation::Row;
        let roles = if shared { self.roles(placement.alias()).ok() } else { None };
        let protection = roles.map(|roles| Arc::clone(&roles.protection));
        // Weak: the instance has the gate.
        let (instance, turn) = (Arc::downgrade(&self.0), Arc::<Turn>::default());
        let home = Arc::new(Home::new(self.folders(placement)));
        let right = Arc::<AtomicI64>::default();
        Gate::new(move || {
            let (store, history, protection) = (store.clone(), Arc::clone(&history), protection.clone());
            let (instance, turn) = (instance.clone(), Arc::clone(&turn));
            let (home, right) = (Arc::clone(&home), Arc::clone(&right));
            Box::pin(async move {
                home.pass(tenant).await?;
                if let Some(protection) = protection {
                    protection.pass(&store).await?;
                }
                let judged = judge(&store, &history, &right).await;
                let behind = matches!(judged, Err(QueryError::Version(VersionError::Behind { .. })));
                if behind && !shared && turn.bring_up(&instance, tenant).await {
                    return judge(&store, &history, &right).await;
                }
                judged
            })
        })
    }

    fn store(
        &self,
        id: TenantId,
        placement: &Placement,
        role: impl FnOnce(&Roles) -> &Server,
    ) -> Result<Store, UnknownPlace> {
        match self.door(id, placement, role) {
            Some(door) => Ok(Store::Postgres(Arc::new(door))),
            None => Ok(self.sqlite_store(Arc::new(self.0.places.data_file(id, placement)?))),
        }
    }

    /// The part of a PostgreSQL server that is a tenant's; `None` where its data is on no such server.
    fn door(
        &self,
        id: TenantId,
        placement: &Placement,
        role: impl FnOnce(&Roles) -> &Server,
    ) -> Option<Door> {
        let (alias, scope) = self.0.places.scope(placement)?;
        let server = role(self.roles(alias).ok()?).clone();
        Some(Door::new(server, id, scope, Arc::clone(&self.0.dropped)))
    }

    /// The same for the role that makes and migrates its tables.
    pub(crate) fn owning_door(&self, id: TenantId, placement: &Placement) -> Option<Door> {
        self.door(id, placement, |roles| &roles.owning)
    }

    pub(crate) fn roles(&self, alias: &Alias) -> Result<&Roles, UnknownPlace> {
        self.0.servers.get(alias).ok_or_else(|| UnknownPlace::Alias(alias.clone()))
    }

    /// Where a tenant's data is, for whoever makes and migrates it: the tables' owner, where there are roles.
    pub(crate) fn owned_store(&self, id: TenantId, placement: &Placement) -> Result<Store, UnknownPlace> {
        self.store(id, placement, |roles| &roles.owning)
    }

    pub(crate) fn sqlite_store(&self, file: Arc<DataFile>) -> Store {
        Store::Sqlite { file, pool: self.0.pool.clone() }
    }

    /// The tenants whose data is at an alias that is not configured, not usable, or not as what it was.
    #[must_use]
    pub fn misplaced(&self) -> Vec<(Slug, UnknownPlace)> {
        let records = self.0.directory.records();
        let found = records.iter().filter_map(|record| {
            let unknown = self.0.places.check(&record.placement).err()?;
            Some((record.slug.clone(), unknown))
        });
        found.collect()
    }

    /// The configured databases and servers that could not be used when the instance was opened.
    #[must_use]
    pub fn unusable(&self) -> Vec<UnknownPlace> {
        self.0.places.unusable().collect()
    }

    /// Looks whether the PostgreSQL servers can be used just now, all at once, and says what is wrong. What does not
    /// answer within `patience` counts as out of reach.
    pub async fn check_servers(&self, patience: Duration) -> Vec<ServerTrouble> {
        roles::check(&self.0.servers, patience).await
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

    /// Ends every use of tenants' data: operations that run end, others are refused, every file and every connection is
    /// closed.
    pub async fn close(&self) {
        self.0.pool.close_all().await;
        for roles in self.0.servers.values() {
            roles.close().await;
        }
    }

    /// Plants a bug: from now on tenants' open files, and on PostgreSQL their doors, are kept without regard to the tenant.
    /// For the test that proves that such a bug would be seen.
    #[cfg(feature = "testkit")]
    pub fn confuse_tenants(&self) {
        if self.0.servers.is_empty() {
            self.0.pool.confuse_tenants();
        } else {
            self.0.confused.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// Closes the doors to tenants that are not active any more, or whose data is elsewhere now. What is known of the version
/// of the others is looked at again: it may be what has changed.
fn close_changed(changes: &[Changed], pool: &Pool, stores: &Stores) {
    for change in changes {
        let Some(before) = &change.before else { continue };
        let served = active(Arc::clone(before));
        let serving = change.after.clone().and_then(active);
        let stopped = served
            .is_some_and(|served| serving.is_none_or(|serving| serving.placement() != served.placement()));
        if stopped {
            let served = stores.write().unwrap_or_else(PoisonError::into_inner).remove(&before.id);
            if let Some(served) = served {
                served.store.close();
            }
        } else if let Some(served) = stores.read().unwrap_or_else(PoisonError::into_inner).get(&before.id) {
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
