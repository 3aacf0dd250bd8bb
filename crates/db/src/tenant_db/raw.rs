//! SQL that an application wrote itself: the way out.

use super::TenantDb;
use crate::model::{QueryError, Row, Statement, Value};

impl TenantDb {
    /// Runs a statement that reads, and gives its rows. What a user said belongs into `values`, never into `sql`, which
    /// has `$1`, `$2` for them: on SQLite in the order in which each stands there for the first time.
    ///
    /// The values come back in the form in which they are stored: on SQLite an instant as text, and a decimal as a scaled
    /// integer; on PostgreSQL each as its column's type.
    ///
    /// In tables that tenants share, a statement is about rows and names no way to another tenant's: SELECT and what changes
    /// rows, without `set_config`, what runs a text as SQL, or what shows other connections' statements. Whoever writes the
    /// statement is trusted with all tenants nevertheless.
    ///
    /// # Errors
    /// [`QueryError::ReadOnly`] when the statement writes outside of a transaction, [`QueryError::Denied`] when it would
    /// end a transaction, change the session or leave the tenant's rows; raised also when the number of values is not that of the placeholders,
    /// one of them is a decimal on SQLite, or the database fails.
    pub async fn raw(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<Row>, QueryError> {
        let statement = Statement::raw(self.dialect(), sql.into(), values)?;
        let operation = self.operation().await?;
        let rows = operation.way().raw_rows(statement).await;
        operation.end(rows).await
    }

    /// Runs a statement that writes, and says how many rows it changed. What a user said belongs into `values`, never
    /// into `sql`.
    ///
    /// # Errors
    /// Raised when the number of values is not that of the placeholders, one of them is a decimal on SQLite, a
    /// constraint is violated, the statement is not allowed, or the database fails.
    pub async fn raw_execute(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64, QueryError> {
        let statement = Statement::raw(self.dialect(), sql.into(), values)?;
        let operation = self.operation().await?;
        let changed = operation.way().raw_changes(statement).await;
        operation.end(changed).await
    }
}
