//! Where a tenant's data is, and each kind of operation on it, whatever the database.

use std::sync::Arc;

use rusqlite::Connection;

use super::{postgres, postgres_error, query_error, sqlite};
use crate::model::{Dialect, ModelMeta, QueryError, Row, Statement, StoredRow, ValueError};
use crate::postgres::{Access, Door, PostgresError, Transaction};
use crate::sqlite::{DataFile, Lease, Pool};

/// Where a tenant's data is.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    /// In a SQLite file.
    Sqlite { file: Arc<DataFile>, pool: Pool },
    /// On a PostgreSQL server.
    Postgres(Arc<Door>),
}

/// A transaction that is open, on one database or the other.
#[derive(Debug)]
pub(crate) enum Begun {
    Sqlite(Lease),
    Postgres(Box<Transaction>),
}

/// The way that an operation takes: in a transaction of its own, or in one that is open.
#[derive(Clone, Copy)]
pub(crate) enum Way<'a> {
    Sqlite(sqlite::Way<'a>),
    Postgres(postgres::Way<'a>),
}

/// What reads a row.
pub(super) type Decode<T> = fn(&StoredRow<'_>) -> Result<T, ValueError>;

impl Store {
    /// For which database, and for what of it, statements are made.
    pub(crate) fn dialect(&self) -> Dialect<'_> {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(door) => door.scope().dialect(),
        }
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<Begun, QueryError> {
        match self {
            Self::Sqlite { file, pool } => pool.begin(file).await.map(Begun::Sqlite).map_err(query_error),
            Self::Postgres(door) => begun(Box::pin(door.begin()).await),
        }
    }

    /// Begins the transaction of a migration, once nobody else migrates the same data.
    pub(crate) async fn begin_alone(&self) -> Result<Begun, QueryError> {
        match self {
            // Its transaction is the only one that writes.
            Self::Sqlite { .. } => self.begin().await,
            Self::Postgres(door) => begun(Box::pin(door.begin_alone()).await),
        }
    }

    /// Lets nothing more begin: the tenant is not active any more.
    pub(crate) fn close(&self) {
        match self {
            Self::Sqlite { file, .. } => file.close(),
            Self::Postgres(door) => door.close(),
        }
    }

    pub(crate) fn way(&self) -> Way<'_> {
        match self {
            Self::Sqlite { file, pool } => Way::Sqlite(sqlite::Way::Pool(pool, file)),
            Self::Postgres(door) => Way::Postgres(postgres::Way::Door(door)),
        }
    }
}

fn begun(transaction: Result<Transaction, PostgresError>) -> Result<Begun, QueryError> {
    transaction.map(Box::new).map(Begun::Postgres).map_err(postgres_error::query_error)
}

impl Begun {
    /// Ends it, keeping what it did.
    pub(crate) async fn commit(&self) -> Result<(), QueryError> {
        match self {
            Self::Sqlite(lease) => lease.commit().await.map_err(query_error),
            Self::Postgres(transaction) => {
                Box::pin(transaction.commit()).await.map_err(postgres_error::query_error)
            }
        }
    }

    /// Ends it, undoing what it did.
    pub(crate) async fn roll_back(&self) -> Result<(), QueryError> {
        match self {
            Self::Sqlite(lease) => lease.roll_back().await.map_err(query_error),
            Self::Postgres(transaction) => {
                Box::pin(transaction.roll_back()).await.map_err(postgres_error::query_error)
            }
        }
    }

    /// Runs statements without values, one after the other.
    pub(crate) async fn script(&self, sql: String) -> Result<(), QueryError> {
        match self {
            Self::Sqlite(lease) => lease.run(move |db| db.execute_batch(&sql)).await.map_err(query_error),
            Self::Postgres(transaction) => {
                Box::pin(transaction.script(&sql)).await.map_err(postgres_error::query_error)
            }
        }
    }

