//! Operations on a SQLite file: statements prepared once and kept, rows decoded straight from where SQLite holds them.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, ffi};

use super::query_error;
use crate::model::{ModelMeta, QueryError, Row, Source, Statement, StoredRow, Value, ValueError, untyped};
use crate::sqlite::{DataFile, Lease, Pool};

/// The most bytes that the rows of one answer take, as near as that costs nothing to know: what one answer takes of the
/// memory, all tenants lack.
pub(super) const MOST_BYTES: usize = 256 * 1_024 * 1_024;

/// The bytes that the rows of an answer may still take.
struct Room(usize);

/// The way that an operation takes to a file.
#[derive(Clone, Copy)]
pub(crate) enum Way<'a> {
    /// Each operation in a transaction of its own.
    Pool(&'a Pool, &'a Arc<DataFile>),
    /// In the transaction that is open.
    Lease(&'a Lease),
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), rusqlite::Error> {
        let too_large = || rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_TOOBIG), None);
        self.0 = self.0.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }
}

impl Way<'_> {
    /// Runs a job that only reads, perhaps several times.
    pub(super) async fn read<T: Send + 'static>(
        self,
        job: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueryError> {
        let ran = match self {
            Self::Pool(pool, file) => pool.read(file, job).await,
            Self::Lease(lease) => lease.run(job).await,
        };
        ran.map_err(query_error)
    }

    /// Runs a job that writes.
    pub(super) async fn write<T: Send + 'static>(
        self,
        job: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, QueryError> {
        let ran = match self {
            Self::Pool(pool, file) => pool.write(file, job).await,
            Self::Lease(lease) => lease.run(job).await,
        };
        ran.map_err(query_error)
    }
}

/// The most rows for which there is room before the first is read.
const MOST_ROOM: usize = 100;

/// Runs a statement and reads each row, of which there may be `most`, with `decode`. The outer error is the database's,
/// the inner one a row's.
pub(super) fn rows<T>(
    connection: &Connection,
    statement: &Statement,
    most: Option<u64>,
    model: &'static ModelMeta,
    mut decode: impl FnMut(&StoredRow<'_>) -> Result<T, ValueError>,
) -> Result<Result<Vec<T>, ValueError>, rusqlite::Error> {
    let mut prepared = prepare(connection, statement)?;
    let mut rows = prepared.raw_query();
    let expected = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(0).min(MOST_ROOM);
    let (mut decoded, mut room) = (Vec::with_capacity(expected), Room(MOST_BYTES));
    while let Some(row) = rows.next()? {
        let row = StoredRow::new(Source::Sqlite(row), model);
        match decode(&row) {
            Ok(value) => decoded.push(value),
            Err(error) => return Ok(Err(error)),
        }
        room.take(size_of::<T>() + row.bytes())?;
    }
    Ok(Ok(decoded))
}

/// Runs a statement of raw SQL and reads its rows as they are stored.
pub(crate) fn raw_rows(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, rusqlite::Error> {
    let mut prepared = prepare(connection, statement)?;
    let columns: Arc<[String]> = prepared.column_names().map(str::to_owned).collect();
    let mut rows = prepared.raw_query();
    let (mut read, mut room) = (Vec::new(), Room(MOST_BYTES));
    while let Some(row) = rows.next()? {
        room.take(size_of::<Row>())?;
        let values = (0..columns.len()).map(|index| {
            let value = row.get_ref(index)?;
            let bytes = value.as_bytes_or_null().ok().flatten().map_or(0, <[u8]>::len);
            room.take(size_of::<Value>() + bytes)?;
            Ok(untyped(value))
        });
        read.push(Row::raw(Arc::clone(&columns), values.collect::<Result<_, rusqlite::Error>>()?));
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
