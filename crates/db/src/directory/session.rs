//! A connection to the directory's database, and the transactions on it.
//!
//! Statements are plain SQL, without what only SQLite has, with `$1`, `$2` … for the values, by their place.

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior};

use super::DirectoryError;
use super::remote::{Purpose, Remote, RemoteTx};
use crate::model::Bound;

/// A connection to the directory's database.
pub(super) enum Session {
    /// To a SQLite file.
    File(Connection),
    /// To a PostgreSQL server.
    Server(Remote),
}

/// A transaction: what it reads is of one moment, and what it changes is kept as a whole or not at all.
pub(super) enum Tx<'s> {
    File(Transaction<'s>),
    Server(&'s RemoteTx<'s>),
}

/// A row of an answer: its values in the order that the query names them in.
pub(super) struct Row(Vec<Bound>);

impl Session {
    /// Whether it is to hold on to claims, for which it must be open.
    pub(super) fn has_claims(&self) -> bool {
        matches!(self, Self::Server(remote) if remote.has_claims())
    }

    /// Holds on to what is claimed, and to nothing else.
    pub(super) fn keep_up(&mut self) {
        if let Self::Server(remote) = self {
            remote.keep_up();
        }
    }

    /// Runs `work`, which only reads.
    pub(super) fn look<T, E: From<DirectoryError>>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.within(TransactionBehavior::Deferred, Purpose::Look, work)
    }

    /// Runs `work` while nobody else changes anything. Where it fails, nothing has changed.
    pub(super) fn change<T, E: From<DirectoryError>>(
        &mut self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.within(TransactionBehavior::Immediate, Purpose::Change, work)
    }

    fn within<T, E: From<DirectoryError>>(
        &mut self,
        behavior: TransactionBehavior,
        purpose: Purpose,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match self {
            Self::File(db) => in_file(db, behavior, work),
            Self::Server(remote) => remote.within(purpose, |tx| work(&Tx::Server(tx))),
        }
    }
}

/// Runs `work` as one transaction on a SQLite file.
pub(super) fn in_file<T, E: From<DirectoryError>>(
    db: &mut Connection,
    behavior: TransactionBehavior,
    work: impl FnOnce(&Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let tx = db.transaction_with_behavior(behavior).map_err(DirectoryError::from)?;
    let tx = Tx::File(tx);
    let done = work(&tx)?;
    if let Tx::File(tx) = tx {
        tx.commit().map_err(DirectoryError::from)?;
    }
    Ok(done)
}

impl Tx<'_> {
    /// Runs a statement. The answer is how many rows it changed.
    pub(super) fn execute(&self, sql: &str, values: &[Bound]) -> Result<usize, DirectoryError> {
        match self {
            Self::File(tx) => Ok(bind(tx, sql, values)?.raw_execute()?),
            Self::Server(tx) => Ok(usize::try_from(tx.run(sql, values)?.1).unwrap_or(usize::MAX)),
        }
    }

    /// Runs a query and reads all of its answer.
    pub(super) fn rows(&self, sql: &str, values: &[Bound]) -> Result<Vec<Row>, DirectoryError> {
        let tx = match self {
            Self::File(tx) => tx,
            Self::Server(tx) => return Ok(tx.run(sql, values)?.0.into_iter().map(Row).collect()),
        };
        let mut statement = bind(tx, sql, values)?;
        let columns = statement.column_count();
        let mut found = statement.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let values = (0..columns).map(|column| row.get_ref(column).map(held));
            rows.push(Row(values.collect::<Result<_, _>>()?));
        }
        Ok(rows)
    }

    /// Runs a query whose answer has one row at the most.
    pub(super) fn row(&self, sql: &str, values: &[Bound]) -> Result<Option<Row>, DirectoryError> {
        Ok(self.rows(sql, values)?.pop())
    }
}

fn bind<'t>(
    tx: &'t Transaction<'_>,
    sql: &str,
    values: &[Bound],
) -> Result<CachedStatement<'t>, DirectoryError> {
    let mut statement = tx.prepare_cached(sql)?;
    for (place, value) in values.iter().enumerate() {
        // SQLite takes `$2` for a name, and numbers names as it meets them.
        let name = format!("${}", place + 1);
        let index = statement.parameter_index(&name)?;
        let index = index.ok_or(rusqlite::Error::InvalidParameterName(name))?;
        statement.raw_bind_parameter(index, value)?;
    }
    Ok(statement)
}

impl Row {
    /// The value at a place; NULL where the row is shorter.
    pub(super) fn value(&self, place: usize) -> &Bound {
        self.0.get(place).unwrap_or(&Bound::Null)
    }

    /// The number at a place.
    pub(super) fn int(&self, place: usize) -> Result<i64, DirectoryError> {
        match self.value(place) {
            Bound::Int(value) => Ok(*value),
            _ => Err(DirectoryError::Unreadable("something else where a number should be".to_owned())),
        }
    }

    /// The text at a place.
    pub(super) fn text(&self, place: usize) -> Result<&str, DirectoryError> {
        let nothing = || DirectoryError::Unreadable("nothing where a text should be".to_owned());
        self.text_if_any(place)?.ok_or_else(nothing)
    }

    /// The text at a place; `None` for NULL.
    pub(super) fn text_if_any(&self, place: usize) -> Result<Option<&str>, DirectoryError> {
        match self.value(place) {
            Bound::Text(text) => Ok(Some(text)),
            Bound::Null => Ok(None),
            _ => Err(DirectoryError::Unreadable("something else where a text should be".to_owned())),
        }
    }
}

/// A value as it was read. SQLite keeps for text what is none as well: that is bytes here.
fn held(value: ValueRef<'_>) -> Bound {
    match value {
        ValueRef::Null => Bound::Null,
        ValueRef::Integer(value) => Bound::Int(value),
        ValueRef::Real(value) => Bound::Float(value),
        ValueRef::Text(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Bound::Text(text.to_owned()),
            Err(_) => Bound::Bytes(bytes.to_vec()),
        },
        ValueRef::Blob(bytes) => Bound::Bytes(bytes.to_vec()),
    }
}

impl From<i64> for Bound {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Bound {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Bound {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Bound {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