    pub(crate) fn way(&self) -> Way<'_> {
        match self {
            Self::Sqlite(lease) => Way::Sqlite(sqlite::Way::Lease(lease)),
            Self::Postgres(transaction) => Way::Postgres(postgres::Way::Transaction(transaction)),
        }
    }
}

impl Way<'_> {
    /// Runs a statement that reads, and decodes its rows, of which there may be `most`.
    pub(super) async fn read_rows<T: Send + 'static>(
        self,
        statement: Statement,
        most: Option<u64>,
        model: &'static ModelMeta,
        decode: Decode<T>,
    ) -> Result<Vec<T>, QueryError> {
        match self {
            Self::Sqlite(way) => {
                Ok(way.read(move |db| sqlite::rows(db, &statement, most, model, decode)).await??)
            }
            Self::Postgres(way) => Ok(postgres::decode(&way.read(&statement).await?.0, model, decode)?),
        }
    }

    /// Runs a statement that writes one row and gives it back, and decodes it.
    pub(super) async fn write_row<T: Send + 'static>(
        self,
        statement: Statement,
        model: &'static ModelMeta,
        decode: Decode<T>,
    ) -> Result<Vec<T>, QueryError> {
        match self {
            Self::Sqlite(way) => {
                Ok(way.write(move |db| sqlite::rows(db, &statement, Some(1), model, decode)).await??)
            }
            Self::Postgres(way) => Ok(postgres::decode(&way.run(&statement).await?.0, model, decode)?),
        }
    }

    /// Runs a statement that reads at most one integer.
    pub(super) async fn integer(self, statement: Statement) -> Result<Option<i64>, QueryError> {
        match self {
            Self::Sqlite(way) => way.read(move |db| sqlite::integer(db, &statement)).await,
            Self::Postgres(way) => Ok(postgres::integer(&way.read(&statement).await?.0)),
        }
    }

    /// Runs a statement that has no answer but how many rows it changed.
    pub(super) async fn changes(self, statement: Statement) -> Result<u64, QueryError> {
        match self {
            Self::Sqlite(way) => way.write(move |db| sqlite::changes(db, &statement)).await,
            Self::Postgres(way) => Ok(way.run(&statement).await?.1),
        }
    }

    /// Runs statements that change rows, inside the transaction that is open, and says how many they changed.
    pub(super) async fn changes_all(self, statements: Vec<Statement>) -> Result<u64, QueryError> {
        match self {
            Self::Sqlite(way) => {
                let job = move |db: &Connection| {
                    statements.iter().map(|statement| sqlite::changes(db, statement)).sum::<Result<u64, _>>()
                };
                way.write(job).await
            }
            Self::Postgres(way) => way.run_all(&statements).await,
        }
    }

    /// Runs a statement that an application wrote itself and that reads.
    pub(crate) async fn raw_rows(self, statement: Statement) -> Result<Vec<Row>, QueryError> {
        match self {
            Self::Sqlite(way) => way.read(move |db| sqlite::raw_rows(db, &statement)).await,
            Self::Postgres(way) => postgres::raw_rows(&way.run_raw(Access::Read, &statement).await?.0),
        }
    }

    /// Runs a statement of this program's own that reads and names its tables in full, so that it may go alone.
    pub(crate) async fn rows_in_full(self, statement: Statement) -> Result<Vec<Row>, QueryError> {
        match self {
            Self::Sqlite(way) => way.read(move |db| sqlite::raw_rows(db, &statement)).await,
            Self::Postgres(way) => postgres::raw_rows(&way.read(&statement).await?.0),
        }
    }

    /// Runs a statement that an application wrote itself, and says how many rows it changed.
    pub(crate) async fn raw_changes(self, statement: Statement) -> Result<u64, QueryError> {
        match self {
            Self::Sqlite(way) => way.write(move |db| sqlite::changes(db, &statement)).await,
            Self::Postgres(way) => Ok(way.run_raw(Access::Write, &statement).await?.1),
        }
    }
}
