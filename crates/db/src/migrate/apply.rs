//! Plans and applies a history to one tenant's data.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::ffi;
use tenantry_core::RowKey;

use super::adopt::{Unrecognised, recognise};
use super::audit::{Finding, SharedRoles, audit};
use super::history::{Entry, History};
use super::ledger::{self, LedgerError, Row};
use super::operation::{MigrationId, Operation};
use super::render::{Target, render};
use super::session::Session;
use super::step::{StepDb, StepError};
use super::{builtin, permissions, shared};
use crate::model::{QueryError, VersionError};
use crate::places::UnknownPlace;
use crate::postgres::tenant_setting;
use crate::tenant_db::{Begun, Store};

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
    /// With it, the tables that tenants share would not keep them apart, or they do not as they are.
    #[error("the tables that tenants share do not keep them apart: {}", listed(.0))]
    Unprotected(Vec<Finding>),
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
pub(crate) async fn plan(store: &Store, history: &History) -> Result<Plan, ApplyError> {
    look(&Session::read(store), history).await
}

/// Whether a program with this history can serve a tenant's data. `right` is the digest of the ledger that was found right the
/// last time, 0 before the first: on a server no more than the digest is asked while it is the same.
///
/// # Errors
/// [`QueryError::Version`] when it can't; raised also when the data can't be read.
pub(crate) async fn judge(store: &Store, history: &History, right: &AtomicI64) -> Result<(), QueryError> {
    // Asked before the rest: what is written in between is seen the next time.
    let digest = ledger::digest(&Session::read(store)).await?;
    if digest.is_some_and(|digest| digest == right.load(Ordering::Relaxed)) {
        return Ok(());
    }
    let refused = match plan(store, history).await {
        Ok(plan) => match plan.pending().next() {
            None => {
                right.store(digest.unwrap_or(0), Ordering::Relaxed);
                return Ok(());
            }
            Some(Planned { migration, .. }) => VersionError::Behind { missing: migration.to_string() },
        },
        Err(ApplyError::Database(error)) => return Err(error),
        Err(ApplyError::Ledger(LedgerError::Newer(id))) => VersionError::Ahead { unknown: id.to_string() },
        Err(foreign) => VersionError::Foreign { why: foreign.to_string() },
    };
    Err(refused.into())
}

/// What in the schema of shared tables does not keep tenants apart; nothing where there is none.
///
/// # Errors
/// Raised when the catalogue can't be read.
pub(crate) async fn findings(store: &Store, roles: &SharedRoles) -> Result<Vec<Finding>, QueryError> {
    audit(&Session::read(store), roles).await
}

/// Brings a tenant's data up to a history: every migration in a transaction of its own, together with its row in the
/// ledger; in the last one the content types and permissions of the models.
///
/// With `roles`, the data is that of all tenants in the shared tables. What a migration does to the tables it does once;
/// its SQL and Rust run for one tenant after the other, the template first, and before each commit it is looked through
/// whether the tables keep tenants apart.
///
/// The plan is made anew under each transaction's lock, so that two processes may do this at once.
///
/// # Errors
/// Raised when a migration can't be applied, or when [`plan`] would raise it.
pub(crate) async fn apply(
    store: &Store,
    roles: Option<&SharedRoles>,
    history: &History,
) -> Result<Applied, ApplyError> {
    let mut applied = Applied::default();
    loop {
        let transaction = Migrating::begin(store, roles).await?;
        match transaction.advance(history).await? {
            Some(migration) => applied.migrations.push(migration),
            None => return Ok(applied),
        }
    }
}

/// The transaction of one migration.
struct Migrating<'a> {
    store: &'a Store,
    /// Who works on the tables, where tenants share them.
    roles: Option<&'a SharedRoles>,
    begun: Arc<Begun>,
    session: Session,
}

impl<'a> Migrating<'a> {
    async fn begin(store: &'a Store, roles: Option<&'a SharedRoles>) -> Result<Self, ApplyError> {
        let begun = Arc::new(store.begin_alone().await?);
        let session = Session::within(store, &begun);
        Ok(Self { store, roles, begun, session })
    }

    /// Carries out the first migration that is pending, commits, and returns it; with none, ensures what models need.
    async fn advance(&self, history: &History) -> Result<Option<MigrationId>, ApplyError> {
        let plan = look(&self.session, history).await?;
        let mut planned = plan.migrations.iter().zip(&history.entries);
        let Some((Planned { state, .. }, entry)) = planned.find(|(planned, _)| planned.state.is_pending())
        else {
            self.ensure_permissions(history).await?;
            self.refuse_unprotected().await?;
            self.begun.commit().await?;
            return Ok(None);
        };
        self.carry_out(entry, *state == State::ToAdopt)
            .await
            .map_err(|reason| ApplyError::Failed { migration: entry.id.clone(), reason })?;
        Ok(Some(entry.id.clone()))
    }

