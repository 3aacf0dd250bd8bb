//! Short reads of one tenant, under way at once on the connection that it was lent.
//!
//! With a database for each tenant there is often no more than one connection for it. A read of one statement leaves nothing,
//! so that the tenant's next one can be sent before its answer has come. Nobody else's is ever beside it.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tenantry_core::TenantId;
use tokio::time::timeout;
use tokio_postgres::{Client, Statement as Prepared};

use super::connection::{Answer, MOST_BYTES, collect};
use super::error::PostgresError;
use super::flights::{Flights, Number};
use super::pool::{Lent, Server};
use crate::model::Statement;

/// The most reads under way on a connection: more of them have the server use more than one of its cores.
const MOST: u64 = 8;

/// How long a read waits for those before it, and for how long one may run while others still follow it.
const PATIENCE: Duration = Duration::from_millis(50);

/// The connections on which a tenant reads just now.
#[derive(Default)]
pub(super) struct Joints(tokio::sync::Mutex<Vec<Weak<Joint>>>);

/// A connection that was lent to the reads that have it. It goes back with the last of them.
struct Joint {
    client: Arc<Client>,
    lent: Mutex<Lent>,
    flights: Flights,
}

impl Joints {
    /// Reads beside others of the tenant; on a connection that `lend` gives where there is none to join. `None` where others
    /// take too long or it did not simply succeed: then it is to be run on a connection of its own.
    pub(super) async fn read(
        &self,
        server: &Server,
        tenant: TenantId,
        lend: impl Future<Output = Result<Lent, PostgresError>>,
        statement: &Statement,
    ) -> Result<Option<Answer>, PostgresError> {
        let joint = self.join(server, tenant, lend).await?;
        match joint.read(statement).await {
            // Once more would be no better.
            Err(error @ (PostgresError::Timeout | PostgresError::TooLarge)) => Err(error),
            Err(_) => {
                joint.lent().connection()?.forget(&statement.sql);
                Ok(None)
            }
            Ok(answer) => Ok(answer),
        }
    }

    async fn join(
        &self,
        server: &Server,
        tenant: TenantId,
        lend: impl Future<Output = Result<Lent, PostgresError>>,
    ) -> Result<Arc<Joint>, PostgresError> {
        // Held while a connection is waited for: then others wait for it too, and have it together.
        let mut joints = self.0.lock().await;
        joints.retain(|joint| joint.strong_count() > 0);
        if !joints.is_empty() && !server.is_sought_beside(tenant) {
            let with_room = joints.iter().filter_map(Weak::upgrade).find(|joint| joint.has_room());
            if let Some(joint) = with_room {
                return Ok(joint);
            }
        }
        let joint = Arc::new(Joint::new(lend.await?)?);
        joints.push(Arc::downgrade(&joint));
        Ok(joint)
    }
}

impl Joint {
    fn new(mut lent: Lent) -> Result<Self, PostgresError> {
        let client = lent.connection()?.client();
        Ok(Self { client, lent: Mutex::new(lent), flights: Flights::new() })
    }

    fn has_room(&self) -> bool {
        !self.client.is_closed() && self.flights.unanswered() < MOST && !self.flights.is_stuck(PATIENCE)
    }

    /// `None`: one that was sent before takes too long.
    async fn read(&self, statement: &Statement) -> Result<Option<Answer>, PostgresError> {
        let Some(prepared) = self.prepare(&statement.sql).await? else { return Ok(None) };
        let read =
            async { collect(self.client.query_raw(&prepared, &statement.values).await?, MOST_BYTES).await };
        self.fly(read).await
    }

    async fn prepare(&self, sql: &str) -> Result<Option<Prepared>, PostgresError> {
        let known = self.lent().connection()?.known(sql);
        if known.is_some() {
            return Ok(known);
        }
        let prepared = self.fly(async { Ok(self.client.prepare(sql).await?) }).await?;
        if let Some(prepared) = &prepared {
            self.lent().connection()?.keep(sql, prepared);
        }
        Ok(prepared)
    }

    /// Sends a flight and waits for its answer, but not for long for those of others: then `None`.
    async fn fly<T>(
        &self,
        flight: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<Option<T>, PostgresError> {
        let mut flight = pin!(flight);
        let (number, done) = self.flights.send(flight.as_mut()).await;
        let outcome = match done {
            Some(outcome) => outcome,
            None if self.flights.has_others_before(number) => {
                match timeout(PATIENCE, flight.as_mut()).await {
                    Ok(outcome) => outcome,
                    Err(_) if self.flights.has_others_before(number) => return Ok(None),
                    Err(_) => flight.await,
                }
            }
            None => flight.await,
        };
        self.answered(number, &outcome);
        outcome.map(Some)
    }

    /// After an answer that was too large the rest is still to come, and from a connection that broke off nothing is.
    fn answered<T>(&self, number: Number, outcome: &Result<T, PostgresError>) {
        if !matches!(outcome, Err(PostgresError::TooLarge | PostgresError::Unreachable(_))) {
            self.flights.answer(number);
        }
    }

    fn lent(&self) -> MutexGuard<'_, Lent> {
        self.lent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Joint {
    fn drop(&mut self) {
        let unanswered = self.flights.unanswered() > 0;
        if unanswered && let Ok(connection) = self.lent().connection() {
            // Whose caller has gone: it is ended before anyone else has the connection.
            connection.soil();
        }
    }
}
