//! The queue of jobs, and the loop of the threads that compute them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::Span;

use super::load::{Counters, Load};
use super::outcome::{HashError, Verdict};
use super::queue::{FairQueue, Lane};
use crate::breached::BreachedPasswords;
use crate::memory::Memory;
use crate::password::Password;
use crate::problem::PasswordProblem;
use crate::scheme::Parameters;
use crate::stored::{ComputeError, StoredHash};

/// The time after which an idle thread releases its memory.
const IDLE: Duration = Duration::from_secs(1);

/// The state that callers and threads share.
pub(super) struct Shared {
    pub(super) parameters: Parameters,
    /// Is verified where there is no usable stored hash.
    dummy: StoredHash,
    capacity: usize,
    queue: Mutex<Queue>,
    wake: Condvar,
    pub(super) counters: Counters,
    /// The last computation got no memory.
    starved: AtomicBool,
}

struct Queue {
    jobs: FairQueue<Job>,
    closed: bool,
}

/// A computation that waits for a thread.
struct Job {
    /// The span of the caller, so that log lines of the computation name its request.
    span: Span,
    queued_at: Instant,
    work: Work,
}

/// The input of a computation, and the channel for its result.
pub(super) enum Work {
    /// The password must not be in the list, if there is one.
    Hash(
        Password,
        Option<Arc<BreachedPasswords>>,
        oneshot::Sender<Result<String, HashError>>,
    ),
    Verify(
        Password,
        Option<String>,
        oneshot::Sender<Result<Verdict, HashError>>,
    ),
}

impl Work {
    /// Answers the caller that the queue is full.
    fn refuse(self) {
        // `send` fails if the caller went away meanwhile.
        match self {
            Self::Hash(_, _, sender) => drop(sender.send(Err(HashError::Busy))),
            Self::Verify(_, _, sender) => drop(sender.send(Err(HashError::Busy))),
        }
    }
}

impl Shared {
    pub(super) fn new(parameters: Parameters, capacity: usize) -> Result<Self, ComputeError> {
        Ok(Self {
            parameters,
            dummy: parameters.dummy()?,
            capacity,
            queue: Mutex::new(Queue {
                jobs: FairQueue::new(capacity),
                closed: false,
            }),
            wake: Condvar::new(),
            counters: Counters::default(),
            starved: AtomicBool::new(false),
        })
    }

    /// Locks the queue. No panic leaves it half changed, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job. If the queue is full, the caller of the job that has no place gets [`HashError::Busy`]: this one,
    /// or one of a source with more of them.
    pub(super) fn submit(&self, lane: Lane, work: Work) {
        let job = Job {
            span: Span::current(),
            queued_at: Instant::now(),
            work,
        };
        let displaced = self.lock().jobs.push(lane, job);
        self.wake.notify_one();
        if let Some(displaced) = displaced {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            displaced.work.refuse();
        }
    }

    pub(super) fn load(&self) -> Load {
        let waiting = self.lock().jobs.len();
        self.counters.read(waiting, self.capacity)
    }

    /// Lets the threads end once the queue is empty.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// Computes jobs until the queue is closed.
    pub(super) fn run_jobs(&self) {
        let mut memory = Memory::default();
        while let Some(job) = self.next_job(&mut memory) {
            let _entered = job.span.enter();
            self.counters.record_wait(job.queued_at.elapsed());
            self.counters.running.fetch_add(1, Ordering::Relaxed);
            // A panic in one computation must not end the thread that all others need.
            let outcome = catch_unwind(AssertUnwindSafe(|| self.run(job.work, &mut memory)));
            self.counters.running.fetch_sub(1, Ordering::Relaxed);
            if outcome.is_err() {
                tracing::error!("hashing a password panicked");
                memory = Memory::default();
            }
            memory.release_if_oversized();
        }
    }

    /// Waits for a job; `None` if the queue is closed and empty.
    fn next_job(&self, memory: &mut Memory) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop() {
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
                // Wiping takes milliseconds, in which other threads need the queue.
                drop(queue);
                memory.release();
                queue = self.lock();
            }
        }
    }

    /// Computes a job, unless its caller is gone.
    fn run(&self, work: Work, memory: &mut Memory) {
        match work {
            Work::Hash(_, _, sender) if sender.is_closed() => {}
            Work::Verify(_, _, sender) if sender.is_closed() => {}
            Work::Hash(password, breached, sender) => {
                self.counters.started.fetch_add(1, Ordering::Relaxed);
                let hash = match check_breached(&password, breached.as_deref()) {
                    Ok(()) => self.noted(self.parameters.hash(&password, memory)),
                    Err(error) => Err(error),
                };
                // `send` fails if the caller went away meanwhile.
                let _ = sender.send(hash);
            }
            Work::Verify(password, stored, sender) => {
                self.counters.started.fetch_add(1, Ordering::Relaxed);
                let verdict = self.verify(&password, stored.as_deref(), memory);
                let _ = sender.send(self.noted(verdict));
            }
        }
    }

    /// Notes whether there was memory for a computation.
    pub(super) fn noted<T>(&self, outcome: Result<T, ComputeError>) -> Result<T, HashError> {
        let starved = matches!(outcome, Err(ComputeError::OutOfMemory));
        if starved != self.starved.swap(starved, Ordering::Relaxed) && starved {
            tracing::error!("there is too little memory to check passwords");
        }
        outcome.map_err(HashError::from)
    }

    /// Checks whether the next computation would get its memory, if the last one did not.
    pub(super) fn has_memory(&self) -> bool {
        if self.starved.load(Ordering::Relaxed) {
            let available = Memory::is_available(self.parameters.memory_blocks());
            self.starved.store(!available, Ordering::Relaxed);
        }
        !self.starved.load(Ordering::Relaxed)
    }

    /// Verifies a password against the text of a stored hash.
    pub(super) fn verify(
        &self,
        password: &Password,
        stored: Option<&str>,
        memory: &mut Memory,
    ) -> Result<Verdict, ComputeError> {
        let parsed = stored.and_then(|text| {
            StoredHash::parse(text)
                .inspect_err(|reason| tracing::warn!(%reason, "a stored password hash is unusable"))
                .ok()
        });
        // INVARIANT: every path computes at today's costs at least once, so that a hash that is
        // missing, unusable or weak is not answered sooner than any other.
        let Some(hash) = parsed else {
            self.dummy.verify(password, memory)?;
            return Ok(Verdict::default());
        };
        let matches = hash.verify(password, memory)?;
        if self.parameters.is_current(&hash) {
            return Ok(Verdict {
                matches,
                rehash: None,
            });
        }
        let can_be_kept = self.parameters.scheme().check(password).is_ok();
        let rehash = if matches && can_be_kept {
            Some(self.parameters.hash(password, memory)?)
        } else {
            self.dummy.verify(password, memory)?;
            None
        };
        Ok(Verdict { matches, rehash })
    }
}

/// Refuses a password that is in the list. Without an answer of the list it is refused too: it would be kept for years.
fn check_breached(
    password: &Password,
    breached: Option<&BreachedPasswords>,
) -> Result<(), HashError> {
    let Some(list) = breached else {
        return Ok(());
    };
    match list.contains(password) {
        Ok(false) => Ok(()),
        Ok(true) => Err(HashError::Refused(PasswordProblem::Breached)),
        Err(error) => {
            tracing::error!(%error, path = %list.path().display(), "the list of breached passwords cannot be used: no new password is accepted");
            Err(HashError::ListUnusable)
        }
    }
}
