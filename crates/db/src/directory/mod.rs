//! The directory: which tenants there are, what leads to them, and where their data is.
//!
//! It is a file of its own, or a schema of a PostgreSQL server, which processes on several machines share. It is read from
//! memory, which is brought up to date after each change of this process and, within a quarter of a second, after a change
//! of another. It is written by one thread, which owns the connection for that.
//!
//! A change is acknowledged once memory holds it. A tenant whose entry can't be read is not served, and is that
//! tenant's trouble alone. While the directory can't be read at all, changes are errors; after five seconds of it
//! nobody is served, because a change that another process has acknowledged would not be known here.

mod change;
mod claim;
mod index;
mod journal;
mod memory;
mod operator;
mod read;
mod remote;
mod schema;
mod server_schema;
mod session;
mod stats;
#[cfg(test)]
mod tests;
mod thread;
mod version;

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tenantry_core::{NotServing, Slug, Tenant, TenantId, TenantKey, TenantRecord};

use crate::places::DirectoryPlace;
use crate::sqlite::is_full;

pub use change::{ChangeError, DomainError, RenameError};
pub(crate) use change::{NewRow, RowConflict};
pub(crate) use claim::Claim;
use index::Held;
pub use index::Unreadable;
pub(crate) use journal::{Entry, Operation, UnreadableEntry};
pub(crate) use memory::LONGEST_UNSEEN;
use memory::{Heard, Memory, Source};
pub use operator::{AddOperatorError, Operator, check_operator_name};
pub use read::{AuditEntry, TenantDetails};
use remote::{Remote, Way};
use session::Session;
pub use stats::DirectoryStats;
use thread::{Owner, Wake};
pub(crate) use version::{Noted, Version};

/// The directory of an instance. Cheap to clone.
#[derive(Clone)]
pub struct Directory {
    memory: Arc<Memory>,
    owner: Arc<Owner>,
    /// Where it is on a server.
    way: Option<Arc<Way>>,
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
    /// The file or the schema is something else: not SQLite, or another program's.
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
    /// SQLite, or the PostgreSQL server, refused. Nothing was done.
    #[error("the directory's database refused")]
    Database(#[source] Box<dyn Error + Send + Sync>),
    /// The server that holds the directory can't be reached, or does not let us in. Nothing was done.
    #[error("the directory at {place} can't be reached: {why}")]
    Unreachable {
        /// The server's URL, without a password.
        place: String,
        /// Why.
        why: String,
    },
    /// The connection broke off before the server said whether it has kept a change, and it could not be asked since.
    #[error(
        "the directory's server went away before it said whether the change is done: look once it is back, and do it \
         again only where it is not"
    )]
    InDoubt,
    /// A pooler hands connections on, and the directory needs one that lasts: it listens, and holds locks.
    #[error(
        "the directory can't be used through a pooler such as PgBouncer, and {0} leads to one: name the server itself, by \
         DB_DEFAULT_OWNER where only what serves goes through the pooler"
    )]
    Pooled(String),
    /// The schema is another role's, who could put anything into it.
    #[error(
        "the schema tenantry, which is to hold the directory, belongs to the role {owner}: sign in as that one \
         (DB_DEFAULT_OWNER), or `ALTER SCHEMA tenantry OWNER TO` the one that does"
    )]
    Foreign {
        /// The role.
        owner: String,
    },
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
        if is_full(&error) { Self::Full } else { Self::Database(error.into()) }
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
    /// Opens the directory, making it when it is not there. `heard` is told of every tenant that changes.
    pub(crate) fn open(
        place: &DirectoryPlace,
        actor: &str,
        heard: impl Fn(&[Changed]) + Send + 'static,
    ) -> Result<Self, DirectoryError> {
        let heard: Heard = Box::new(heard);
        aside(|| {
            let (looks, woken) = mpsc::channel();
            let (session, source, way) = match place {
                DirectoryPlace::File(path) => (Session::File(schema::open(path)?), Source::file(path)?, None),
                DirectoryPlace::Server(url) => {
                    let way = Way::new(url)?;
                    let mut session = Remote::new(&way, None);
                    server_schema::complete(&mut session)?;
                    let source = listening(&way, looks.clone());
                    (Session::Server(session), source, Some(way))
                }
            };
            let memory = Arc::new(Memory::open(source, heard)?);
            let owner = Owner::start(session, &memory, (looks, woken))?;
            Ok(Self { memory, owner: Arc::new(owner), way, actor: actor.into() })
        })
    }

    /// Whether there is a directory already.
    pub(crate) fn is_there(place: &DirectoryPlace) -> Result<bool, DirectoryError> {
        match place {
            // What can't be looked at, to open it says why.
            DirectoryPlace::File(path) => Ok(path.try_exists().unwrap_or(true)),
            DirectoryPlace::Server(url) => {
                aside(|| server_schema::is_there(&mut Remote::new(&Way::new(url)?, None)))
            }
        }
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

/// A server as the source, which wakes whoever looks when it tells of a change.
fn listening(way: &Arc<Way>, looks: mpsc::Sender<Wake>) -> Source {
    let told = Arc::new(move || {
        let _ = looks.send(Wake::Look);
    });
    Source::server(Remote::new(way, Some(told)))
}

/// Runs what waits for a server on a thread of its own: on one of an asynchronous runtime nothing may wait so.
fn aside<T: Send>(work: impl FnOnce() -> Result<T, DirectoryError> + Send) -> Result<T, DirectoryError> {
    std::thread::scope(|scope| {
        let worker = std::thread::Builder::new().name("tenantry-opening".to_owned());
        let worker = worker.spawn_scoped(scope, work).map_err(DirectoryError::NoThread)?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
