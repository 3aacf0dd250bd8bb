//! The directory: which tenants there are, what leads to them, and where their data is.
//!
//! It is read from memory, which is brought up to date after each change of this process and, within a quarter of a
//! second, after a change of another. It is written by one thread, which owns the connection.

mod change;
mod index;
mod journal;
mod operator;
mod read;
mod schema;
mod thread;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tenantry_core::{NotServing, Slug, Tenant, TenantId, TenantKey, TenantRecord};

use crate::sqlite::is_full;

pub use change::{ChangeError, DomainError, RenameError};
pub(crate) use change::{NewRow, RowConflict};
use index::Index;
pub(crate) use journal::{Entry, Operation};
pub use operator::{AddOperatorError, Operator};
pub use read::{AuditEntry, TenantDetails};
use thread::Owner;

/// The directory of an instance. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    index: Arc<RwLock<Index>>,
    owner: Arc<Owner>,
    actor: Arc<str>,
}

/// Raised when a request's claim leads to no tenant that can be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such tenant, or it was deleted.
    #[error("there is no such tenant")]
    Unknown,
    /// There is one, and it is not served now.
    #[error(transparent)]
    NotServing(#[from] NotServing),
}

/// Raised when the directory itself can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The file is something else: not SQLite, or a SQLite file of another program.
    #[error("{} is not a directory of tenants made by this program", .0.display())]
    NotADirectory(PathBuf),
    /// The file was made by a newer version of this program.
    #[error(
        "the directory has version {found}, and this program knows versions up to {known}; use a newer program"
    )]
    Newer {
        /// The file's version.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
    /// Something in the directory does not read as what it should be.
    #[error("the directory holds something that this program can't read: {0}")]
    Unreadable(String),
    /// The disk is full. Of the change nothing was kept.
    #[error("the disk that holds the directory is full: make room there and try again")]
    Full,
    /// SQLite refused.
    #[error("the directory's database refused")]
    Database(#[source] rusqlite::Error),
    /// What is in memory may be out of date.
    #[error("the directory can't be read, or a change of it takes too long")]
    Stale,
    /// The directory is being closed.
    #[error("the directory is closed")]
    Closed,
}

impl From<rusqlite::Error> for DirectoryError {
    fn from(error: rusqlite::Error) -> Self {
        if is_full(&error) { Self::Full } else { Self::Database(error) }
    }
}

/// What changed in memory: the tenant as it was and as it is.
pub(crate) struct Changed {
    pub(crate) before: Option<Arc<TenantRecord>>,
    pub(crate) after: Option<Arc<TenantRecord>>,
}

impl Directory {
    /// Opens the directory at `path`, making it when it is not there. `heard` is told of every tenant that changes.
    pub(crate) fn open(
        path: &Path,
        actor: &str,
        heard: impl Fn(&[Changed]) + Send + 'static,
    ) -> Result<Self, DirectoryError> {
        let index = Arc::new(RwLock::new(Index::default()));
        let owner = Owner::start(schema::open(path)?, Arc::clone(&index), Box::new(heard))?;
        Ok(Self { index, owner: Arc::new(owner), actor: actor.into() })
    }

    /// The active tenant that a request's claim leads to.
    ///
    /// # Errors
    /// Raised when there is none, when it was deleted, and when it is not active.
    pub fn resolve(&self, key: &TenantKey) -> Result<Tenant, ResolveError> {
        self.read().resolve(key)
    }

    /// The tenant with this slug, in any status.
    #[must_use]
    pub fn record(&self, slug: &Slug) -> Option<Arc<TenantRecord>> {
        self.read().by_slug(slug).cloned()
    }

    /// The tenant with this id, in any status.
    #[must_use]
    pub fn record_by_id(&self, id: TenantId) -> Option<Arc<TenantRecord>> {
        self.read().by_id(id).cloned()
    }

    /// Every tenant, in any status, by id.
    #[must_use]
    pub fn records(&self) -> Vec<Arc<TenantRecord>> {
        self.read().records().cloned().collect()
    }

    /// The tenants whose entries can't be read, and why not. Nothing leads to them.
    #[must_use]
    pub fn unreadable(&self) -> Vec<(TenantId, String)> {
        self.read().unreadable.iter().map(|(id, why)| (*id, why.clone())).collect()
    }

    /// Who is written into the audit for what this process does.
    pub(crate) fn actor(&self) -> Arc<str> {
        Arc::clone(&self.actor)
    }

    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("tenants", &self.read().records().count()).finish_non_exhaustive()
    }
}
