//! The two threads of the directory: one makes changes, one looks for those that other processes made.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::memory::Memory;
use super::session::{Session, Tx};
use super::{Directory, DirectoryError};

/// How often another process's changes are looked for. They must be seen within a second, and by a server they are told
/// of at once: what it has not told of, a connection that broke off without a word for one, is found by this.
const LOOK: Duration = Duration::from_millis(200);

/// How many changes and questions may wait for their turn: each is done in less than a millisecond, unless another
/// process is in the way.
const WAITING: usize = 1_024;

/// Work for the thread that makes changes.
type Work = Box<dyn FnOnce(&mut Session, &Memory) + Send>;

/// The way to the threads, which end when this is dropped.
pub(super) struct Owner {
    work: SyncSender<Work>,
    looks: mpsc::Sender<Wake>,
}

/// What the thread that looks is woken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// Something may have changed.
    Look,
    /// The directory is closed.
    End,
}

impl Owner {
    /// Starts both threads; `session` is the connection for changes, and whoever has `looks` wakes the one that looks.
    pub(super) fn start(
        mut session: Session,
        memory: &Arc<Memory>,
        (looks, woken): (mpsc::Sender<Wake>, Receiver<Wake>),
    ) -> Result<Self, DirectoryError> {
        let (work, waiting) = mpsc::sync_channel::<Work>(WAITING);
        let (to_change, to_look) = (Arc::clone(memory), Arc::clone(memory));
        spawn("tenantry-directory", move || {
            while let Some(work) = next(&mut session, &waiting) {
                work(&mut session, &to_change);
            }
        })?;
        spawn("tenantry-look", move || look(&to_look, &woken))?;
        Ok(Self { work, looks })
    }

    /// Gives a session work that nobody waits for. Where there is too much already, what is before it does as well.
    pub(super) fn nudge(&self) {
        let _ = self.work.try_send(Box::new(|session, _| session.keep_up()));
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.looks.send(Wake::End);
    }
}

/// The next work, once there is any. Until then the session holds on to what was claimed by it.
fn next(session: &mut Session, waiting: &Receiver<Work>) -> Option<Work> {
    while session.has_claims() {
        match waiting.recv_timeout(LOOK) {
            Ok(work) => return Some(work),
            Err(RecvTimeoutError::Timeout) => session.keep_up(),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    waiting.recv().ok()
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), DirectoryError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    started.map(drop).map_err(DirectoryError::NoThread)
}

fn look(memory: &Memory, woken: &Receiver<Wake>) {
    while let Ok(Wake::Look) | Err(RecvTimeoutError::Timeout) = woken.recv_timeout(LOOK) {
        // One look is enough for all that was told before it.
        while let Ok(wake) = woken.try_recv() {
            if wake == Wake::End {
                return;
            }
        }
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
    pub(super) async fn call<T: Send + 'static, E: From<DirectoryError> + Send + 'static>(
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
