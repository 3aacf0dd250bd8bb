//! The two threads of the directory: one makes changes, one looks for those that other processes made.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::memory::Memory;
use super::session::{Session, Tx};
use super::{Directory, DirectoryError};

/// How often another process's changes are looked for. They must be seen within a second.
const LOOK: Duration = Duration::from_millis(200);

/// How many changes and questions may wait for their turn: each is done in less than a millisecond, unless another
/// process is in the way.
const WAITING: usize = 1_024;

/// Work for the thread that makes changes.
type Work = Box<dyn FnOnce(&mut Session, &Memory) + Send>;

/// The way to the threads, which end when this is dropped.
pub(super) struct Owner {
    work: SyncSender<Work>,
    /// Never sent on: that it is gone ends the thread that looks.
    _looks: mpsc::Sender<Infallible>,
}

impl Owner {
    /// Starts both threads; `session` is the connection for changes.
    pub(super) fn start(mut session: Session, memory: &Arc<Memory>) -> Result<Self, DirectoryError> {
        let (work, waiting) = mpsc::sync_channel::<Work>(WAITING);
        let (looks, ended) = mpsc::channel();
        let (to_change, to_look) = (Arc::clone(memory), Arc::clone(memory));
        spawn("tenantry-directory", move || {
            while let Ok(work) = waiting.recv() {
                work(&mut session, &to_change);
            }
        })?;
        spawn("tenantry-look", move || look(&to_look, &ended))?;
        Ok(Self { work, _looks: looks })
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), DirectoryError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(drop).map_err(DirectoryError::NoThread)
}

fn look(memory: &Memory, ended: &Receiver<Infallible>) {
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
        // It is logged where it happens, and shows in how long memory has not been seen to be up to date.
        let _ = memory.catch_up();
    }
}

impl Directory {
    /// Runs `work`, which only reads, after the changes that this process has asked for before.
    pub(super) async fn look<T: Send + 'static, E: From<DirectoryError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.call(|session| session.look(work)).await
    }

    /// Runs `work` as one change of the directory. Where it fails, nothing has changed.
    pub(super) async fn change<T: Send + 'static, E: From<DirectoryError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        self.call(|session| session.change(work)).await
    }

    /// Runs `work` on the connection for changes. When it answers, memory holds what it changed; where that can't be,
    /// the answer is [`DirectoryError::Unseen`].
    async fn call<T: Send + 'static, E: From<DirectoryError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |session, memory| {
            let outcome = work(session);
            let seen = memory.catch_up().map_err(|error| DirectoryError::Unseen(Box::new(error)));
            // Nobody may wait any more; what was done stays done.
            drop(answer.send(outcome.and_then(|done| seen.map(|()| done).map_err(E::from))));
        });
        self.owner.work.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => DirectoryError::Crowded,
            TrySendError::Disconnected(_) => DirectoryError::Closed,
        })?;
        answered.await.map_err(|_| DirectoryError::Closed)?
    }
}
