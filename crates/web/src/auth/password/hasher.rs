//! Where passwords are hashed: off the async threads, and only so many at once.

use std::collections::HashMap;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use tenantry_core::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::scheme::{HashForm, Scheme};
use super::{Password, PasswordHash};
use crate::auth::RandomError;

/// Hashes and checks passwords, off the async threads and only so many at once, so that a thousand sign-ins wait for
/// one another instead of taking a thousand times 19 MiB. Cheap to clone; clones share the limit and the count.
///
/// Those who sign in at one tenant wait for one another, and not the people of other tenants for them: see
/// [`Hasher::of_tenant`].
#[derive(Clone, Debug)]
pub struct Hasher {
    shared: Arc<Shared>,
    /// Who waits together; `None`: nobody with anyone.
    queue: Option<Arc<Semaphore>>,
}

#[derive(Debug)]
struct Shared {
    permits: Arc<Semaphore>,
    at_once: usize,
    calls: AtomicU64,
    /// The queues in which someone waits, by tenant; `None` for the operators'.
    queues: Mutex<HashMap<Option<TenantId>, Weak<Semaphore>>>,
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
        let at_once = at_once.get().min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(at_once));
        let shared = Shared { permits, at_once, calls: AtomicU64::new(0), queues: Mutex::default() };
        Self { shared: Arc::new(shared), queue: None }
    }

    /// The same hasher for the people of one tenant. They take half of the places at most, so that however many sign
    /// in there, those of another tenant soon have their turn.
    #[must_use]
    pub fn of_tenant(&self, tenant: TenantId) -> Self {
        self.with_queue(Some(tenant))
    }

    /// The same hasher for operators, who wait for one another as the people of a tenant do.
    #[must_use]
    pub fn of_operators(&self) -> Self {
        self.with_queue(None)
    }

    fn with_queue(&self, whose: Option<TenantId>) -> Self {
        let mut queues = self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let known = queues.get(&whose).and_then(Weak::upgrade);
        let queue = known.unwrap_or_else(|| {
            queues.retain(|_, queue| queue.strong_count() > 0);
            let queue = Arc::new(Semaphore::new(self.shared.at_once.div_ceil(2)));
            queues.insert(whose, Arc::downgrade(&queue));
            queue
        });
        drop(queues);
        Self { shared: Arc::clone(&self.shared), queue: Some(queue) }
    }

    /// How many hashes were computed, decoys included.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
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
        let turn = match &self.queue {
            Some(queue) => Some(take(queue).await?),
            None => None,
        };
        let permit = take(&self.shared.permits).await?;
        let shared = Arc::clone(&self.shared);
        let work = tokio::task::spawn_blocking(move || {
            let _places = (permit, turn);
            job(&shared.calls)
        });
        work.await.map_err(|_| HashError::Stopping)?
    }
}

async fn take(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, HashError> {
    Arc::clone(places).acquire_owned().await.map_err(|_| HashError::Stopping)
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
        assert_eq!(hasher.shared.permits.available_permits(), 0, "the work goes on");

        finish.send(()).unwrap();
        let next = hasher.verify(&typed("x"), None, HashPolicy::Own).await;
        assert_eq!(next, Ok(Verdict::Wrong), "and then it is the next one's turn");
    }

    /// Starts a job that holds its place until it is told to end, and waits until it runs.
    async fn hold(hasher: &Hasher) -> mpsc::Sender<()> {
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (finish, may_finish) = mpsc::channel::<()>();
        let job = move |_: &_| {
            let _ = started.send(());
            let _ = may_finish.recv();
            Ok(())
        };
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.run(job).await });
        has_started.await.unwrap();
        finish
    }

    #[tokio::test]
    async fn those_who_flood_one_tenant_wait_and_no_other_tenant_waits_for_them() {
        let hasher = Hasher::new(NonZeroUsize::new(2).unwrap());
        for flooded in [hasher.of_tenant(TenantId::new(1)), hasher.of_operators()] {
            let held = hold(&flooded).await;
            let flood: Vec<_> = (0..50)
                .map(|_| {
                    let flooded = flooded.clone();
                    tokio::spawn(async move { flooded.verify(&typed("x"), None, HashPolicy::Own).await })
                })
                .collect();
            // One turn for each on this one thread: all of them wait now.
            tokio::task::yield_now().await;
            let elsewhere = hasher.of_tenant(TenantId::new(2));
            let password = typed("x");
            let verdict = elsewhere.verify(&password, None, HashPolicy::Own);
            let verdict = tokio::time::timeout(std::time::Duration::from_secs(20), verdict).await;
            assert_eq!(verdict.expect("another tenant's turn comes"), Ok(Verdict::Wrong));
            assert!(flood.iter().all(|waiting| !waiting.is_finished()));
            flood.iter().for_each(tokio::task::JoinHandle::abort);
            drop(held);
        }
    }

    #[test]
    fn a_tenant_has_one_queue_for_as_long_as_someone_is_in_it() {
        let hasher = Hasher::default();
        let queue = |hasher: &Hasher| hasher.queue.clone().unwrap();
        let one = hasher.of_tenant(TenantId::new(1));
        assert!(Arc::ptr_eq(&queue(&one), &queue(&hasher.of_tenant(TenantId::new(1)))));
        assert!(!Arc::ptr_eq(&queue(&one), &queue(&hasher.of_tenant(TenantId::new(2)))));
        assert!(!Arc::ptr_eq(&queue(&one), &queue(&hasher.of_operators())));
        drop(one);
        let _other = hasher.of_tenant(TenantId::new(3));
        assert_eq!(hasher.shared.queues.lock().unwrap().len(), 1, "what nobody waits in is forgotten");
    }
}
