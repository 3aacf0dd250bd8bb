//! What is measured on: tenants in a folder beside the program, and one file of the same notes for the ceiling.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;
use tenantry::core::{Slug, Tenant};
use tenantry::db::{Instance, InstanceConfig, Synchronous};

use crate::{Fault, notes};

/// The tenants whose notes are asked for.
pub(crate) const TENANTS: usize = 100;

/// The tenant that runs reports, and how many notes it looks through.
pub(crate) const REPORTER: &str = "reporter";
const REPORTED: u32 = 500_000;

/// The notes of every other tenant, and of the ceiling.
const NOTES: u32 = 1_000;

/// Notes that are worth their time to read and to write: text of the example's length, an instant with its fraction.
const FILL: &str = "INSERT INTO notes_note (title, body, created)
    WITH RECURSIVE number(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < ?)
    SELECT 'Note ' || n || ' of this tenant', 'Nobody but this tenant''s users reads it.',
        strftime('%Y-%m-%d %H:%M:%S', 1700000000 + 61 * n, 'unixepoch') || printf('.%06d', 7919 * n % 1000000)
    FROM number";

/// The ceiling's only table, as a tenant's own is.
const TABLE: &str = "CREATE TABLE notes_note (id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    title varchar(200) NOT NULL, body text NOT NULL, created datetime NOT NULL)";

/// The files of both sides. They go with it.
pub(crate) struct Data {
    folder: TempDir,
}

impl Data {
    /// Makes the tenants and fills them, and the ceiling's file.
    pub(crate) async fn prepare() -> Result<Self, Fault> {
        eprintln!("making {TENANTS} tenants with {NOTES} notes each, and one with {REPORTED}");
        let data = Self { folder: folder()? };
        create(data.tenants(), TENANTS)?;
        let reporter = ["tenant", "create", REPORTER, "--domain", &host_of(REPORTER)];
        finish(program(data.tenants()).args(reporter))?;
        fill(data.tenants()).await?;
        #[expect(clippy::disallowed_methods, reason = "the file is no tenant's")]
        let file = Connection::open(data.file())?;
        file.execute(TABLE, ())?;
        file.execute(FILL, [NOTES])?;
        Ok(data)
    }

    /// The data folder of the tenants.
    pub(crate) fn tenants(&self) -> &Path {
        self.folder.path()
    }

    /// The ceiling's file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("ceiling.sqlite3")
    }
}

/// A folder that is gone when it is dropped. Beside the program: where files for a moment are kept may be memory, in
/// which nothing waits for a disk.
pub(crate) fn folder() -> Result<TempDir, Fault> {
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(programs()?)?)
}

/// The folder with this program and those of the two sides.
pub(crate) fn programs() -> Result<PathBuf, Fault> {
    let this = std::env::current_exe()?;
    Ok(this.parent().ok_or("the program is in no folder")?.to_owned())
}

/// Tenantry's side, with its data in `folder`, nothing from the environment, and a log of warnings alone.
pub(crate) fn program(folder: &Path) -> Command {
    let program = programs().unwrap_or_default().join("bench-tenants");
    let mut command = Command::new(program);
    let settings = [("LISTEN", "127.0.0.1:0"), ("LOG_LEVEL", "warn")];
    command.current_dir(folder).env_clear().env("DATA_DIR", folder).envs(settings).stdin(Stdio::null());
    command
}

/// Runs a command to its end and says how long that took.
pub(crate) fn finish(command: &mut Command) -> Result<Duration, Fault> {
    let begun = Instant::now();
    let done = command.output()?;
    let took = begun.elapsed();
    if done.status.success() {
        return Ok(took);
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&done.stderr)).into())
}

/// Makes tenants from a file, and says how long that took.
pub(crate) fn create(folder: &Path, count: usize) -> Result<Duration, Fault> {
    finish(program(folder).args(["tenant", "create", "--from"]).arg(list(folder, count)?))
}

/// A file in `folder` that lists tenants.
pub(crate) fn list(folder: &Path, count: usize) -> Result<PathBuf, Fault> {
    let list = folder.join("tenants.csv");
    let mut lines = String::new();
    for number in 1..=count {
        let slug = slug_of(number);
        writeln!(lines, "{slug},{},Tenant {number}", host_of(&slug))?;
    }
    fs::write(&list, lines)?;
    Ok(list)
}

/// The slug of the tenant with this number, counted from 1.
pub(crate) fn slug_of(number: usize) -> String {
    format!("t{number:05}")
}

/// The host that leads to a tenant; `load.lua` makes the same.
pub(crate) fn host_of(slug: &str) -> String {
    format!("{slug}.bench.test")
}

async fn fill(folder: &Path) -> Result<(), Fault> {
    let config = InstanceConfig {
        data: folder.to_owned(),
        directory: None,
        databases: std::collections::BTreeMap::new(),
        descriptors: 1_000,
        connections: 1,
        deadline: Duration::from_secs(60),
        synchronous: Synchronous::Full,
        actor: "bench".to_owned(),
    };
    let instance = Instance::open(config, notes::app().registry())?;
    for record in instance.directory().records() {
        let reports = record.slug == REPORTER.parse::<Slug>()?;
        let db = instance.tenant_db(&Tenant::from_record(record)?)?;
        let count = if reports { REPORTED } else { NOTES };
        db.raw_execute(FILL, vec![i64::from(count).into()]).await?;
    }
    instance.close().await;
    Ok(())
}
