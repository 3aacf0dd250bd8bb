//! Tenants are made: entered in the directory, given their data, activated. All of those asked for, or none.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tenantry_core::{
    Alias, HostName, Isolation, Placement, SchemaName, Slug, Status, TenantId, TenantName, TenantRecord,
};

use super::files::{self, FileError};
use super::making::{copy_all, is_database};
use super::on_server::OnServerError;
use super::owner::{Owner, random_name};
use super::reconcile::ReconcileError;
use super::template::TemplateError;
use super::to_the_end;
use crate::Instance;
use crate::directory::{DirectoryError, NewRow, RowConflict};
use crate::migrate::{ApplyError, apply};
use crate::places::UnknownPlace;
use crate::sqlite::{DataFile, FileLock};

/// A tenant to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// Its short name.
    pub slug: Slug,
    /// Its name for people; the slug where none is given.
    pub name: Option<TenantName>,
    /// The host names that are to lead to it, the primary one first.
    pub domains: Vec<HostName>,
    /// Where its data is to be.
    pub home: Home,
}

/// Where a new tenant's data is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    /// Under an opaque name on a server, the default one where none is named.
    Server {
        /// The server.
        alias: Option<Alias>,
        /// How it is kept apart there; as is usual on that server where none is named: by its own schema on a PostgreSQL
        /// server, by its own file in a folder.
        isolation: Option<Isolation>,
    },
    /// In a configured database, which it claims as a whole.
    ///
    /// What is there stays as it is. A claim that fails or is killed may leave there what it has done so far, each
    /// migration as a whole or not at all, and SQLite's mark that the file is used with a write-ahead log; another claim
    /// goes on from there.
    Database(Alias),
    /// In a schema that the Django project made, in the PostgreSQL database that an alias names. What is there stays as it is,
    /// as in a database that is claimed: [`Instance::schemas`] finds those that can be taken.
    Schema {
        /// The database.
        database: Alias,
        /// Its schema.
        schema: SchemaName,
        /// Whether the tenant is served at once; it is made suspended otherwise.
        active: bool,
    },
}

/// Raised when tenants can't be made. None of those asked for has been, unless the directory could not be read back
/// ([`DirectoryError::Unseen`]) or its server went away ([`DirectoryError::InDoubt`]): then all have been, or `reconcile` takes all of them back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Another tenant, or one that was deleted and not yet purged, has the slug.
    #[error("the slug {0} is taken")]
    SlugTaken(Slug),
    /// The domain leads to another tenant, or was given twice.
    #[error("the domain {0} is taken")]
    DomainTaken(HostName),
    /// A domain is an IP address.
    #[error("{0} is an address, and a tenant's domain is a name")]
    Address(HostName),
    /// Another tenant claims the database.
    #[error("the database {0} is claimed by another tenant")]
    DatabaseTaken(Alias),
    /// Another tenant has the schema.
    #[error("the schema {schema} of {database} is a tenant's already")]
    SchemaTaken {
        /// The database.
        database: Alias,
        /// Its schema.
        schema: SchemaName,
    },
    /// The server or the database is not configured.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// A folder of SQLite files has neither schemas nor shared rows.
    #[error("isolation {isolation} needs PostgreSQL, and the server {server} is a folder of SQLite files")]
    Impossible {
        /// The isolation that was asked for.
        isolation: Isolation,
        /// The server.
        server: Alias,
    },
    /// The file of a database that is to be claimed is there, and is no SQLite database.
    #[error("{} is not a SQLite database", .0.display())]
    NotADatabase(PathBuf),
    /// The file of a database that is to be claimed is not there, but something that belonged to one is.
    #[error("{} is left of a database that is gone; move it away first", .0.display())]
    Remains(PathBuf),
    /// The database that is to be claimed can't be taken over.
    #[error("{}: {error}", .path.display())]
    Adopt {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        error: ApplyError,
    },
    /// The template of new tenants can't be made.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A file can't be made.
    #[error(transparent)]
    File(#[from] FileError),
    /// The role that serves would own the tables that tenants share, and nothing would keep it from any of their rows.
    #[error(
        "isolation row needs a role that owns the shared tables beside the one that serves: \
         set DB_{}_OWNER",
        .0.as_str().to_uppercase()
    )]
    NoOwner(Alias),
    /// A PostgreSQL server can't be used.
    #[error(transparent)]
    OnServer(#[from] OnServerError),
    /// The directory can't be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// What had been begun when that failed can't be taken back now. It is not served, and the next creation that
    /// needs what it has, or reconcile, takes it back.
    #[error(
        "{0}; what was begun can't be taken back now: `reconcile`, or the same command again, takes it back"
    )]
    NotTakenBack(#[source] Box<CreateError>),
}

impl CreateError {
    /// Whether it is for want of something that another tenant has.
    fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::SlugTaken(_) | Self::DomainTaken(_) | Self::DatabaseTaken(_) | Self::SchemaTaken { .. }
        )
    }
}

