//! A connection that one owner keeps for itself, to the server and not to a pooler: it listens, and holds locks.

use std::future::poll_fn;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Row, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::{MOST_BYTES, collect, refuse_unsafe, signing_in};
use super::error::PostgresError;
use super::tls::{self, TlsError};
use super::url::PostgresUrl;
use crate::model::Bound;

/// A name of nobody's, set as the session begins. A pooler hands no such setting on, if it lets it in at all.
const DIRECT: &str = "tenantry.direct";

/// Where such connections lead, and how they begin.
pub(crate) struct DirectWay {
    url: PostgresUrl,
    tls: MakeRustlsConnect,
    /// What holds in each from its beginning on.
    options: String,
}

/// An open connection.
pub(crate) struct Direct(Client);

/// The rows of an answer, each with its values in the order that the query names them in.
pub(crate) type Rows = Vec<Vec<Bound>>;

impl DirectWay {
    /// Connections to the server at `url` in which these settings hold; no value has a space in it.
    ///
    /// # Errors
    /// Raised when the certificates that vouch for the server can't be had.
    pub(crate) fn new(url: &PostgresUrl, settings: &[(&str, &str)]) -> Result<Self, TlsError> {
        let settings = settings.iter().copied().chain([(DIRECT, "on")]);
        let options: Vec<String> = settings.map(|(name, value)| format!("-c {name}={value}")).collect();
        Ok(Self { url: url.clone(), tls: tls::connector(url)?, options: options.join(" ") })
    }

    /// Opens one. `told` is called with each notification that it hears, and when it has ended.
    ///
    /// # Errors
    /// Raised when the server can't be reached, when the role is unsafe, and when what answers is a pooler.
    pub(crate) async fn open(&self, told: impl Fn() + Send + 'static) -> Result<Direct, PostgresError> {
        let (mut config, patience) = signing_in(&self.url);
        config.options(&self.options);
        let opening = async {
            let (client, mut driver) = config.connect(self.tls.clone()).await.map_err(connecting)?;
            tokio::spawn(async move {
                while let Some(message) = poll_fn(|context| driver.poll_message(context)).await {
                    match message {
                        Ok(AsyncMessage::Notification(_)) => told(),
                        Ok(_) => {}
                        Err(error) => {
                            tracing::debug!(%error, "a connection to a database server broke off");
                            break;
                        }
                    }
                }
                // Before it is told: whoever hears of it is to find it closed.
                drop(driver);
                told();
            });
            refuse_unsafe(&client, self.url.user()).await?;
            let direct = Direct(client);
            let asked = format!("SELECT current_setting('{DIRECT}', true)");
            match direct.ask(&asked).await?.as_deref() {
                Some("on") => Ok(direct),
                _ => Err(PostgresError::Pooled),
            }
        };
        tokio::time::timeout(patience, opening).await.unwrap_or(Err(PostgresError::Unreachable(None)))
    }
}

impl Direct {
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_closed()
    }

    /// Runs a statement and gives its rows, and how many it changed.
    ///
    /// # Errors
    /// Raised when the server refuses it, or is gone.
    pub(crate) async fn run(&self, sql: &str, values: &[Bound]) -> Result<(Rows, u64), PostgresError> {
        let typed = values.iter().map(|value| (value, type_of(value)));
        let (rows, changed) = collect(self.0.query_typed_raw(sql, typed).await?, MOST_BYTES).await?;
        Ok((rows.iter().map(values_of).collect::<Result<_, _>>()?, changed))
    }

    /// Runs statements without values, one after the other, in one message. The answer is the first value that one of them
    /// gives.
    ///
    /// # Errors
    /// As [`Direct::run`].
    pub(crate) async fn ask(&self, sql: &str) -> Result<Option<String>, PostgresError> {
        let answered = self.0.simple_query(sql).await?;
        let first = answered.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.try_get(0).ok()??.to_owned()),
            _ => None,
        });
        Ok(first)
    }
}

/// What a pooler says to settings that it does not know, where it is not told to drop them.
fn connecting(error: tokio_postgres::Error) -> PostgresError {
    let of_a_pooler = error.as_db_error().is_some_and(|refusal| {
        *refusal.code() == SqlState::PROTOCOL_VIOLATION && refusal.message().contains("startup parameter")
    });
    if of_a_pooler { PostgresError::Pooled } else { PostgresError::connecting(error) }
}

/// A NULL is of whatever type is wanted where it stands.
fn type_of(value: &Bound) -> Type {
    match value {
        Bound::Null => Type::UNKNOWN,
        Bound::Bool(_) => Type::BOOL,
        Bound::Int(_) => Type::INT8,
        Bound::Float(_) => Type::FLOAT8,
        Bound::Text(_) => Type::TEXT,
        Bound::Bytes(_) => Type::BYTEA,
    }
}

fn values_of(row: &Row) -> Result<Vec<Bound>, tokio_postgres::Error> {
    let value = |(place, column): (usize, &tokio_postgres::Column)| {
        Ok(match *column.type_() {
            Type::BOOL => row.try_get::<_, Option<bool>>(place)?.map(Bound::Bool),
            Type::INT4 => row.try_get::<_, Option<i32>>(place)?.map(|value| Bound::Int(value.into())),
            Type::INT8 => row.try_get::<_, Option<i64>>(place)?.map(Bound::Int),
            _ => row.try_get::<_, Option<String>>(place)?.map(Bound::Text),
        }
        .unwrap_or(Bound::Null))
    };
    row.columns().iter().enumerate().map(value).collect()
}
