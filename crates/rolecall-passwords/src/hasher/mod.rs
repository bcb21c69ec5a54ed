//! Hashing and verifying on threads of its own, behind a bounded queue.
//!
//! - [`worker`] has the queue and the loop of the threads,
//! - [`load`] counts what they do,
//! - [`outcome`] has the results and errors.

mod load;
mod outcome;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::{fmt, thread};

use tokio::sync::oneshot;

pub use self::load::{Load, WaitTimes};
pub use self::outcome::{HashError, StartError, Verdict};
use self::worker::{Shared, Work};
use crate::password::Password;
use crate::scheme::Parameters;

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
        self.parameters().scheme().check(&password)?;
        let (sender, receiver) = oneshot::channel();
        self.0.shared.submit(Work::Hash(password, sender))?;
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
        let (sender, receiver) = oneshot::channel();
        self.0
            .shared
            .submit(Work::Verify(password, stored, sender))?;
        receiver.await.map_err(|_| HashError::Failed)?
    }

    /// Returns false while the system has too little memory to compute a hash.
    #[must_use]
    pub fn has_memory(&self) -> bool {
        self.0.shared.has_memory()
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
