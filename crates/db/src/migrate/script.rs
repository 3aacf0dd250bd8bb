//! SQL that a migration brings, run statement by statement inside its transaction, which it can't end.

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection, Statement};

/// Raised when a migration's SQL could not be run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScriptError {
    #[error("its SQL begins or ends a transaction, but a migration is one transaction as a whole")]
    Transaction,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Runs every statement of a script.
pub(super) fn run(connection: &Connection, script: &str) -> Result<(), ScriptError> {
    let mut batch = Batch::new(connection, script);
    while let Some(mut statement) = batch.next()? {
        refuse_transaction(&statement)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(())
}

/// A statement that neither reads rows nor writes anything begins or ends a transaction, or sets something on the
/// connection that would outlive this one.
pub(super) fn refuse_transaction(statement: &Statement<'_>) -> Result<(), ScriptError> {
    if statement.readonly() && statement.column_count() == 0 { Err(ScriptError::Transaction) } else { Ok(()) }
}
