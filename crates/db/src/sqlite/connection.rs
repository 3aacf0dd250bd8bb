//! A connection as every one of them is opened: its flags, its pragmas, and what no statement on it may do.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, DEFAULT_NAME, ErrorCode, OpenFlags};

use super::clock::{JobClock, STEPS};
use super::error::EngineError;
use super::pool::Synchronous;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// An open connection to one tenant's file.
#[derive(Debug)]
pub(super) struct OpenConnection {
    /// In a box: it goes from hand to hand with every operation.
    pub(super) db: Box<Connection>,
    pub(super) clock: JobClock,
    /// Whether BEGIN, COMMIT and ROLLBACK pass just now: only the engine's own do.
    control: Arc<AtomicBool>,
}

/// How long a writer waits for another process's writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements kept on each connection.
const STATEMENTS: usize = 64;

/// Pragmas that only tell; full-text search asks the first. Every other is refused.
const ALLOWED_PRAGMAS: [&str; 11] = [
    "data_version",
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];

/// What a statement may take, far below SQLite's own bounds: what one tenant's takes, all others lack.
const LIMITS: [(Limit, i32); 4] = [
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    // A value, or a row.
    (Limit::SQLITE_LIMIT_LENGTH, 64 * 1_024 * 1_024),
    // A statement, or a script of a migration.
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 8 * 1_024 * 1_024),
    // A pattern of LIKE or GLOB. Each % may be one more call on the thread's stack, at whose end the process ends; and
    // comparing takes the pattern's length times the text's, while nothing looks at the clock.
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500),
];

impl OpenConnection {
    /// Opens a tenant's file. It is never created here.
    pub(super) fn open(path: &Path, access: Access, synchronous: Synchronous) -> rusqlite::Result<Self> {
        let mut db = open_existing(path)?;
        #[cfg(feature = "testkit")]
        super::count::count(&mut db)?;
        prepare(&db, synchronous)?;
        if access == Access::Read {
            db.pragma_update(None, "query_only", true)?;
        }
        let control = Arc::new(AtomicBool::new(false));
        let allowed = Arc::clone(&control);
        db.authorizer(Some(move |asked: AuthContext<'_>| authorize(&asked, &allowed)))?;
        let clock = JobClock::default();
        let ticking = clock.clone();
        db.progress_handler(STEPS, Some(move || ticking.tick()))?;
        Ok(Self { db: Box::new(db), clock, control })
    }

    /// Runs one of the engine's own BEGIN, COMMIT and ROLLBACK.
    pub(super) fn control(&self, sql: &str) -> rusqlite::Result<()> {
        self.control.store(true, Ordering::Relaxed);
        let done = self.db.execute_batch(sql);
        self.control.store(false, Ordering::Relaxed);
        done
    }

    /// Begins a transaction that writes, and undoes it where `first` fails.
    pub(super) fn begin(
        &self,
        first: impl FnOnce(&Connection) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        self.control("BEGIN IMMEDIATE")?;
        first(&self.db).inspect_err(|_| self.roll_back())
    }

    /// Runs `job` in one transaction, which is kept where it succeeds.
    pub(super) fn in_one<T>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.begin(|_| Ok(()))?;
        let done = job(&self.db).and_then(|done| {
            self.control("COMMIT")?;
            Ok(done)
        });
        done.inspect_err(|_| self.roll_back())
    }

    /// Undoes the transaction that is open, if SQLite has not done so by itself. A connection on which that fails is
    /// closed by whoever finds it so.
    fn roll_back(&self) {
        if self.in_transaction()
            && let Err(error) = self.control("ROLLBACK")
        {
            tracing::debug!(%error, "a transaction could not be rolled back: its connection is closed");
        }
    }

    /// Writes the log back into the file and empties it, unless another process is in the way.
    pub(super) fn write_back(&self) -> rusqlite::Result<()> {
        self.db.busy_timeout(Duration::ZERO)?;
        let written = self.db.wal_checkpoint_v2(DEFAULT_NAME, CheckpointMode::TRUNCATE);
        self.db.busy_timeout(BUSY_TIMEOUT)?;
        written.map(drop)
    }

    /// Whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        !self.db.is_autocommit()
    }
}

