//! The threads that hash passwords, and their bounded queue.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io, thread};

use tokio::sync::oneshot;
use tracing::Span;

use super::memory::Memory;
use super::scheme::{Failure, StoredHash};
use super::{Parameters, Password, PasswordProblem};

/// An idle thread gives its memory back after this long.
const IDLE: Duration = Duration::from_secs(1);

/// Jobs that may wait for each thread: under a second's work with Argon2id's default costs.
const QUEUE_PER_THREAD: usize = 32;

/// How a [`Hasher`] works.
#[derive(Clone, Copy, Debug)]
pub struct HasherOptions {
    /// Scheme and costs of new hashes.
    pub parameters: Parameters,
    /// Threads, which is the number of hashes computed at the same time.
    pub threads: usize,
    /// Jobs that may wait; one more is answered [`HashError::Busy`].
    pub queue: usize,
}

impl Default for HasherOptions {
    /// Argon2id, as many threads as cores.
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self {
            parameters: Parameters::default(),
            threads,
            queue: QUEUE_PER_THREAD * threads,
        }
    }
}

/// Whether a password was right.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// It was.
    pub matches: bool,
    /// A new hash of the same password to store instead, if it was right and the stored
    /// hash has another scheme or other costs than new ones.
    pub rehash: Option<String>,
}

/// Why no hash was computed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HashError {
    /// Too many jobs are waiting; try again in a second.
    #[error("too many passwords are being checked at the moment")]
    Busy,
    /// The scheme cannot keep this password whole.
    #[error(transparent)]
    Refused(#[from] PasswordProblem),
    /// There was no memory or no randomness, or the threads are gone.
    #[error("a password could not be hashed")]
    Failed,
}

/// Hashes and verifies passwords on its own threads. Clones share them.
///
/// A caller that goes away does not free its place early: a job that was begun is finished,
/// so that never more hashes run than there are threads. Jobs whose caller is gone before
/// they begin are skipped.
///
/// ```
/// use rolecall_server::passwords::{Hasher, HasherOptions, Password};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let hasher = Hasher::new(HasherOptions::default())?;
/// let password = Password::new("purple tram lantern".to_owned())?;
/// let stored = hasher.hash(password.clone()).await?;
/// assert!(hasher.verify(password.clone(), Some(stored)).await?.matches);
/// assert!(!hasher.verify(password, None).await?.matches); // costs the same
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
        self.shared.lock().closed = true;
        self.shared.wake.notify_all();
    }
}

/// What callers and threads share.
struct Shared {
    parameters: Parameters,
    /// Stands in where there is no usable stored hash.
    dummy: StoredHash,
    capacity: usize,
    queue: Mutex<Queue>,
    wake: Condvar,
    calls: AtomicU64,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// One piece of work, and the caller's span so that a log line says whose it was.
struct Job {
    span: Span,
    work: Work,
}

enum Work {
    Hash(Password, oneshot::Sender<Result<String, HashError>>),
    Verify(
        Password,
        Option<String>,
        oneshot::Sender<Result<Verdict, HashError>>,
    ),
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// If the system starts no thread or gives no randomness.
    pub fn new(options: HasherOptions) -> io::Result<Self> {
        let dummy = options
            .parameters
            .dummy()
            .map_err(|Failure| io::Error::other("no randomness or unusable hash parameters"))?;
        let shared = Arc::new(Shared {
            parameters: options.parameters,
            dummy,
            capacity: options.queue,
            queue: Mutex::default(),
            wake: Condvar::new(),
            calls: AtomicU64::new(0),
        });
        let owner = Owner {
            shared: Arc::clone(&shared),
        };
        for number in 0..options.threads.max(1) {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || shared.work())?;
        }
        Ok(Self(Arc::new(owner)))
    }

    /// Makes a new hash of `password`, to be stored.
    ///
    /// # Errors
    ///
    /// See [`HashError`].
    pub async fn hash(&self, password: Password) -> Result<String, HashError> {
        self.0.shared.parameters.scheme().check(&password)?;
        let (sender, receiver) = oneshot::channel();
        self.submit(Work::Hash(password, sender))?;
        receiver.await.map_err(|_| HashError::Failed)?
    }

    /// Verifies `password` against the hash that is stored for the user.
    ///
    /// `None` (no such user, or one without a password) and a hash that is broken or absurdly
    /// costly never match, and cost what a wrong password costs.
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
        self.submit(Work::Verify(password, stored, sender))?;
        receiver.await.map_err(|_| HashError::Failed)?
    }

    /// How many jobs were worked on since the start, for tests: one for each call that was
    /// not refused or skipped.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.0.shared.calls.load(Ordering::Relaxed)
    }

    /// Scheme and costs of new hashes.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        self.0.shared.parameters
    }

    fn submit(&self, work: Work) -> Result<(), HashError> {
        let shared = &self.0.shared;
        let span = Span::current();
        let mut queue = shared.lock();
        if queue.jobs.len() >= shared.capacity {
            return Err(HashError::Busy);
        }
        queue.jobs.push_back(Job { span, work });
        drop(queue);
        shared.wake.notify_one();
        Ok(())
    }
}

impl Shared {
    /// The queue. It is never left half changed, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one thread does until the last [`Hasher`] is gone.
    fn work(&self) {
        let mut memory = Memory::default();
        while let Some(job) = self.next(&mut memory) {
            let _entered = job.span.enter();
            // A fault in one hash must not take the thread from all others.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.run(job.work, &mut memory)));
            if outcome.is_err() {
                tracing::error!("hashing a password panicked");
                memory = Memory::default();
            }
            memory.release_if_oversized();
        }
    }

    /// Waits for a job; `None` when there will be no more.
    fn next(&self, memory: &mut Memory) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            if memory.is_empty() {
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (guard, timeout) = self
                .wake
                .wait_timeout(queue, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            queue = guard;
            if timeout.timed_out() && queue.jobs.is_empty() {
                drop(queue);
                memory.release();
                queue = self.lock();
            }
        }
    }

    fn run(&self, work: Work, memory: &mut Memory) {
        match work {
            Work::Hash(_, sender) if sender.is_closed() => {}
            Work::Verify(_, _, sender) if sender.is_closed() => {}
            Work::Hash(password, sender) => {
                self.calls.fetch_add(1, Ordering::Relaxed);
                let hash = self.parameters.hash(&password, memory);
                // Err: the caller went away meanwhile.
                let _ = sender.send(hash.map_err(|Failure| HashError::Failed));
            }
            Work::Verify(password, stored, sender) => {
                self.calls.fetch_add(1, Ordering::Relaxed);
                let verdict = self.verify(&password, stored.as_deref(), memory);
                let _ = sender.send(verdict.map_err(|Failure| HashError::Failed));
            }
        }
    }

    fn verify(
        &self,
        password: &Password,
        stored: Option<&str>,
        memory: &mut Memory,
    ) -> Result<Verdict, Failure> {
        let parsed = stored.and_then(|text| {
            StoredHash::parse(text)
                .inspect_err(|reason| tracing::warn!(%reason, "a stored password hash was refused"))
                .ok()
        });
        // INVARIANT: exactly one computation before the answer is known.
        let Some(hash) = parsed else {
            self.dummy.verify(password, memory)?;
            return Ok(Verdict {
                matches: false,
                rehash: None,
            });
        };
        let matches = hash.verify(password, memory)?;
        let keepable = self.parameters.scheme().check(password).is_ok();
        let rehash = if matches && keepable && !hash.is_made_with(&self.parameters) {
            Some(self.parameters.hash(password, memory)?)
        } else {
            None
        };
        Ok(Verdict { matches, rehash })
    }
}