    async fn carry_out(&self, entry: &Entry, adopted: bool) -> Result<(), StepError> {
        if !adopted {
            for operation in &entry.migration.operations {
                self.perform(operation).await?;
            }
        }
        ledger::record(&self.session, entry, adopted).await?;
        self.refuse_unprotected().await?;
        Ok(self.begun.commit().await?)
    }

    /// For every tenant of shared tables where the template lacks any: they were all given the same.
    async fn ensure_permissions(&self, history: &History) -> Result<(), QueryError> {
        self.name(self.roles.map(|_| RowKey::TEMPLATE)).await?;
        let added = permissions::ensure(&self.session, &history.models).await?;
        if self.roles.is_some() && added > 0 {
            for tenant in self.tenants().await? {
                self.name(tenant).await?;
                permissions::ensure(&self.session, &history.models).await?;
            }
        }
        Ok(())
    }

    /// Whose data it is: every tenant of shared tables, one after the other, or the one that the store is about.
    async fn tenants(&self) -> Result<Vec<Option<RowKey>>, QueryError> {
        match self.roles {
            Some(_) => Ok(shared::keys(&self.session).await?.into_iter().map(Some).collect()),
            None => Ok(vec![None]),
        }
    }

    /// Makes what follows that tenant's, until another is named.
    async fn name(&self, tenant: Option<RowKey>) -> Result<(), QueryError> {
        match tenant {
            Some(key) => self.begun.script(tenant_setting(key)).await,
            None => Ok(()),
        }
    }

    async fn refuse_unprotected(&self) -> Result<(), ApplyError> {
        let Some(roles) = self.roles else { return Ok(()) };
        let found = audit(&self.session, roles).await?;
        if found.is_empty() { Ok(()) } else { Err(ApplyError::Unprotected(found)) }
    }

    async fn perform(&self, operation: &Operation) -> Result<(), StepError> {
        match operation {
            Operation::RunRust { step, .. } => {
                for tenant in self.tenants().await? {
                    self.name(tenant).await?;
                    step(StepDb::new(self.store, &self.begun)).await?;
                }
            }
            Operation::RunSql(sql) => {
                let script = if self.session.target() == Target::Sqlite { sql.sqlite } else { sql.postgres };
                for tenant in self.tenants().await? {
                    self.name(tenant).await?;
                    self.begun.script(script.to_owned()).await?;
                }
            }
            on_schema => self.begun.script(self.rendered(on_schema).join(";\n")).await?,
        }
        Ok(())
    }

    /// The statements for an operation on the schema. The ledger of shared tables is one for all tenants.
    fn rendered(&self, operation: &Operation) -> Vec<String> {
        match (operation, self.roles) {
            (Operation::CreateTable(table), Some(roles)) if table.name == ledger::TABLE => {
                let own = render(Target::Postgres, operation);
                own.into_iter().chain([shared::ledger_is_read_only(&roles.serving)]).collect()
            }
            _ => render(self.session.target(), operation),
        }
    }
}

async fn look(session: &Session, history: &History) -> Result<Plan, ApplyError> {
    let rows = ledger::read(session).await?;
    let ahead = ledger::compare(history, &rows)?;
    let mut migrations = Vec::with_capacity(history.entries.len());
    for entry in &history.entries {
        migrations.push(Planned { migration: entry.id.clone(), state: state(session, entry, &rows).await? });
    }
    Ok(Plan { migrations, ahead })
}

async fn state(session: &Session, entry: &Entry, rows: &[Row]) -> Result<State, ApplyError> {
    if let Some(row) = rows.iter().find(|row| row.id == entry.id) {
        return Ok(if row.adopted { State::Adopted } else { State::Applied });
    }
    if (entry.migration.app, entry.migration.name) != builtin::FROZEN {
        return Ok(State::ToApply);
    }
    let there = recognise(session, &entry.migration.operations).await??;
    Ok(if there { State::ToAdopt } else { State::ToApply })
}

/// What was found, in one line.
fn listed(found: &[Finding]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// An error with its causes: an operator sees why one tenant of many failed in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = successors(Some(error), |&error| error.source());
    // SQLite's bare code only repeats what its message says.
    let causes: Vec<_> = causes.filter(|cause| !cause.is::<ffi::Error>()).map(ToString::to_string).collect();
    causes.join(": ")
}

impl From<QueryError> for ApplyError {
    fn from(error: QueryError) -> Self {
        Self::Database(error)
    }
}
