//! Statements run on a connection: prepared once and kept, rows decoded straight from where SQLite holds them.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection};

use crate::model::{ModelMeta, Row, Statement, StoredRow, ValueError, untyped};

/// Runs a statement and reads each row with `decode`. The outer error is the database's, the inner one a row's.
pub(super) fn rows<T>(
    connection: &Connection,
    statement: &Statement,
    model: &'static ModelMeta,
    mut decode: impl FnMut(&StoredRow<'_>) -> Result<T, ValueError>,
) -> Result<Result<Vec<T>, ValueError>, rusqlite::Error> {
    let mut prepared = prepare(connection, statement)?;
    let mut rows = prepared.raw_query();
    let mut decoded = Vec::new();
    while let Some(row) = rows.next()? {
        match decode(&StoredRow::new(row, model)) {
            Ok(row) => decoded.push(row),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(decoded))
}

/// Runs a statement of raw SQL and reads its rows as they are stored.
pub(crate) fn raw_rows(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, rusqlite::Error> {
    let mut prepared = prepare(connection, statement)?;
    let columns: Arc<[String]> = prepared.column_names().map(str::to_owned).collect();
    let mut rows = prepared.raw_query();
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).map(|index| row.get_ref(index).map(untyped));
        read.push(Row::raw(Arc::clone(&columns), values.collect::<Result<_, _>>()?));
    }
    Ok(read)
}

/// Runs a statement whose answer is at most one integer.
pub(super) fn integer(
    connection: &Connection,
    statement: &Statement,
) -> Result<Option<i64>, rusqlite::Error> {
    let mut prepared = prepare(connection, statement)?;
    let mut rows = prepared.raw_query();
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// Runs a statement that has no answer but how many rows it changed.
pub(crate) fn changes(connection: &Connection, statement: &Statement) -> Result<u64, rusqlite::Error> {
    let changed = prepare(connection, statement)?.raw_execute()?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

/// The statement, prepared now or before, with its values bound.
pub(super) fn prepare<'c>(
    connection: &'c Connection,
    statement: &Statement,
) -> Result<CachedStatement<'c>, rusqlite::Error> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let expected = prepared.parameter_count();
    if expected != statement.values.len() {
        return Err(rusqlite::Error::InvalidParameterCount(statement.values.len(), expected));
    }
    for (index, value) in statement.values.iter().enumerate() {
        prepared.raw_bind_parameter(index + 1, value)?;
    }
    Ok(prepared)
}
