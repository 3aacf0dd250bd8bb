//! Plans and applies a history to one tenant's data.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;

use rusqlite::{Connection, ffi};

use super::adopt::{Unrecognised, recognise};
use super::history::{Entry, History};
use super::ledger::{self, LedgerError, Row};
use super::operation::{MigrationId, Operation};
use super::step::{StepDb, StepError};
use super::{builtin, permissions, render};
use crate::model::{QueryError, VersionError};
use crate::places::UnknownPlace;
use crate::sqlite::{DataFile, EngineError, Lease, Pool};
use crate::tenant_db::query_error;

/// What a tenant's data has had, and what it would get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Every migration of this program, in order.
    pub migrations: Vec<Planned>,
    /// Migrations of a newer program that were applied too: each was declared additive.
    pub ahead: Vec<MigrationId>,
}

/// A migration, and where one tenant's data stands with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The migration.
    pub migration: MigrationId,
    /// Where the data stands.
    pub state: State,
}

/// Where a tenant's data stands with a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It was applied.
    Applied,
    /// Its tables were made by Django and taken over as they were.
    Adopted,
    /// It would be applied.
    ToApply,
    /// Its tables are there, made by Django, and would be taken over as they are.
    ToAdopt,
}

/// What was done to one tenant's data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The migrations, in order.
    pub migrations: Vec<MigrationId>,
}

