//! One PostgreSQL database: a few connections, on each of which every statement is prepared once.
//!
//! Requests take them in turn, and several may be under way on one: nothing is lent and waited for.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, NoTls, Row, Statement};

use crate::note::{NewNote, Note};

/// The database.
pub(crate) struct Server {
    connections: Vec<Connection>,
    asked: AtomicUsize,
}

struct Connection {
    client: Client,
    newest: Statement,
    find: Statement,
    insert: Statement,
}

impl Server {
    /// Opens so many connections to it.
    pub(crate) async fn open(url: &str, count: usize) -> Result<Self, tokio_postgres::Error> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(Connection::open(url).await?);
        }
        Ok(Self { connections, asked: AtomicUsize::new(0) })
    }

    /// The 20 newest.
    pub(crate) async fn newest(&self) -> Result<Vec<Note>, tokio_postgres::Error> {
        let connection = self.next();
        let rows = connection.client.query(&connection.newest, &[]).await?;
        rows.iter().map(note).collect()
    }

    /// The one with this id.
    pub(crate) async fn find(&self, id: i64) -> Result<Note, tokio_postgres::Error> {
        let connection = self.next();
        note(&connection.client.query_one(&connection.find, &[&id]).await?)
    }

    /// Adds one, and gives it back as it was stored.
    pub(crate) async fn insert(&self, new: &NewNote) -> Result<Note, tokio_postgres::Error> {
        let connection = self.next();
        note(&connection.client.query_one(&connection.insert, &[&new.title, &new.body]).await?)
    }

    fn next(&self) -> &Connection {
        &self.connections[self.asked.fetch_add(1, Ordering::Relaxed) % self.connections.len()]
    }
}

impl Connection {
    async fn open(url: &str) -> Result<Self, tokio_postgres::Error> {
        let (client, driver) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(driver);
        let newest = "SELECT id, title, body, created FROM notes_note ORDER BY id DESC LIMIT 20";
        let find = "SELECT id, title, body, created FROM notes_note WHERE id = $1";
        let insert = "INSERT INTO notes_note (title, body, created) VALUES ($1, $2, now()) \
                      RETURNING id, title, body, created";
        Ok(Self {
            newest: client.prepare(newest).await?,
            find: client.prepare(find).await?,
            insert: client.prepare(insert).await?,
            client,
        })
    }
}

fn note(row: &Row) -> Result<Note, tokio_postgres::Error> {
    let Instant(created) = row.try_get(3)?;
    Ok(Note { id: row.try_get(0)?, title: row.try_get(1)?, body: row.try_get(2)?, created })
}

/// An instant as the server sends it: microseconds since 2000.
struct Instant(Timestamp);

const YEAR_2000: i64 = 946_684_800_000_000;

impl FromSql<'_> for Instant {
    fn from_sql(ty: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(Timestamp::from_microsecond(YEAR_2000 + i64::from_sql(ty, raw)?)?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TIMESTAMPTZ
    }
}