/// Opens a file that only this process can reach yet or no more: a template being made, a file being examined.
/// What it may do is not limited; who calls it holds the exclusive lock.
pub(crate) fn open_exclusively(path: &Path, create: bool) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, create);
    open(path, flags)
}

/// Whether a file that is there is a SQLite database. One that another program works on just now is one.
pub(crate) fn is_sqlite(path: &Path) -> rusqlite::Result<bool> {
    let looked = open_existing(path)
        .and_then(|db| db.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0)));
    match looked.map_err(|error| (error.sqlite_error_code(), error)) {
        Ok(_) | Err((Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked), _)) => Ok(true),
        Err((Some(ErrorCode::NotADatabase), _)) => Ok(false),
        Err((_, error)) => Err(error),
    }
}

/// Writes the log of a database that only this process can reach into its file. SQLite does so too when a database is
/// closed, but keeps to itself that it could not.
pub(crate) fn write_back(path: &Path) -> rusqlite::Result<()> {
    open_exclusively(path, false)?.pragma_update(None, "wal_checkpoint", "truncate")
}

/// Ends what a process that was killed has left of its work on a database: the file then holds what was committed, and
/// unless another program is at work there, nothing lies beside it.
pub(crate) fn settle(path: &Path) -> rusqlite::Result<()> {
    let db = open_existing(path)?;
    // To read is to play a journal back; to close last is to write the log into the file.
    db.pragma_query_value(None, "schema_version", |_| Ok(()))?;
    let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        // An empty journal is none for SQLite, which passes it over until it is told to keep one, and then not to.
        for mode in ["persist", mode.as_str()] {
            db.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))?;
        }
    }
    Ok(())
}

/// Whether it failed because the disk is full.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| (error.code, error.extended_code));
    // The index of a log that can't be made as large as it must be: nothing but room is needed for it.
    matches!(code, Some((ErrorCode::DiskFull, _) | (_, SQLITE_IOERR_SHMSIZE)))
}

fn open_existing(path: &Path) -> rusqlite::Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

#[allow(clippy::disallowed_methods, reason = "the one place that opens tenants' files")]
fn open(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // Paths were resolved when the instance was opened: a link that is met now was put there since, and may lead to
    // another tenant's file.
    Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NOFOLLOW)
}

fn prepare(db: &Connection, synchronous: Synchronous) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    for (limit, most) in LIMITS {
        db.set_limit(limit, most)?;
    }
    let mode: String = db.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0))?;
    }
    db.pragma_update(None, "synchronous", synchronous.as_pragma())?;
    // In KiB when negative: a quarter of SQLite's default, since there may be thousands of these.
    db.pragma_update(None, "cache_size", -512)
}

/// What no statement may do: leave the file (ATTACH, and VACUUM INTO which is one), change the connection for whoever
/// has it next (pragmas, temporary tables), or meddle with the engine's transactions.
fn authorize(asked: &AuthContext<'_>, control: &AtomicBool) -> Authorization {
    match asked.action {
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::CreateTempTable { .. }
        | AuthAction::CreateTempIndex { .. }
        | AuthAction::CreateTempTrigger { .. }
        | AuthAction::CreateTempView { .. } => Authorization::Deny,
        // `CREATE TABLE temp.t` and the like are none of those, but all of them enter what they make here.
        AuthAction::Insert { .. } if asked.database_name == Some("temp") => Authorization::Deny,
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } if !control.load(Ordering::Relaxed) => {
            Authorization::Deny
        }
        // R-trees ask it when they are made.
        AuthAction::Pragma { pragma_name: "page_size", pragma_value: None } => Authorization::Allow,
        AuthAction::Pragma { pragma_name, .. } if !ALLOWED_PRAGMAS.contains(&pragma_name) => {
            Authorization::Deny
        }
        AuthAction::Function { function_name } if function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Deny
        }
        _ => Authorization::Allow,
    }
}