/// Raised when one tenant's data can't be migrated. The migrations before the one that failed stay applied; of that
/// one, nothing does.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The data's past and the program's are not the same.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The database has some of Django's tables, but not all of them as Django 4.1 makes them.
    #[error(
        "the database is not as Django 4.1 leaves it: {0}; nothing was changed, migrate it with Django first"
    )]
    Unrecognised(#[from] Unrecognised),
    /// A migration failed.
    #[error("migration {migration} failed: {}", chain(reason.as_ref()))]
    Failed {
        /// The migration.
        migration: MigrationId,
        /// Why.
        reason: StepError,
    },
    /// A migration's Rust panicked: raised only for one tenant of a fleet.
    #[error("a migration's step panicked")]
    Panicked,
    /// The data is at an alias that is not configured.
    #[error(transparent)]
    Place(#[from] UnknownPlace),
    /// The database itself can't be used.
    #[error("the database can't be used: {}", chain(.0))]
    Database(QueryError),
}

impl Plan {
    /// What is still to be done, in order.
    pub fn pending(&self) -> impl Iterator<Item = &Planned> {
        self.migrations.iter().filter(|planned| planned.state.is_pending())
    }

    /// Whether the data was made by Django, or will have been once the plan is carried out: its password hashes then
    /// stay readable for Django.
    #[must_use]
    pub fn adopted(&self) -> bool {
        self.migrations.iter().any(|planned| matches!(planned.state, State::Adopted | State::ToAdopt))
    }
}

impl State {
    fn is_pending(self) -> bool {
        matches!(self, Self::ToApply | Self::ToAdopt)
    }
}

/// Reads what a tenant's data has had, and says what it would get.
///
/// # Errors
/// Raised when the data's past and the program's are not the same, or the database can't be used.
pub(crate) async fn plan(
    pool: &Pool,
    file: &Arc<DataFile>,
    history: &Arc<History>,
) -> Result<Plan, ApplyError> {
    let history = Arc::clone(history);
    pool.read(file, move |connection| look(connection, &history)).await?
}

/// Whether a program with this history can serve a tenant's data.
///
/// # Errors
/// [`QueryError::Version`] when it can't; raised also when the data can't be read.
pub(crate) async fn judge(
    pool: &Pool,
    file: &Arc<DataFile>,
    history: &Arc<History>,
) -> Result<(), QueryError> {
    let refused = match plan(pool, file, history).await {
        Ok(plan) => match plan.pending().next() {
            None => return Ok(()),
            Some(Planned { migration, .. }) => VersionError::Behind { missing: migration.to_string() },
        },
        Err(ApplyError::Database(error)) => return Err(error),
        Err(ApplyError::Ledger(LedgerError::Newer(id))) => VersionError::Ahead { unknown: id.to_string() },
        Err(foreign) => VersionError::Foreign { why: foreign.to_string() },
    };
    Err(refused.into())
}

/// Brings a tenant's data up to a history: every migration in a transaction of its own, together with its row in the
/// ledger; in the last one the content types and permissions of the models.
///
/// The plan is made anew under each transaction's lock, so that two processes may do this at once.
///
/// # Errors
/// Raised when a migration can't be applied, or when [`plan`] would raise it.
pub(crate) async fn apply(
    pool: &Pool,
    file: &Arc<DataFile>,
    history: &Arc<History>,
) -> Result<Applied, ApplyError> {
    let mut applied = Applied::default();
    loop {
        let lease = Arc::new(pool.begin(file).await?);
        match advance(&lease, history).await? {
            Some(migration) => applied.migrations.push(migration),
            None => return Ok(applied),
        }
    }
}

/// Carries out the first migration that is pending, commits, and returns it; with none, ensures what models need.
async fn advance(lease: &Arc<Lease>, history: &Arc<History>) -> Result<Option<MigrationId>, ApplyError> {
    let shared = Arc::clone(history);
    let plan = lease.run(move |connection| look(connection, &shared)).await??;
    let mut planned = plan.migrations.iter().zip(&history.entries);
    let Some((Planned { state, .. }, entry)) = planned.find(|(planned, _)| planned.state.is_pending()) else {
        let models = history.models.clone();
        lease.run(move |connection| permissions::ensure(connection, &models)).await?;
        lease.commit().await?;
        return Ok(None);
    };
    carry_out(lease, entry, *state == State::ToAdopt)
        .await
        .map_err(|reason| ApplyError::Failed { migration: entry.id.clone(), reason })?;
    Ok(Some(entry.id.clone()))
}

async fn carry_out(lease: &Arc<Lease>, entry: &Arc<Entry>, adopted: bool) -> Result<(), StepError> {
    if !adopted {
        for operation in &entry.migration.operations {
            perform(lease, operation).await?;
        }
    }
    let entry = Arc::clone(entry);
    let record = move |connection: &Connection| ledger::record(connection, &entry, adopted);
    lease.run(record).await.map_err(query_error)?;
    Ok(lease.commit().await.map_err(query_error)?)
}

async fn perform(lease: &Arc<Lease>, operation: &Operation) -> Result<(), StepError> {
    match operation {
        Operation::RunRust { step, .. } => step(StepDb::new(lease)).await,
        Operation::RunSql(sql) => Ok(run(lease, vec![sql.sqlite.to_owned()]).await?),
        on_schema => Ok(run(lease, render::sqlite(on_schema)).await?),
    }
}

async fn run(lease: &Lease, scripts: Vec<String>) -> Result<(), QueryError> {
    let all = move |connection: &Connection| scripts.iter().try_for_each(|sql| connection.execute_batch(sql));
    lease.run(all).await.map_err(query_error)
}

fn look(connection: &Connection, history: &History) -> rusqlite::Result<Result<Plan, ApplyError>> {
    let rows = ledger::read(connection)?;
    let ahead = match ledger::compare(history, &rows) {
        Ok(ahead) => ahead,
        Err(error) => return Ok(Err(error.into())),
    };
    let mut migrations = Vec::with_capacity(history.entries.len());
    for entry in &history.entries {
        let state = match state(connection, entry, &rows)? {
            Ok(state) => state,
            Err(error) => return Ok(Err(error.into())),
        };
        migrations.push(Planned { migration: entry.id.clone(), state });
    }
    Ok(Ok(Plan { migrations, ahead }))
}

fn state(
    connection: &Connection,
    entry: &Entry,
    rows: &[Row],
) -> rusqlite::Result<Result<State, Unrecognised>> {
    if let Some(row) = rows.iter().find(|row| row.id == entry.id) {
        return Ok(Ok(if row.adopted { State::Adopted } else { State::Applied }));
    }
    if (entry.migration.app, entry.migration.name) != builtin::FROZEN {
        return Ok(Ok(State::ToApply));
    }
    let recognised = recognise(connection, &entry.migration.operations)?;
    Ok(recognised.map(|there| if there { State::ToAdopt } else { State::ToApply }))
}

/// An error with its causes: an operator sees why one tenant of many failed in one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = successors(Some(error), |&error| error.source());
    // SQLite's bare code only repeats what its message says.
    let causes: Vec<_> = causes.filter(|cause| !cause.is::<ffi::Error>()).map(ToString::to_string).collect();
    causes.join(": ")
}

impl From<EngineError> for ApplyError {
    fn from(error: EngineError) -> Self {
        Self::Database(query_error(error))
    }
}
