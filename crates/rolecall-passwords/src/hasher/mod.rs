//! Hashing and verifying on threads of its own, behind a bounded queue.
//!
//! - [`queue`] has the order of the jobs,
//! - [`worker`] has the loop of the threads,
//! - [`load`] counts what they do,
//! - [`outcome`] has the results and errors.

mod load;
mod outcome;
mod queue;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::{fmt, thread};

use tokio::sync::oneshot;

pub use self::load::{Load, WaitTimes};
pub use self::outcome::{HashError, StartError, Verdict};
pub use self::queue::Lane;
use self::worker::{Shared, Work};
use crate::breached::BreachedPasswords;
use crate::password::Password;
use crate::scheme::Parameters;
use crate::stored::StoredHash;

/// Jobs that may wait for each thread: less than a second of work at the default costs.
const QUEUE_PER_THREAD: usize = 32;

/// The options of a [`Hasher`].
#[derive(Clone, Copy, Debug)]
pub struct HasherOptions {
    /// Scheme and costs of new hashes.
    pub parameters: Parameters,
    /// Threads, which is the number of hashes computed at the same time; at least one is
    /// started.
    pub threads: usize,
    /// Jobs that may wait; the next one is refused with [`HashError::Busy`].
    pub queue: usize,
}

impl Default for HasherOptions {
    /// Argon2id, with as many threads as cores.
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self {
            parameters: Parameters::default(),
            threads,
            queue: QUEUE_PER_THREAD * threads,
        }
    }
}

/// Hashes and verifies passwords on threads of its own, which all clones share.
///
/// A job that was begun is finished even if its caller goes away, so never more hashes are
/// computed than there are threads. Jobs whose caller is gone before they begin are skipped.
///
/// ```
/// use rolecall_passwords::{Hasher, HasherOptions, Password};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let hasher = Hasher::new(HasherOptions::default())?;
/// let password = Password::new("purple tram lantern".to_owned())?;
/// let stored = hasher.hash(password.clone()).await?;
/// assert!(hasher.verify(password.clone(), Some(stored)).await?.matches);
/// assert!(!hasher.verify(password, None).await?.matches); // takes as long
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Hasher(Arc<Owner>);

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("parameters", &self.0.shared.parameters)
            .finish_non_exhaustive()
    }
}

/// Ends the threads when the last [`Hasher`] is dropped.
struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub fn new(options: HasherOptions) -> Result<Self, StartError> {
        let hasher = Self::without_threads(options)?;
        hasher.start_threads(options.threads)?;
        Ok(hasher)
    }

    fn without_threads(options: HasherOptions) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::new(options.parameters, options.queue)?);
        Ok(Self(Arc::new(Owner { shared })))
    }

    fn start_threads(&self, threads: usize) -> Result<(), StartError> {
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&self.0.shared);
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || shared.run_jobs())
                .map_err(StartError::Threads)?;
            let counters = &self.0.shared.counters;
            counters.threads.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Computes a new hash of `password`, to be stored.
    ///
    /// # Errors
    ///
    /// See [`HashError`].
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        self.hash_in(Lane::default(), password).await
    }

    /// The same as [`Hasher::hash`], waiting in `lane`.
    ///
    /// # Errors
    ///
    /// See [`HashError`].
    pub async fn hash_in(&self, lane: Lane, password: Password) -> Result<String, HashError> {
        self.hash_new_in(lane, password, None).await
    }

    /// The same as [`Hasher::hash_in`] for a password that somebody chose, unless it is in the list. The list is read
    /// on the threads of this hasher.
    ///
    /// # Errors
    ///
    /// [`HashError::Refused`] with [`PasswordProblem::Breached`](crate::PasswordProblem) if it is, and
    /// [`HashError::ListUnusable`] if the list cannot be read.
    pub async fn hash_new_in(
        &self,
        lane: Lane,
        password: Password,
        breached: Option<Arc<BreachedPasswords>>,
    ) -> Result<String, HashError> {
        self.parameters().scheme().check(&password)?;
        let (sender, receiver) = oneshot::channel();
        let work = Work::Hash(password, breached, sender);
        self.0.shared.submit(lane, work);
        receiver.await.map_err(|_| HashError::Failed)?
    }

    /// Verifies `password` against the hash that is stored for the user.
    ///
    /// `None` (no such user, or a user without a password) and an unusable hash never match,
    /// and take as long as a wrong password. A hash of another scheme or other costs is
    /// computed in addition to a current one, whether the password is correct or not, so a weak
    /// hash is not answered sooner.
    ///
    /// # Errors
    ///
    /// See [`HashError`].
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verdict, HashError> {
        self.verify_in(Lane::default(), password, stored).await
    }

    /// The same as [`Hasher::verify`], waiting in `lane`.
    ///
    /// # Errors
    ///
    /// See [`HashError`].
    pub async fn verify_in(
        &self,
        lane: Lane,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verdict, HashError> {
        let (sender, receiver) = oneshot::channel();
        let work = Work::Verify(password, stored, sender);
        self.0.shared.submit(lane, work);
        receiver.await.map_err(|_| HashError::Failed)?
    }

    /// Returns false while the system has too little memory to compute a hash.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        self.0.shared.has_memory()
    }

    /// Returns a hash with the scheme and the costs of `stored` that no password matches, to be
    /// verified where there is none. `None` if verifying `stored` takes as long as verifying
    /// nothing: it is current or unusable.
    #[must_use]
    pub fn decoy(&self, stored: &str) -> Option<String> {
        let parsed = StoredHash::parse(stored).ok()?;
        if self.0.shared.parameters.is_current(&parsed) {
            return None;
        }
        let (head, output) = stored.rsplit_once('$')?;
        // Which characters an encoding takes, also at its end, depends on the scheme.
        ['.', '0', 'A'].into_iter().find_map(|letter| {
            let masked = output
                .chars()
                .map(|old| if old == '=' { old } else { letter });
            let decoy = format!("{head}${}", masked.collect::<String>());
            StoredHash::parse(&decoy).is_ok().then_some(decoy)
        })
    }

    /// Returns the current load, for metrics and tests.
    #[must_use]
    pub fn load(&self) -> Load {
        self.0.shared.load()
    }

    /// Returns scheme and costs of new hashes.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        self.0.shared.parameters
    }
}
