//! One tenant's part of a PostgreSQL server, and the operations that run on it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tenantry_core::TenantId;
use tokio::time::timeout;

use super::connection::{Answer, Connection, Naming};
use super::error::PostgresError;
use super::glance::Habit;
use super::joint::Joints;
use super::pool::{Lent, Server};
use super::scope::Scope;
use super::transaction::Transaction;
use crate::model::{Bound, Statement};

/// How a statement that an application wrote itself may touch the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// One tenant's part of a server.
pub(crate) struct Door {
    server: Server,
    tenant: TenantId,
    scope: Scope,
    /// The tenant is not active any more: what has begun may end, nothing else begins.
    closed: AtomicBool,
    dropped: Arc<AtomicU64>,
    habit: Arc<Habit>,
    joints: Joints,
}

impl Door {
    /// The part of `server` that `scope` says. `dropped` counts operations whose caller goes away before they end.
    pub(crate) fn new(server: Server, tenant: TenantId, scope: Scope, dropped: Arc<AtomicU64>) -> Self {
        let (habit, joints) = (Arc::default(), Joints::default());
        Self { server, tenant, scope, closed: AtomicBool::new(false), dropped, habit, joints }
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether the tenant's tables are those that tenants share.
    pub(crate) fn is_shared(&self) -> bool {
        self.scope.tenant().is_some()
    }

    /// Lets nothing more begin.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Runs a statement whose tables are named in full, and gives its rows and how many it changed.
    pub(crate) async fn run(&self, statement: &Statement) -> Result<Answer, PostgresError> {
        self.run_with(self.scope.setting().as_deref(), Naming::Full, statement).await
    }

    /// Runs a statement that reads and whose tables are named in full, and gives its rows. It may be run twice.
    pub(crate) async fn read(&self, statement: &Statement) -> Result<Answer, PostgresError> {
        let setting = self.scope.setting();
        self.counted(async {
            match self.read_beside(setting.as_deref(), statement).await? {
                Some(answer) => Ok(answer),
                None => self.lent(setting.as_deref(), Naming::Full, statement).await,
            }
        })
        .await
    }

    /// The same beside other reads, where it can be: those of other tenants, or in a database of the tenant's own those of
    /// itself.
    async fn read_beside(
        &self,
        setting: Option<&str>,
        statement: &Statement,
    ) -> Result<Option<Answer>, PostgresError> {
        if self.closed.load(Ordering::Acquire) {
            return Ok(None);
        }
        match self.scope {
            Scope::Database(_) if self.server.takes_several() => {
                self.joints.read(&self.server, self.tenant, self.lend(), statement).await
            }
            Scope::Database(_) => Ok(None),
            _ => Ok(self.server.glance(self.tenant, &self.habit, setting, statement).await),
        }
    }

    /// Runs a statement that an application wrote itself, whose tables are those of the tenant.
    pub(crate) async fn run_raw(
        &self,
        access: Access,
        statement: &Statement,
    ) -> Result<Answer, PostgresError> {
        self.run_with(Some(&self.scope.raw_setting(access)), Naming::Local, statement).await
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<Transaction, PostgresError> {
        self.begin_with(&self.scope.begin()).await
    }

    /// Begins the transaction of a migration, once nobody else migrates the same data.
    pub(crate) async fn begin_alone(&self) -> Result<Transaction, PostgresError> {
        self.begin_with(&self.scope.begin_alone(self.server.timeouts())).await
    }

    async fn begin_with(&self, begin: &str) -> Result<Transaction, PostgresError> {
        self.counted(async {
            let mut lent = self.lend().await?;
            let shared = self.is_shared().then(|| Arc::clone(self.server.unique()));
            // Once a transaction has failed, nothing can be asked in it.
            if let Some(unique) = shared.as_ref().filter(|unique| unique.is_empty()) {
                unique.look(lent.connection()?).await;
            }
            lent.connection()?.begin(begin).await?;
            Ok(Transaction::new(lent, shared, self.server.deadline(), Arc::clone(&self.dropped)))
        })
        .await
    }

    async fn run_with(
        &self,
        setting: Option<&str>,
        naming: Naming,
        statement: &Statement,
    ) -> Result<Answer, PostgresError> {
        self.counted(self.lent(setting, naming, statement)).await
    }

    /// Runs a statement on a connection that is lent for it.
    async fn lent(
        &self,
        setting: Option<&str>,
        naming: Naming,
        statement: &Statement,
    ) -> Result<Answer, PostgresError> {
        let ran = self.run_on(self.lend().await?.connection()?, setting, naming, statement).await;
        ran.map_err(|error| if self.is_shared() { self.server.unique().told(error) } else { error })
    }

    async fn run_on(
        &self,
        connection: &mut Connection,
        setting: Option<&str>,
        naming: Naming,
        statement: &Statement,
    ) -> Result<Answer, PostgresError> {
        match connection.run(setting, naming, statement).await {
            // Nothing came of it, and it is prepared anew.
            Err(outdated) if outdated.is_outdated_plan() => connection.run(setting, naming, statement).await,
            Err(untold) if self.is_shared() && self.server.unique().lacks(&untold) => {
                self.server.unique().look(connection).await;
                Err(untold)
            }
            Err(missing) if missing.is_missing_table() && self.is_gone(connection).await => {
                Err(PostgresError::Gone)
            }
            ran => ran,
        }
    }

    /// Whether the schema is not there any more: another process has just purged the tenant.
    async fn is_gone(&self, connection: &mut Connection) -> bool {
        if !matches!(self.scope, Scope::Schema(_) | Scope::Adopted(_) | Scope::Rows(_)) {
            return false;
        }
        let sql = "SELECT 1 WHERE to_regnamespace($1) IS NULL".to_owned();
        let values = vec![Bound::Text(self.scope.schema().to_owned())];
        let asked = Statement { sql, values, has_own_sql: false };
        connection.run(None, Naming::Full, &asked).await.is_ok_and(|(rows, _)| !rows.is_empty())
    }

    async fn lend(&self) -> Result<Lent, PostgresError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(PostgresError::Closed);
        }
        let database = match &self.scope {
            Scope::Database(name) => Some((&**name).into()),
            Scope::Claimed | Scope::Schema(_) | Scope::Adopted(_) | Scope::Rows(_) => None,
        };
        self.server.lend(self.tenant, database).await
    }

    /// Within the deadline, and counted when its caller goes away before.
    async fn counted<T>(
        &self,
        operation: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, PostgresError> {
        counted(&self.dropped, self.server.deadline(), operation).await
    }
}

/// Runs an operation within the deadline, and counts it when its caller goes away before it ends.
pub(super) async fn counted<T>(
    dropped: &AtomicU64,
    deadline: std::time::Duration,
    operation: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    let mut waiting = Waiting { dropped, done: false };
    let outcome = timeout(deadline, operation).await.unwrap_or(Err(PostgresError::Timeout));
    waiting.done = true;
    outcome
}

struct Waiting<'a> {
    dropped: &'a AtomicU64,
    done: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("tenant", &self.tenant)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
