//! A data folder of its own for each test, an application with notes, and short words for what tests do with it.

#[path = "../columns/mod.rs"]
#[allow(dead_code, unused_macros, unused_imports, reason = "each test binary uses its share")]
pub(crate) mod columns;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use columns::Ground;
use tempfile::TempDir;
use tenantry_core::{Alias, HostName, Placement, Slug, Tenant, TenantKey, TenantRecord};
use tenantry_db::directory::ResolveError;
use tenantry_db::lifecycle::{CreateError, Home, NewTenant};
use tenantry_db::migrate::{Column, Migration, Registry, Table};
use tenantry_db::model::{Auto, Model, QueryError};
use tenantry_db::{Instance, InstanceConfig, Location, OpenError, Synchronous, TenantDb};

/// What another process does is seen within a second; a test gives it ten.
const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Model, Clone, Debug, PartialEq)]
#[model(app = "notes", crate = "tenantry_db")]
pub(crate) struct Note {
    #[field(primary_key)]
    pub(crate) id: Auto<i64>,
    #[field(max_length = 200)]
    pub(crate) title: String,
}

pub(crate) fn initial() -> Migration {
    let table = Table::new("notes_note").column(Column::id()).column(Column::varchar("title", 200));
    Migration::new("notes", "0001_initial").create_table(table)
}

/// The application as it is, and as it will be when it has further migrations.
pub(crate) fn notes(further: impl IntoIterator<Item = Migration>) -> Registry {
    let migrations = std::iter::once(initial()).chain(further).collect();
    Registry { models: vec![Note::META], migrations }
}

/// A folder with the data folder in it, and whatever a test puts beside that.
pub(crate) struct Site {
    folder: PathBuf,
    /// What removes the folder in the end, where it is this site's own.
    _own: Option<TempDir>,
    pub(crate) databases: BTreeMap<Alias, Location>,
    /// Where its tenants are made, and how many have been.
    homes: Vec<Home>,
    made: AtomicUsize,
}

impl Site {
    /// Whose tenants are files in the data folder.
    pub(crate) fn new() -> Self {
        Self::on(Ground::files())
    }

    /// Whose tenants are where the column has them.
    pub(crate) fn on(ground: Ground) -> Self {
        let own = tempfile::tempdir().unwrap();
        let folder = own.path().to_owned();
        Self { _own: Some(own), ..Self::with(folder, ground) }
    }

    /// In a folder that is there already.
    #[allow(dead_code, reason = "another test binary's")]
    pub(crate) fn at(folder: &Path) -> Self {
        Self::with(folder.to_owned(), Ground::files())
    }

    fn with(folder: PathBuf, Ground { databases, homes, .. }: Ground) -> Self {
        Self { folder, _own: None, databases, homes, made: AtomicUsize::new(0) }
    }

    /// A tenant that is to be made, with these domains.
    pub(crate) fn tenant(&self, name: &str, domains: &[&str]) -> NewTenant {
        let made = self.made.fetch_add(1, Ordering::Relaxed);
        NewTenant { home: self.homes[made % self.homes.len()].clone(), ..new(name, domains) }
    }

    /// Makes one, with a domain of its name.
    pub(crate) async fn make(&self, instance: &Instance, name: &str) -> Arc<TenantRecord> {
        instance.create_tenant(self.tenant(name, &[&format!("{name}.example")])).await.unwrap()
    }

    /// With `DB_<ALIAS>` at this name beside the data folder.
    pub(crate) fn file(mut self, alias: &str, name: &str) -> Self {
        let path = self.path(name);
        self.databases.insert(alias.parse().unwrap(), Location::File(path));
        self
    }

    pub(crate) fn server(mut self, alias: &str, name: &str) -> Self {
        let path = self.path(name);
        self.databases.insert(alias.parse().unwrap(), Location::Folder(path));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn config(&self) -> InstanceConfig {
        InstanceConfig {
            data: self.path("data"),
            directory: None,
            databases: self.databases.clone(),
            descriptors: 64,
            connections: 4,
            deadline: Duration::from_secs(60),
            synchronous: Synchronous::Normal,
            actor: "test".to_owned(),
        }
    }

    pub(crate) fn try_open(&self, registry: Registry) -> Result<Instance, OpenError> {
        Instance::open(self.config(), registry)
    }

    pub(crate) fn open(&self) -> Instance {
        self.try_open(notes([])).unwrap()
    }

    /// The names in a folder, without those that SQLite keeps beside a database that is open.
    pub(crate) fn listed(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> =
            names.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).collect();
        names.sort();
        names
    }
}

pub(crate) fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

pub(crate) fn host(text: &str) -> HostName {
    text.parse().unwrap()
}

/// A tenant on the default server, with these domains.
pub(crate) fn new(name: &str, domains: &[&str]) -> NewTenant {
    let domains = domains.iter().map(|domain| host(domain)).collect();
    let home = Home::Server { alias: None, isolation: None };
    NewTenant { slug: slug(name), name: None, domains, home }
}

pub(crate) fn claiming(name: &str, alias: &str) -> NewTenant {
    NewTenant { home: Home::Database(alias.parse().unwrap()), ..new(name, &[]) }
}

pub(crate) async fn make(instance: &Instance, name: &str) -> Arc<TenantRecord> {
    instance.create_tenant(new(name, &[&format!("{name}.example")])).await.unwrap()
}

pub(crate) async fn refused(instance: &Instance, wanted: Vec<NewTenant>) -> CreateError {
    instance.create_tenants(wanted, |_| {}).await.unwrap_err()
}

pub(crate) fn by_host(instance: &Instance, domain: &str) -> Result<Tenant, ResolveError> {
    instance.directory().resolve(&TenantKey::Domain(host(domain)))
}

/// The door to the tenant with this slug, which is active.
pub(crate) fn door(instance: &Instance, name: &str) -> TenantDb {
    let tenant = instance.directory().resolve(&TenantKey::Slug(slug(name))).unwrap();
    instance.tenant_db(&tenant).unwrap()
}

pub(crate) async fn write(db: &TenantDb, title: &str) -> Result<Note, QueryError> {
    db.insert(Note { id: Auto::unset(), title: title.to_owned() }).await
}

pub(crate) async fn titles(db: &TenantDb) -> Result<Vec<String>, QueryError> {
    let notes = db.query::<Note>().order_by(Note::ID.asc()).all().await?;
    Ok(notes.into_iter().map(|note| note.title).collect())
}

/// Where the file of a tenant on the default server is.
pub(crate) fn file_of(site: &Site, record: &TenantRecord) -> PathBuf {
    match &record.placement {
        Placement::Made { name, .. } => site.path("data/tenants").join(format!("{name}.db")),
        Placement::Claimed { .. } | Placement::Adopted { .. } => unreachable!("it is on a server"),
    }
}

/// Looks until `seen` says yes; for what another process did.
#[allow(clippy::disallowed_methods, reason = "no event tells that another process has seen a change")]
pub(crate) async fn until(what: &str, mut seen: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !seen().await {
        assert!(begun.elapsed() < DEADLINE, "{what} was not seen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A connection that is not the engine's: another program's, or a test's that looks into a file that is closed.
#[allow(clippy::disallowed_methods, reason = "what another program does, no door of ours is for")]
pub(crate) fn sqlite(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}
