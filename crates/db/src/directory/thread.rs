//! The thread that owns the directory's connection: runs what it is asked to, and keeps the memory up to date.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::index::Index;
use super::{Changed, Directory, DirectoryError, read};

/// How often another process's changes are looked for. They must be seen within a second.
const LOOK: Duration = Duration::from_millis(200);

/// Work for the thread, and what it then says, once memory is up to date or can't be brought up to date.
type Work = Box<dyn FnOnce(&mut Connection) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), DirectoryError>) + Send>;
type Heard = Box<dyn Fn(&[Changed]) + Send>;

/// The way to the thread. The thread ends when this is dropped.
pub(super) struct Owner(mpsc::Sender<Work>);

struct Thread {
    db: Connection,
    index: Arc<RwLock<Index>>,
    heard: Heard,
    /// SQLite's count of the changes that other connections made.
    data_version: i64,
}

impl Owner {
    /// Reads the whole directory, then starts the thread.
    pub(super) fn start(
        db: Connection,
        index: Arc<RwLock<Index>>,
        heard: Heard,
    ) -> Result<Self, DirectoryError> {
        let mut thread = Thread { db, index, heard, data_version: 0 };
        let refreshed = thread.refresh();
        thread.note_down(&refreshed);
        refreshed?;
        let (send, receive) = mpsc::channel();
        std::thread::Builder::new()
            .name("tenantry-directory".to_owned())
            .spawn(move || thread.run(&receive))
            .map_err(|error| DirectoryError::Unreadable(format!("its thread can't be started: {error}")))?;
        Ok(Self(send))
    }
}

impl Directory {
    /// Runs `work` on the directory's connection. When it answers, memory holds what it changed.
    pub(super) async fn call<T: Send + 'static, E: From<DirectoryError> + Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |db| {
            let outcome = work(db);
            // A change is done only once it is in effect here. Nobody may wait any more; what was done stays done.
            Box::new(move |refreshed| {
                let outcome = outcome.and_then(|done| refreshed.map(|()| done).map_err(E::from));
                drop(answer.send(outcome));
            })
        });
        self.owner.0.send(work).map_err(|_| DirectoryError::Closed)?;
        answered.await.map_err(|_| DirectoryError::Closed)?
    }

    /// Whether memory follows the directory. It asks no database and waits for nobody, however often it is called.
    ///
    /// # Errors
    /// Raised when the last look at the directory failed, or is longer ago than any change should take.
    pub fn check(&self) -> Result<(), DirectoryError> {
        if self.read().is_followed(Instant::now()) { Ok(()) } else { Err(DirectoryError::Stale) }
    }
}

impl Thread {
    fn run(mut self, work: &mpsc::Receiver<Work>) {
        loop {
            let answer = match work.recv_timeout(LOOK) {
                Ok(work) => Some(work(&mut self.db)),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let refreshed = match answer {
                Some(_) => self.refresh(),
                None => self.refresh_if_others_changed(),
            };
            self.note_down(&refreshed);
            if let Err(error) = &refreshed {
                tracing::error!(%error, "the directory can't be read; what was read last is served on");
            }
            if let Some(answer) = answer {
                answer(refreshed);
            }
        }
    }

    fn note_down(&self, refreshed: &Result<(), DirectoryError>) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.looked = refreshed.is_ok().then(Instant::now);
    }

    fn refresh_if_others_changed(&mut self) -> Result<(), DirectoryError> {
        let seen: i64 = self.db.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if seen == self.data_version {
            return Ok(());
        }
        self.refresh()?;
        self.data_version = seen;
        Ok(())
    }

    /// Brings memory up to date. One transaction reads it all: a host never gets what another one's row said.
    fn refresh(&mut self) -> Result<(), DirectoryError> {
        let snapshot = self.db.transaction()?;
        let (generation, removals) = read::generations(&snapshot)?;
        let (known, known_removals) = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            (index.generation, index.removals)
        };
        if (generation, removals) == (known, known_removals) {
            return Ok(());
        }
        let records = read::changed_since(&snapshot, known)?;
        let kept = if removals == known_removals { None } else { Some(read::ids(&snapshot)?) };
        drop(snapshot);
        let mut changes = Vec::new();
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept {
            let gone = index.retain(|id| kept.contains(&id));
            changes.extend(gone.into_iter().map(|before| Changed { before: Some(before), after: None }));
        }
        for (id, found) in records {
            let before = match found {
                Ok(record) => index.put(record),
                Err(error) => {
                    tracing::error!(%id, %error, "a tenant's entry in the directory can't be read; it is not served");
                    index.put_unreadable(id, error.to_string())
                }
            };
            changes.push(Changed { before, after: index.by_id(id).cloned() });
        }
        index.generation = generation;
        index.removals = removals;
        drop(index);
        (self.heard)(&changes);
        Ok(())
    }
}