/// The tenants that are being made.
type Work = Vec<(TenantId, NewRow)>;

/// How many tenants get their data between two calls that tell of it.
const BATCH: usize = 200;

impl Instance {
    /// Makes tenants, all or none, and calls `made` with how many have their data whenever some more do.
    ///
    /// # Errors
    /// Raised when a slug, a domain or a database is taken, when a place is not configured, and when a file can't be
    /// made. Then nothing has changed.
    pub async fn create_tenants(
        &self,
        wanted: Vec<NewTenant>,
        made: impl Fn(usize) + Send + 'static,
    ) -> Result<Vec<Arc<TenantRecord>>, CreateError> {
        let instance = self.clone();
        to_the_end(async move { instance.create_all(wanted, made).await }).await
    }

    async fn create_all(
        &self,
        wanted: Vec<NewTenant>,
        made: impl Fn(usize) + Send,
    ) -> Result<Vec<Arc<TenantRecord>>, CreateError> {
        let (work, template, owner) = match self.begin(wanted.clone()).await {
            Err(error) if error.is_conflict() && self.end_what_is_left().await? => self.begin(wanted).await?,
            begun => begun?,
        };
        if let Err(error) = self.make(&work, template.as_ref(), &owner, made).await {
            // Active already, though this process can't see it, or perhaps: other processes may be serving them by now.
            if matches!(error, CreateError::Directory(DirectoryError::Unseen(_) | DirectoryError::InDoubt)) {
                return Err(error);
            }
            let taken_back = self.undo(&work).await;
            return Err(if taken_back { error } else { CreateError::NotTakenBack(Box::new(error)) });
        }
        let records = work.into_iter().filter_map(|(id, _)| self.0.directory.record_by_id(id));
        Ok(records.collect())
    }

    /// Enters tenants in the directory, and its journal; the template of their data, if any needs one, and the owner, who
    /// must be held until they are made.
    async fn begin(&self, wanted: Vec<NewTenant>) -> Result<(Work, Option<Arc<[u8]>>, Owner), CreateError> {
        let rows = wanted.into_iter().map(|new| self.row(new)).collect::<Result<Vec<_>, _>>()?;
        let needs_template = rows.iter().any(|row| !row.existed && self.server_of(row).is_none());
        let template = if needs_template { Some(self.template().await?) } else { None };
        self.note_servers(&rows).await?;
        let owner = self.new_owner::<CreateError>().await?;
        let ids = self.0.directory.begin_create(rows.clone(), owner.name()).await?;
        Ok((ids.into_iter().zip(rows).collect(), template, owner))
    }

    /// Ends what a creation or a purge has left half done, on a full disk for one: what it had is then to be had again.
    /// Whether there was anything.
    async fn end_what_is_left(&self) -> Result<bool, CreateError> {
        let found = self.reconcile().await.map_err(|error| match error {
            ReconcileError::Directory(error) => CreateError::from(error),
            ReconcileError::File(error) => error.into(),
        })?;
        Ok(!found.undone.is_empty() || !found.purged.is_empty())
    }

    /// Makes one tenant.
    ///
    /// # Errors
    /// As [`Instance::create_tenants`].
    pub async fn create_tenant(&self, new: NewTenant) -> Result<Arc<TenantRecord>, CreateError> {
        let slug = new.slug.clone();
        let made = self.create_tenants(vec![new], |_| {}).await?;
        let missing = || DirectoryError::Unreadable(format!("tenant {slug} was made and is not there"));
        Ok(made.into_iter().next().ok_or_else(missing)?)
    }

    fn row(&self, new: NewTenant) -> Result<NewRow, CreateError> {
        if let Some(address) = new.domains.iter().find(|host| host.is_address()) {
            return Err(CreateError::Address(address.clone()));
        }
        let status = if matches!(new.home, Home::Schema { active: false, .. }) {
            Status::Suspended
        } else {
            Status::Active
        };
        let placement = match new.home {
            Home::Server { alias, isolation } => {
                let server = alias.unwrap_or_else(|| self.0.places.default_server());
                let isolation = self.isolation_on(&server, isolation)?;
                Placement::Made { server, isolation, name: random_name(&self.0.places.journal())? }
            }
            Home::Database(database) => Placement::Claimed { database },
            Home::Schema { database, schema, .. } => Placement::Adopted { database, schema },
        };
        let existed = self.exists(&placement)?;
        let name = new.name.unwrap_or_else(|| TenantName::from(&new.slug));
        let folder = self.folder_for(&placement)?;
        Ok(NewRow { slug: new.slug, name, domains: new.domains, placement, existed, folder, status })
    }

    /// How a new tenant is kept apart on a server.
    fn isolation_on(&self, server: &Alias, wanted: Option<Isolation>) -> Result<Isolation, CreateError> {
        if self.0.places.postgres().contains_key(server) {
            let isolation = wanted.unwrap_or(Isolation::Schema);
            let fits = isolation != Isolation::Row || self.roles(server)?.own_owner();
            return if fits { Ok(isolation) } else { Err(CreateError::NoOwner(server.clone())) };
        }
        self.0.places.server(server)?;
        match wanted.unwrap_or(Isolation::Database) {
            Isolation::Database => Ok(Isolation::Database),
            isolation => Err(CreateError::Impossible { isolation, server: server.clone() }),
        }
    }

