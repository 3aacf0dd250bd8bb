//! Whether two URLs lead to one database.

use super::door::Door;
use super::error::PostgresError;
use crate::model::{Bound, Statement};

impl Door {
    /// Whether `other` leads to the same database. That can't be read off two URLs, but a lock that is held in a database
    /// is held there whichever way one came. `key` is a number that nobody else uses just now.
    pub(crate) async fn is_same_database(&self, other: &Self, key: i64) -> Result<bool, PostgresError> {
        let held = self.begin().await?;
        held.run(&of_lock("SELECT pg_advisory_xact_lock($1::bigint)", key)).await?;
        let (rows, _) = other.run(&of_lock("SELECT pg_try_advisory_xact_lock($1::bigint)", key)).await?;
        held.roll_back().await?;
        let could_take: bool = rows.first().is_some_and(|row| row.get(0));
        Ok(!could_take)
    }
}

fn of_lock(sql: &str, key: i64) -> Statement {
    Statement { sql: sql.to_owned(), values: vec![Bound::Int(key)], has_own_sql: false }
}
