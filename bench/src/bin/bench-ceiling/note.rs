//! A note and its statements, each written out and prepared once per connection.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, Error, Result, Row};
use serde::{Deserialize, Serialize};

/// A note, as the example's.
#[derive(Serialize)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) created: Timestamp,
}

/// What a client sends to add one.
#[derive(Deserialize)]
pub(crate) struct NewNote {
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) body: String,
}

/// The 20 newest.
pub(crate) fn newest(db: &Connection) -> Result<Vec<Note>> {
    let mut statement =
        db.prepare_cached("SELECT id, title, body, created FROM notes_note ORDER BY id DESC LIMIT 20")?;
    let mut rows = statement.query(())?;
    let mut notes = Vec::with_capacity(20);
    while let Some(row) = rows.next()? {
        notes.push(Note::read(row)?);
    }
    Ok(notes)
}

/// The one with this id.
pub(crate) fn find(db: &Connection, id: i64) -> Result<Note> {
    let sql = "SELECT id, title, body, created FROM notes_note WHERE id = ?1";
    db.prepare_cached(sql)?.query_row([id], Note::read)
}

/// Adds one, and gives it back as it was stored.
pub(crate) fn insert(db: &Connection, new: &NewNote) -> Result<Note> {
    let created = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
    let sql = "INSERT INTO notes_note (title, body, created) VALUES (?1, ?2, ?3) \
               RETURNING id, title, body, created";
    db.prepare_cached(sql)?.query_row((&new.title, &new.body, created), Note::read)
}

impl Note {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self { id: row.get(0)?, title: row.get(1)?, body: row.get(2)?, created: instant(row, 3)? })
    }
}

/// An instant in UTC as Tenantry stores it: `2026-11-23 18:05:22.229585`, or without the fraction.
fn instant(row: &Row<'_>, index: usize) -> Result<Timestamp> {
    let text = row.get_ref(index)?.as_str()?;
    let malformed = || Error::FromSqlConversionFailure(index, Type::Text, FromSqlError::InvalidType.into());
    parse(text.as_bytes()).ok_or_else(malformed)
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let number = |from, digits: usize| {
        let text = text.get(from..from + digits)?;
        text.iter().try_fold(0_i32, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i32::from(byte - b'0'))
        })
    };
    let small = |from| number(from, 2).and_then(|number| i8::try_from(number).ok());
    let year = number(0, 4).and_then(|number| i16::try_from(number).ok())?;
    let nanosecond = if text.len() == 19 { 0 } else { number(20, 6)? * 1_000 };
    let instant = DateTime::new(year, small(5)?, small(8)?, small(11)?, small(14)?, small(17)?, nanosecond);
    TimeZone::UTC.to_timestamp(instant.ok()?).ok()
}
