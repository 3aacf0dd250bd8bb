//! A note, and how those of one tenant are read.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx_core::Error;
use sqlx_core::from_row::FromRow;
use sqlx_core::query::query;
use sqlx_core::query_as::query_as;
use sqlx_core::raw_sql::raw_sql;
use sqlx_core::row::Row;
use sqlx_core::sql_str::AssertSqlSafe;
use sqlx_postgres::{PgPool, PgRow};

/// A note, as the example's.
#[derive(Serialize)]
pub(crate) struct Note {
    id: i64,
    title: String,
    body: String,
    created: DateTime<Utc>,
}

/// How tenants are kept apart.
#[derive(Clone, Copy)]
pub(crate) enum Isolation {
    Schema,
    Row,
}

const NEWEST: &str = "SELECT id, title, body, created FROM notes_note ORDER BY id DESC LIMIT 20";

/// The 20 newest of a schema, which was named by whoever made the tenant. The connection goes back with it in its path.
pub(crate) async fn in_schema(pool: &PgPool, schema: &str) -> Result<Vec<Note>, Error> {
    let mut connection = pool.acquire().await?;
    raw_sql(AssertSqlSafe(format!("SET search_path TO {schema}"))).execute(&mut *connection).await?;
    query_as(NEWEST).fetch_all(&mut *connection).await
}

/// The 20 newest of the rows that the policy shows.
pub(crate) async fn in_rows(pool: &PgPool, tenant: i64) -> Result<Vec<Note>, Error> {
    let mut transaction = pool.begin().await?;
    query("SELECT set_config('bench.tenant', $1, true)")
        .bind(tenant.to_string())
        .execute(&mut *transaction)
        .await?;
    let notes = query_as(NEWEST).fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(notes)
}

impl FromRow<'_, PgRow> for Note {
    fn from_row(row: &PgRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.try_get(0)?,
            title: row.try_get(1)?,
            body: row.try_get(2)?,
            created: row.try_get(3)?,
        })
    }
}

impl FromStr for Isolation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "schema" => Ok(Self::Schema),
            "row" => Ok(Self::Row),
            _ => Err(format!("{text} is none of schema and row")),
        }
    }
}
