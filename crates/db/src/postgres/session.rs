//! A connection outside of any pool and any tenant: an administrator's, or that of someone who only looks.

use std::error::Error;
use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::connection::signing_in;
use super::error::PostgresError;
use super::tls::{self, TlsError};
use super::url::PostgresUrl;

/// An open connection, on which statements go one by one, each as text.
pub(crate) struct Session(Client);

/// Raised when a role can't sign in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    /// The password is not the role's, or there is no such role: a server does not tell which.
    #[error("the server does not take the password, or there is no such role")]
    Password,
    /// The server asks for a password.
    #[error(
        "the server asks for a password, and there is none: in the URL, or in the file that PGPASSFILE names"
    )]
    NoPassword,
    /// The role may sign in, and the database is not there.
    #[error("the database is not there")]
    NoDatabase,
    /// The role may sign in, but not to this database.
    #[error("the role may not connect to the database")]
    NotAllowed,
    /// The certificates that vouch for the server can't be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server can't be reached, or refuses for a reason of its own.
    #[error("the server can't be reached, or does not let us in")]
    Unreachable(#[source] Option<tokio_postgres::Error>),
}

impl Session {
    /// Signs in within `patience`.
    ///
    /// # Errors
    /// Raised when that can't be done.
    pub(crate) async fn open(url: &PostgresUrl, patience: Duration) -> Result<Self, SignInError> {
        let (mut config, _) = signing_in(url);
        config.connect_timeout(patience);
        let opened = tokio::time::timeout(patience, config.connect(tls::connector(url)?)).await;
        let opened = opened.map_err(|_| SignInError::Unreachable(None))?;
        let (client, driver) = opened.map_err(|error| SignInError::of(error, url))?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "a connection to a database server broke off");
            }
        });
        Ok(Self(client))
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// Raised when the server refuses it, or is gone.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), PostgresError> {
        Ok(self.0.batch_execute(sql).await?)
    }

    /// Runs a query and gives its rows as text, NULL as nothing.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, PostgresError> {
        let answered = self.0.simple_query(sql).await?;
        let rows = answered.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }
}

impl SignInError {
    fn of(error: tokio_postgres::Error, url: &PostgresUrl) -> Self {
        match error.code() {
            Some(code) if *code == SqlState::INVALID_PASSWORD => Self::Password,
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => Self::NoDatabase,
            Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => Self::NotAllowed,
            None if !url.has_password() && error.source().is_some_and(is_for_want_of_a_password) => {
                Self::NoPassword
            }
            _ => Self::Unreachable(Some(error)),
        }
    }
}

/// The client's words for it: it has no other way to tell.
fn is_for_want_of_a_password(cause: &(dyn Error + 'static)) -> bool {
    cause.to_string() == "password missing"
}

/// What a server stores in the place of a password, from which the password can't be read: made here, so that the server
/// never gets the password itself, which would stand in its log.
pub(crate) fn verifier(url: &PostgresUrl) -> Option<String> {
    url.config.get_password().map(postgres_protocol::password::scram_sha_256)
}
