//! Reads: a short one on the thread that asks for it, any other in its turn on a thread of the pool, and each once more
//! from the start where it took longer than it may.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::task::consume_budget;

use super::connection::OpenConnection;
use super::error::EngineError;
use super::file::DataFile;
use super::lane::{After, NEXT_CONNECTION, Queue};
use super::pace::Pace;
use super::pool::{Pool, Shared};
use super::schedule::Finished;

/// The longest that a read may run on the thread that asks for it, which others wait for: many times what a request's
/// read takes, and no more than a page of JSON does.
pub(super) const GLANCE: Duration = Duration::from_millis(1);

impl Pool {
    /// Runs `job` on a connection that can only read. It may run several times: what all but the last give is dropped.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        file: &Arc<DataFile>,
        job: impl Fn(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, EngineError> {
        // A task that does nothing but read would otherwise never let the others on its thread have a turn.
        consume_budget().await;
        if let Some(outcome) = self.glance(file, &job) {
            return outcome;
        }
        let (answer, answered) = oneshot::channel();
        let mut answer = Some(answer);
        let work = move |connection: Result<&OpenConnection, EngineError>| {
            let outcome = match connection {
                Ok(connection) => {
                    let outcome = job(&connection.db);
                    if connection.clock.outlived() {
                        return After::Again;
                    }
                    outcome.map_err(EngineError::from)
                }
                Err(error) => Err(error),
            };
            // Nobody may wait any more: then the outcome is dropped here.
            drop(answer.take().map(|answer| answer.send(outcome)));
            After::Nothing
        };
        self.wait_for(file, Queue::Reads(Pace::QUICK), Box::new(work), answered).await
    }

    /// Runs `job` here and now; `None` where that can't be, or it took too long and was stopped.
    fn glance<T>(
        &self,
        file: &DataFile,
        job: impl Fn(&Connection) -> Result<T, rusqlite::Error>,
    ) -> Option<Result<T, EngineError>> {
        let shared = self.shared();
        let key = shared.key(file.tenant());
        let connection = shared.lock().lend(key, file)?;
        connection.clock.start_here(GLANCE);
        let outcome = catch_unwind(AssertUnwindSafe(|| job(&connection.db).map_err(EngineError::from)))
            .unwrap_or_else(|payload| Err(EngineError::panicked(payload)));
        let long_read = connection.clock.stop_here();
        let outlived = matches!(outcome, Err(EngineError::Timeout));
        // As on the pool's own threads: after a panic, or with a transaction open, nobody gets the connection again.
        let fit = !matches!(outcome, Err(EngineError::Panicked(_))) && !connection.in_transaction();
        shared.take_back(Finished {
            key,
            queue: Queue::Reads(Pace::QUICK),
            after: After::Nothing,
            connection: Some(connection).filter(|_| fit),
            lost: NEXT_CONNECTION,
            again: None,
            long_log: false,
            long_read,
        });
        (!outlived).then_some(outcome)
    }
}

impl Shared {
    /// Takes back a connection that was lent.
    fn take_back(self: &Arc<Self>, done: Finished) {
        let mut state = self.lock();
        let closing = state.take_back(done);
        self.wake(state);
        if let Some(closing) = closing {
            closing.close();
        }
    }
}
