//! The threads that hash passwords, and their bounded queue.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use tokio::sync::oneshot;
use tracing::Span;

use super::{
    Parameters, Password, PasswordProblem,
    memory::Memory,
    stored::{Failure, StoredHash},
};
use crate::metrics::series::{Counter, Distribution, Histogram};

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
#[derive(Clone, Debug, Default, Eq, PartialEq)]
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
    threads: AtomicUsize,
    running: AtomicUsize,
    refused: Counter,
    waits: Histogram,
}

/// Upper bounds in microseconds of how long jobs wait.
const WAITS: &[u64] = &[
    1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
];

/// What the threads have to do at one moment.
pub(crate) struct Load {
    pub(crate) threads: usize,
    pub(crate) running: usize,
    pub(crate) waiting: usize,
    pub(crate) capacity: usize,
    pub(crate) refused: u64,
    pub(crate) waits: Distribution,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// One piece of work, and the caller's span so that a log line says whose it was.
struct Job {
    span: Span,
    began_to_wait: Instant,
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
        let hasher = Self::without_threads(options)?;
        hasher.start_threads(options.threads)?;
        Ok(hasher)
    }

    fn without_threads(options: HasherOptions) -> io::Result<Self> {
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
            threads: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            refused: Counter::default(),
            waits: Histogram::new(WAITS),
        });
        Ok(Self(Arc::new(Owner { shared })))
    }

    fn start_threads(&self, threads: usize) -> io::Result<()> {
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&self.0.shared);
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || shared.work())?;
            self.0.shared.threads.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
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
    /// costly never match, and cost what a wrong password costs. A hash of another scheme or
    /// cost is paid for beside the work of a current one, whether the password was right or
    /// not: a weak one answers no sooner.
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

    /// What there is to do at the moment.
    pub(crate) fn load(&self) -> Load {
        let shared = &self.0.shared;
        Load {
            threads: shared.threads.load(Ordering::Relaxed),
            running: shared.running.load(Ordering::Relaxed),
            waiting: shared.lock().jobs.len(),
            capacity: shared.capacity,
            refused: shared.refused.get(),
            waits: shared.waits.read(),
        }
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
            shared.refused.add_one();
            return Err(HashError::Busy);
        }
        let began_to_wait = Instant::now();
        queue.jobs.push_back(Job {
            span,
            began_to_wait,
            work,
        });
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
            self.waits.observe(job.began_to_wait.elapsed());
            self.running.fetch_add(1, Ordering::Relaxed);
            // A fault in one hash must not take the thread from all others.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.run(job.work, &mut memory)));
            self.running.fetch_sub(1, Ordering::Relaxed);
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
                queue = self
                    .wake
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
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
        // INVARIANT: a computation at the costs of today, whatever is stored: a hash that is
        // absent, refused or weak answers no sooner than any other.
        let Some(hash) = parsed else {
            self.dummy.verify(password, memory)?;
            return Ok(Verdict::default());
        };
        let matches = hash.verify(password, memory)?;
        if self.parameters.made(&hash) {
            return Ok(Verdict {
                matches,
                rehash: None,
            });
        }
        let keepable = self.parameters.scheme().check(password).is_ok();
        let rehash = if matches && keepable {
            Some(self.parameters.hash(password, memory)?)
        } else {
            self.dummy.verify(password, memory)?;
            None
        };
        Ok(Verdict { matches, rehash })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Waker};

    use super::*;

    const CHEAP: Parameters = Parameters::Argon2id {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    fn options(threads: usize, queue: usize) -> HasherOptions {
        HasherOptions {
            parameters: CHEAP,
            threads,
            queue,
        }
    }

    fn hasher() -> Hasher {
        Hasher::new(options(2, 16)).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    /// Puts a verification into the queue without waiting for it.
    fn begin(hasher: &Hasher) -> Pin<Box<impl Future<Output = Result<Verdict, HashError>>>> {
        let hasher = hasher.clone();
        let mut pending = Box::pin(async move { hasher.verify(password("x"), None).await });
        let polled = pending
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        pending
    }

    #[tokio::test]
    async fn only_the_right_password_matches_and_a_current_hash_is_kept() {
        let hasher = hasher();
        let stored = hasher.hash(password("right")).await.unwrap();
        let right = hasher
            .verify(password("right"), Some(stored.clone()))
            .await
            .unwrap();
        assert_eq!(
            right,
            Verdict {
                matches: true,
                rehash: None
            }
        );
        let wrong = hasher
            .verify(password("wrong"), Some(stored))
            .await
            .unwrap();
        assert_eq!(
            wrong,
            Verdict {
                matches: false,
                rehash: None
            }
        );
    }

    #[tokio::test]
    async fn every_kind_of_failure_costs_exactly_one_computation() {
        let hasher = hasher();
        let mine = hasher.hash(password("right")).await.unwrap();
        for stored in [
            None,
            Some(mine),
            Some(String::new()),
            Some("broken".to_owned()),
            Some(
                "$argon2id$v=19$m=4194304,t=1000000,p=1$MDEyMzQ1Njc$cbbfd8RbR8tZ9muqZM9eag"
                    .to_owned(),
            ),
        ] {
            let before = hasher.calls();
            let verdict = hasher.verify(password("wrong"), stored).await.unwrap();
            assert_eq!(
                verdict,
                Verdict {
                    matches: false,
                    rehash: None
                }
            );
            assert_eq!(hasher.calls(), before + 1);
        }
    }

    /// Only Argon2 works in the thread's memory: it tells whether the work of today was done.
    #[test]
    fn a_weak_or_refused_hash_answers_no_sooner_than_a_current_one() {
        let hasher = Hasher::without_threads(options(1, 1)).unwrap();
        for stored in [
            "pbkdf2_sha256$1$saltsaltsalt$nSvMuTtcOZox8d3fZ4NTyTgRjwnulwvZKQeRBHqrdpQ=",
            "$scrypt$ln=1,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$IwqNy0LHsLtGa2rfQqwUDOKd9SIAAAAAAAAAAAAAAAA",
            "$scrypt$ln=99,r=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$IwqNy0LHsLtGa2rfQqwUDOKd9SIAAAAAAAAAAAAAAAA",
            "$2y$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C",
            "!",
        ] {
            let mut memory = Memory::default();
            let shared = &hasher.0.shared;
            let verdict = shared.verify(&password("wrong"), Some(stored), &mut memory);
            assert_eq!(verdict.unwrap(), Verdict::default());
            assert!(!memory.is_empty(), "{stored} answers sooner");
        }
    }

    #[tokio::test]
    async fn an_imported_hash_is_renewed_only_when_the_password_was_right() {
        let hasher = hasher();
        let imported = "$2y$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C".to_owned();
        let whole = "0123456789".repeat(7) + "ab";
        let wrong = hasher
            .verify(password("wrong"), Some(imported.clone()))
            .await
            .unwrap();
        assert_eq!(
            wrong,
            Verdict {
                matches: false,
                rehash: None
            }
        );
        let right = hasher
            .verify(password(&format!("{whole}tail")), Some(imported))
            .await
            .unwrap();
        assert!(right.matches);
        let renewed = right.rehash.unwrap();
        assert!(renewed.starts_with("$argon2id$"));
        let cut = hasher
            .verify(password(&whole), Some(renewed))
            .await
            .unwrap();
        assert!(!cut.matches, "the renewed hash still ignores the tail");
    }

    #[tokio::test]
    async fn x029_bcrypt_keeps_no_password_that_it_would_cut() {
        let parameters = Parameters::Bcrypt { cost: 4 };
        let hasher = Hasher::new(HasherOptions {
            parameters,
            ..options(1, 4)
        })
        .unwrap();
        let refused = hasher.hash(password(&"x".repeat(73))).await.unwrap_err();
        assert_eq!(
            refused,
            HashError::Refused(PasswordProblem::Over72Bytes { length: 73 })
        );
        let nul = hasher.hash(password("a\0b")).await.unwrap_err();
        assert_eq!(nul, HashError::Refused(PasswordProblem::ContainsNul));
        assert_eq!(hasher.calls(), 0);

        let argon2 = self::hasher()
            .hash(password(&"x".repeat(73)))
            .await
            .unwrap();
        let verdict = hasher
            .verify(password(&"x".repeat(73)), Some(argon2))
            .await
            .unwrap();
        assert_eq!(
            verdict,
            Verdict {
                matches: true,
                rehash: None
            }
        );
    }

    #[tokio::test]
    async fn x026_a_full_queue_refuses_and_callers_that_leave_free_no_place_early() {
        let hasher = Hasher::without_threads(options(1, 3)).unwrap();
        let waiting = begin(&hasher);
        let leaves = begin(&hasher);
        let leaves_too = begin(&hasher);
        assert_eq!(
            hasher.verify(password("x"), None).await,
            Err(HashError::Busy)
        );
        assert_eq!(hasher.hash(password("x")).await, Err(HashError::Busy));
        drop((leaves, leaves_too));
        assert_eq!(
            hasher.verify(password("x"), None).await,
            Err(HashError::Busy)
        );
        let load = hasher.load();
        assert_eq!((load.waiting, load.refused, load.running), (3, 3, 0));

        hasher.start_threads(1).unwrap();
        assert!(!waiting.await.unwrap().matches);
        assert!(!hasher.verify(password("x"), None).await.unwrap().matches);
        assert_eq!(hasher.calls(), 2, "jobs without a caller were worked on");
        let load = hasher.load();
        assert_eq!((load.waiting, load.threads, load.waits.count), (0, 1, 4));
    }

    #[tokio::test]
    async fn x025_a_flood_is_answered_or_refused_and_never_lost() {
        let hasher = Hasher::new(options(2, 8)).unwrap();
        let jobs: Vec<_> = (0..200)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.verify(password("x"), None).await })
            })
            .collect();
        let mut answered = 0;
        for job in jobs {
            match job.await.unwrap() {
                Ok(verdict) => {
                    assert!(!verdict.matches);
                    answered += 1;
                }
                Err(error) => assert_eq!(error, HashError::Busy),
            }
        }
        assert_eq!(hasher.calls(), answered);
        assert!(answered >= 8);
    }

    #[tokio::test]
    async fn impossible_costs_are_refused_at_the_start() {
        let parameters = Parameters::Bcrypt { cost: 31 };
        assert!(
            Hasher::new(HasherOptions {
                parameters,
                ..options(1, 1)
            })
            .is_err()
        );
    }

    #[test]
    fn debug_output_shows_no_hash() {
        let shown = format!("{:?}", hasher());
        assert!(!shown.contains('$'), "{shown}");
    }
}
