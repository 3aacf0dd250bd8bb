//! SQL that an application wrote itself: the way out.

use super::{TenantDb, run};
use crate::model::{QueryError, Row, Statement, Value};

impl TenantDb {
    /// Runs a statement that reads, and gives its rows. What a user said belongs into `values`, never into `sql`.
    ///
    /// The values come back in the form in which they are stored: an instant as text, a decimal as a scaled integer.
    ///
    /// # Errors
    /// [`QueryError::ReadOnly`] when the statement writes outside of a transaction; raised also when the number of
    /// values is not that of the placeholders, one of them is a decimal, or the database fails.
    pub async fn raw(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<Row>, QueryError> {
        let statement = Statement::raw(sql.into(), values)?;
        self.read(move |connection| run::raw_rows(connection, &statement)).await
    }

    /// Runs a statement that writes, and says how many rows it changed. What a user said belongs into `values`, never
    /// into `sql`.
    ///
    /// # Errors
    /// Raised when the number of values is not that of the placeholders, one of them is a decimal, a constraint is
    /// violated, the statement is not allowed, or the database fails.
    pub async fn raw_execute(&self, sql: impl Into<String>, values: Vec<Value>) -> Result<u64, QueryError> {
        let statement = Statement::raw(sql.into(), values)?;
        self.write(move |connection| run::changes(connection, &statement)).await
    }
}
