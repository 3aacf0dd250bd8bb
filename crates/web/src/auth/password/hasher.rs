//! Where passwords are hashed: off the async threads, and only so many at once.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use tokio::sync::Semaphore;

use super::scheme::{HashForm, Scheme};
use super::{Password, PasswordHash};
use crate::auth::RandomError;

/// Hashes and checks passwords, off the async threads and only so many at once, so that a thousand sign-ins wait for
/// one another instead of taking a thousand times 19 MiB. Cheap to clone; clones share the limit and the count.
#[derive(Clone, Debug)]
pub struct Hasher {
    permits: Arc<Semaphore>,
    calls: Arc<AtomicU64>,
}

/// Which hashes a tenant's data may hold, by where the data comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashPolicy {
    /// Made by this instance: new hashes are Argon2id, and what is older is upgraded.
    Own,
    /// Adopted from Django, which must still be able to read it: new hashes are PBKDF2, and nothing is upgraded.
    Adopted,
    /// Adopted from Django and free to move on (`PASSWORD_UPGRADE=true`): as [`HashPolicy::Own`]. Each check does the
    /// work of both forms, so that its time doesn't tell whose hash is which, or nobody's.
    Upgrading,
}

/// What a check of a password found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not the password.
    Wrong,
    /// It is the password.
    Right {
        /// Whether a new hash should take the place of the one that was checked.
        outdated: bool,
    },
}

/// Raised when a password could be neither hashed nor checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// No salt could be made.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The operating system refused the memory.
    #[error("there is not enough memory to hash a password")]
    Memory,
    /// The runtime that hashes is shutting down.
    #[error("passwords are not hashed any more: the server is stopping")]
    Stopping,
}

impl HashPolicy {
    /// The form of new hashes.
    fn form(self) -> HashForm {
        match self {
            Self::Own | Self::Upgrading => HashForm::Argon2id,
            Self::Adopted => HashForm::Pbkdf2,
        }
    }

    /// The forms whose work every check does, whatever is stored.
    fn work(self) -> &'static [HashForm] {
        match self {
            Self::Own => &[HashForm::Argon2id],
            Self::Adopted => &[HashForm::Pbkdf2],
            Self::Upgrading => &[HashForm::Argon2id, HashForm::Pbkdf2],
        }
    }
}

impl Hasher {
    /// A hasher that works on `at_once` passwords at the same time.
    #[must_use]
    pub fn new(at_once: NonZeroUsize) -> Self {
        Self { permits: Arc::new(Semaphore::new(at_once.get())), calls: Arc::default() }
    }

    /// How many hashes were computed, decoys included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Hashes `password` with a new salt.
    ///
    /// # Errors
    /// Raised when there are no random bytes or no memory for it, and when the runtime is shutting down.
    pub async fn hash(&self, password: &Password, policy: HashPolicy) -> Result<PasswordHash, HashError> {
        let password = password.clone();
        self.run(move |calls| {
            calls.fetch_add(1, Ordering::Relaxed);
            policy.form().hash(&password)
        })
        .await
    }

    /// Whether `stored` is the hash of `password`. Without a hash, for a user that does not exist say, it does the same
    /// work and finds the password wrong.
    ///
    /// # Errors
    /// Raised when there is no memory for it, and when the runtime is shutting down.
    pub async fn verify(
        &self,
        password: &Password,
        stored: Option<&PasswordHash>,
        policy: HashPolicy,
    ) -> Result<Verdict, HashError> {
        let (password, stored) = (password.clone(), stored.cloned());
        self.run(move |calls| verify(&password, stored.as_ref(), policy, calls)).await
    }

    /// Runs `job` on a thread that may be kept busy. The permit goes with it: a caller that goes away frees nothing
    /// before the work is done.
    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&AtomicU64) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| HashError::Stopping)?;
        let calls = Arc::clone(&self.calls);
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            job(&calls)
        });
        work.await.map_err(|_| HashError::Stopping)?
    }
}

impl Default for Hasher {
    /// As many at once as the machine has processors.
    fn default() -> Self {
        Self::new(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }
}

fn verify(
    password: &Password,
    stored: Option<&PasswordHash>,
    policy: HashPolicy,
    calls: &AtomicU64,
) -> Result<Verdict, HashError> {
    let scheme = stored.and_then(PasswordHash::scheme);
    let mut right = false;
    let real = scheme.as_ref().map(Scheme::form);
    for decoy in policy.work().iter().filter(|form| Some(**form) != real) {
        calls.fetch_add(1, Ordering::Relaxed);
        black_box(decoy.decoy().matches(password)?);
    }
    if let Some(scheme) = scheme {
        calls.fetch_add(1, Ordering::Relaxed);
        right = scheme.matches(password)?;
    }
    let outdated = policy.form() == HashForm::Argon2id && !stored.is_some_and(PasswordHash::is_newest);
    Ok(if right { Verdict::Right { outdated } } else { Verdict::Wrong })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use super::*;

    fn typed(text: &str) -> Password {
        Password::from(text.to_owned())
    }

    #[tokio::test]
    async fn no_more_are_hashed_at_once_than_agreed() {
        let hasher = Hasher::new(NonZeroUsize::new(2).unwrap());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs = (0..24).map(|_| {
            let (hasher, running, most) = (hasher.clone(), Arc::clone(&running), Arc::clone(&most));
            tokio::spawn(async move {
                let job = move |_: &_| {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    HashForm::Argon2id.hash(&typed("x"))?;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                hasher.run(job).await
            })
        });
        for job in jobs.collect::<Vec<_>>() {
            job.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_frees_no_place_before_the_work_is_done() {
        let hasher = Hasher::new(NonZeroUsize::MIN);
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (finish, may_finish) = mpsc::channel::<()>();
        let first = hasher.clone();
        let caller = tokio::spawn(async move {
            let job = move |_: &_| {
                let _ = started.send(());
                let _ = may_finish.recv();
                Ok(())
            };
            first.run(job).await
        });
        has_started.await.unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert_eq!(hasher.permits.available_permits(), 0, "the work goes on");

        finish.send(()).unwrap();
        let next = hasher.verify(&typed("x"), None, HashPolicy::Own).await;
        assert_eq!(next, Ok(Verdict::Wrong), "and then it is the next one's turn");
    }
}