    /// Whether what a tenant would claim is there already.
    fn exists(&self, placement: &Placement) -> Result<bool, CreateError> {
        let (database, schema) = match placement {
            Placement::Made { .. } => return Ok(false),
            Placement::Claimed { database } => (database, None),
            Placement::Adopted { database, schema } => (database, Some(schema.clone())),
        };
        if self.0.directory.records().iter().any(|record| record.placement == *placement) {
            let database = database.clone();
            return Err(match schema {
                None => CreateError::DatabaseTaken(database),
                Some(schema) => CreateError::SchemaTaken { database, schema },
            });
        }
        if self.0.places.postgres().contains_key(database) {
            return Ok(true);
        }
        is_database(&self.0.places.files(placement)?.0)
    }

    /// The PostgreSQL server that a new tenant's data is to be on, if it is on one.
    fn server_of(&self, row: &NewRow) -> Option<&Alias> {
        self.0.places.postgres().get_key_value(row.placement.alias()).map(|(alias, _)| alias)
    }

    /// Notes where the servers are that get tenants, and says so when one was elsewhere before: its tenants of then
    /// have stayed there.
    async fn note_servers(&self, rows: &[NewRow]) -> Result<(), CreateError> {
        let servers: BTreeSet<&Alias> = rows
            .iter()
            .filter_map(|row| match &row.placement {
                Placement::Made { server, .. } => Some(server),
                Placement::Claimed { .. } | Placement::Adopted { .. } => None,
            })
            .collect();
        for alias in servers {
            let now = match self.0.places.postgres().get(alias) {
                Some(server) => server.serving.place(),
                None => self.0.places.server(alias)?.display().to_string(),
            };
            let before = self.0.directory.note_server(alias.clone(), now.clone()).await?;
            if before != now {
                tracing::warn!(server = %alias, %before, %now, "the server is not where it was when first used");
            }
        }
        Ok(())
    }

    /// Gives tenants their data, then activates them all at once.
    async fn make(
        &self,
        work: &[(TenantId, NewRow)],
        template: Option<&Arc<[u8]>>,
        owner: &Owner,
        made: impl Fn(usize) + Send,
    ) -> Result<(), CreateError> {
        for (batch, done) in work.chunks(BATCH).zip(1..) {
            let (on_servers, here): (Vec<_>, Vec<_>) =
                batch.iter().partition(|(_, row)| self.server_of(row).is_some());
            let (claimed, copied): (Vec<_>, Vec<_>) = here.into_iter().partition(|(_, row)| row.existed);
            if let Some(template) = template {
                let files = copied.iter().map(|(_, row)| self.0.places.files(&row.placement));
                copy_all(template, files.collect::<Result<_, _>>()?).await?;
            }
            for (id, row) in claimed {
                self.adopt(*id, row).await?;
            }
            for (id, row) in on_servers {
                if let Some(server) = self.server_of(row) {
                    self.provision(*id, server, &row.placement).await?;
                }
            }
            made(work.len().min(done * BATCH));
        }
        let made = work.iter().map(|(id, row)| (*id, row.status)).collect();
        Ok(self.0.directory.end_create(made, self.version(), owner.name()).await?)
    }

    /// Brings a database that was there before up to the history.
    async fn adopt(&self, id: TenantId, row: &NewRow) -> Result<(), CreateError> {
        let (path, lock) = self.0.places.files(&row.placement)?;
        drop(FileLock::create(&lock).map_err(|error| files::lock_failed(&lock, error))?);
        files::sync_folders_of([&*lock])?;
        let file = Arc::new(DataFile::new(id, path.clone(), lock));
        let applied = apply(&self.sqlite_store(file), None, &self.0.history).await;
        self.0.pool.close(id).await;
        applied.map(drop).map_err(|error| CreateError::Adopt { path, error })
    }

    /// Takes back what was begun, and says whether all of it could be. What can't be taken back now, reconcile does.
    async fn undo(&self, work: &[(TenantId, NewRow)]) -> bool {
        let mut all = true;
        for (id, row) in work {
            let undone = self.undo_create(*id, &row.placement, row.existed).await;
            if let Err(error) = undone {
                tracing::error!(%error, slug = %row.slug, "a tenant is half made; reconcile removes it");
                all = false;
            }
        }
        all
    }
}

impl From<RowConflict> for CreateError {
    fn from(conflict: RowConflict) -> Self {
        match conflict {
            RowConflict::Slug(slug) => Self::SlugTaken(slug),
            RowConflict::Domain(host) => Self::DomainTaken(host),
            RowConflict::Claimed(alias) => Self::DatabaseTaken(alias),
            RowConflict::Directory(error) => Self::Directory(error),
        }
    }
}
