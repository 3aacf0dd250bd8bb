//! The directory: which tenants there are, what leads to them, and where their data is.
//!
//! It is read from memory, which is brought up to date after each change of this process and, within a quarter of a
//! second, after a change of another. It is written by one thread, which owns the connection for that.
//!
//! A change is acknowledged once memory holds it. A tenant whose entry can't be read is not served, and is that
//! tenant's trouble alone. While the directory can't be read at all, changes are errors; after five seconds of it
//! nobody is served, because a change that another process has acknowledged would not be known here.

mod change;
mod index;
mod journal;
mod memory;
mod operator;
mod read;
mod schema;
mod stats;
mod thread;
mod version;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tenantry_core::{NotServing, Slug, Tenant, TenantId, TenantKey, TenantRecord};

use crate::sqlite::is_full;

pub use change::{ChangeError, DomainError, RenameError};
pub(crate) use change::{NewRow, RowConflict};
use index::Held;
pub use index::Unreadable;
pub(crate) use journal::{Entry, Operation, UnreadableEntry};
pub(crate) use memory::LONGEST_UNSEEN;
use memory::Memory;
pub use operator::{AddOperatorError, Operator, check_operator_name};
pub use read::{AuditEntry, TenantDetails};
pub use stats::DirectoryStats;
use thread::Owner;
pub(crate) use version::{Noted, Version};

/// The directory of an instance. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    memory: Arc<Memory>,
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
    /// There is one, and its entry in the directory can't be read.
    #[error("the tenant is not served: its entry in the directory can't be read")]
    Unreadable,
    /// The directory could not be read for so long that nobody knows who is to be served.
    #[error("the directory has not been readable for some time")]
    Unseen,
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
    /// The file is not there any more.
    #[error("the directory {} can't be looked at: {error}", .path.display())]
    Gone {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Another file was put in the place of the one that this process has open.
    #[error("another file was put in the place of the directory {}; start again to use it", .0.display())]
    Replaced(PathBuf),
    /// What was asked for is done, and stays so, but what the directory says now could not be read back: this process
    /// may not go by it yet.
    #[error("it is done, but the directory could not be read back: {0}")]
    Unseen(#[source] Box<DirectoryError>),
    /// It is not known whether this process goes by what the directory says.
    #[error("the directory has not been readable for {} seconds", .0.as_secs())]
    Behind(Duration),
    /// Too many others wait for the directory. Nothing was done.
    #[error("too much is asked of the directory at the same time")]
    Crowded,
    /// A thread for the directory can't be started.
    #[error("a thread for the directory can't be started: {0}")]
    NoThread(#[source] io::Error),
    /// The directory is being closed.
    #[error("the directory is closed")]
    Closed,
}

impl From<rusqlite::Error> for DirectoryError {
    fn from(error: rusqlite::Error) -> Self {
        if is_full(&error) { Self::Full } else { Self::Database(error) }
    }
}

/// Within what time every process goes by a change that one of them made.
const PROMISE: Duration = Duration::from_secs(1);

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
        let db = schema::open(path)?;
        let memory = Arc::new(Memory::open(path, Box::new(heard))?);
        let owner = Owner::start(db, &memory)?;
        Ok(Self { memory, owner: Arc::new(owner), actor: actor.into() })
    }

    /// The active tenant that a request's claim leads to.
    ///
    /// # Errors
    /// Raised when there is none, when it was deleted, when it is not active or its entry can't be read, and for every
    /// claim once the directory could not be read for five seconds.
    pub fn resolve(&self, key: &TenantKey) -> Result<Tenant, ResolveError> {
        if self.memory.unseen() > LONGEST_UNSEEN {
            return Err(ResolveError::Unseen);
        }
        self.memory.read().resolve(key)
    }

    /// Whether this process goes by what the directory says now, or said less than a second ago.
    ///
    /// # Errors
    /// [`DirectoryError::Behind`] when that is not known.
    pub fn check(&self) -> Result<(), DirectoryError> {
        let unseen = self.memory.unseen();
        if unseen < PROMISE { Ok(()) } else { Err(DirectoryError::Behind(unseen)) }
    }

    /// The tenant with this slug, in any status.
    #[must_use]
    pub fn record(&self, slug: &Slug) -> Option<Arc<TenantRecord>> {
        self.memory.read().by_slug(slug).and_then(Held::whole)
    }

    /// The tenant with this id, in any status.
    #[must_use]
    pub fn record_by_id(&self, id: TenantId) -> Option<Arc<TenantRecord>> {
        self.memory.read().by_id(id).and_then(Held::whole)
    }

    /// Every tenant, in any status, by id.
    #[must_use]
    pub fn records(&self) -> Vec<Arc<TenantRecord>> {
        self.memory.read().records().collect()
    }

    /// The tenants whose entries can't be read, by id. They are not among the others.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Arc<Unreadable>> {
        self.memory.read().unreadable().cloned().collect()
    }

    /// Who is written into the audit for what this process does.
    pub(crate) fn actor(&self) -> Arc<str> {
        Arc::clone(&self.actor)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("tenants", &self.memory.read().records().count())
            .finish_non_exhaustive()
    }
}
