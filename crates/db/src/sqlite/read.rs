//! Reads: each in its turn on a thread of the pool, and once more from the start where it took longer than it may.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::OpenConnection;
use super::error::EngineError;
use super::file::DataFile;
use super::lane::{After, Queue};
use super::pace::Pace;
use super::pool::Pool;

impl Pool {
    /// Runs `job` on a connection that can only read. It may run several times: what all but the last give is dropped.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        file: &Arc<DataFile>,
        job: impl Fn(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, EngineError> {
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
}
