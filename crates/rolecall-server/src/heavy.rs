//! Work that takes longer than a turn on the threads of the runtime: it runs on threads of its own, a few at once, and
//! no caller waits beyond a deadline.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use crate::{error::ApiError, settings::PolicyLimits};

/// The size limit of a document, in bytes.
pub(crate) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The unit of the room for documents, in bytes.
const PIECE: usize = 64 * 1024;

/// Who works on a document. Each has turns and room of its own, so that readers never keep anybody from changing the
/// policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Plan,
    Change,
    /// A change that concerns the holders of roles, who may be all users: one at a time.
    Holders,
    /// A part of the audit log is read, whose entries can be as large as the policy.
    Audit,
    /// The audit log is verified: one at a time.
    Verify,
    /// Users export what is stored about them.
    Export,
}

/// A limited number of turns for heavy work.
pub(crate) struct HeavyWork {
    plans: Lane,
    changes: Lane,
    holders: Lane,
    audits: Lane,
    verifications: Lane,
    exports: Lane,
    deadline: Duration,
}

#[derive(Clone)]
struct Lane {
    turns: Arc<Semaphore>,
    /// Pieces of documents that may be in memory, read or being read.
    room: Arc<Semaphore>,
}

impl Lane {
    fn new(at_once: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once)),
            room: Arc::new(Semaphore::new(at_once.saturating_mul(MAX_BYTES / PIECE))),
        }
    }
}

/// A turn for heavy work, which ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Turn {
    _held: Arc<OwnedSemaphorePermit>,
}

/// Room for one document, until it is dropped.
pub(crate) struct Room {
    _held: OwnedSemaphorePermit,
}

impl HeavyWork {
    /// Lets as many pieces of work run at the same time, and callers wait as long, as `limits` state.
    pub(crate) fn new(limits: &PolicyLimits) -> Self {
        Self {
            plans: Lane::new(limits.at_once),
            changes: Lane::new(limits.at_once),
            holders: Lane::new(1),
            audits: Lane::new(limits.at_once),
            verifications: Lane::new(1),
            exports: Lane::new(limits.at_once),
            deadline: limits.deadline,
        }
    }

    fn lane(&self, purpose: Purpose) -> &Lane {
        match purpose {
            Purpose::Plan => &self.plans,
            Purpose::Change => &self.changes,
            Purpose::Holders => &self.holders,
            Purpose::Audit => &self.audits,
            Purpose::Verify => &self.verifications,
            Purpose::Export => &self.exports,
        }
    }

    /// Waits for room for a document of `bytes`, before its body is read. Keep it for as long as the document.
    ///
    /// # Errors
    ///
    /// [`ApiError::Busy`] after the deadline.
    pub(crate) async fn room(&self, purpose: Purpose, bytes: usize) -> Result<Room, ApiError> {
        let pieces = bytes.min(MAX_BYTES).div_ceil(PIECE).max(1);
        let pieces = u32::try_from(pieces).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.lane(purpose).room);
        match timeout(self.deadline, room.acquire_many_owned(pieces)).await {
            Ok(held) => held
                .map(|held| Room { _held: held })
                .map_err(ApiError::internal),
            Err(_) => Err(ApiError::Busy),
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    ///
    /// [`ApiError::Busy`] after the deadline.
    pub(crate) async fn turn(&self, purpose: Purpose) -> Result<Turn, ApiError> {
        let turns = Arc::clone(&self.lane(purpose).turns);
        match timeout(self.deadline, turns.acquire_owned()).await {
            Ok(held) => held
                .map(|held| Turn {
                    _held: Arc::new(held),
                })
                .map_err(ApiError::internal),
            Err(_) => Err(self.too_long()),
        }
    }

    fn too_long(&self) -> ApiError {
        tracing::warn!(deadline = ?self.deadline, "heavy work took too long");
        ApiError::Busy
    }

    /// Waits for a turn, and runs `work` in it as [`in_turn`](Self::in_turn) does.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub(crate) async fn run_reading<T: Send + 'static, F>(
        &self,
        purpose: Purpose,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let done = async {
            let turn = self.turn(purpose).await?;
            self.in_turn(&turn, work).await
        };
        timeout(self.deadline, done)
            .await
            .unwrap_or_else(|_| Err(self.too_long()))
    }

    /// Runs `work`, which reads the database, on a thread of its own. What it reads is in memory only while it has the
    /// turn.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); `work` ends where it waits for the database after the deadline.
    pub(crate) async fn in_turn<T: Send + 'static, F>(
        &self,
        turn: &Turn,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let (turn, deadline, runtime) = (turn.clone(), self.deadline, Handle::current());
        let work = spawn_blocking(move || {
            let done = runtime.block_on(async { timeout(deadline, work()).await });
            drop(turn);
            done
        });
        let done = work.await.map_err(ApiError::internal)?;
        done.unwrap_or_else(|_| Err(self.too_long()))
    }

    /// Waits for a turn, and runs `work`, which reads the database, on a thread of its own for as long as it takes.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`ApiError::Busy`] if no turn is free before the deadline.
    pub(crate) async fn run_long<T: Send + 'static, F>(
        &self,
        purpose: Purpose,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let (turn, runtime) = (self.turn(purpose).await?, Handle::current());
        let work = spawn_blocking(move || {
            let done = runtime.block_on(work());
            drop(turn);
            done
        });
        work.await.map_err(ApiError::internal)?
    }

    /// Runs `work` on a thread of its own.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`ApiError::Busy`] after the deadline. Work that has begun then goes on and keeps its turn:
    /// a thread cannot be stopped, and a turn that came back early would be a way to start more of them.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        purpose: Purpose,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let done = async {
            let turn = self.turn(purpose).await?;
            let work = spawn_blocking(move || {
                let done = work();
                drop(turn);
                done
            });
            work.await.map_err(ApiError::internal)?
        };
        timeout(self.deadline, done)
            .await
            .unwrap_or_else(|_| Err(self.too_long()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn y003_work_runs_beside_the_runtime_and_a_few_at_once() {
        let heavy = HeavyWork::new(&PolicyLimits {
            at_once: 1,
            deadline: Duration::from_millis(20),
            ..PolicyLimits::default()
        });
        assert!(matches!(heavy.run(Purpose::Plan, || Ok(3)).await, Ok(3)));
        assert!(matches!(
            heavy
                .run::<()>(Purpose::Plan, || Err(ApiError::Stale))
                .await,
            Err(ApiError::Stale)
        ));
        // the first piece holds its turn beyond the deadline, so the second one does not begin
        let (release, wait) = mpsc::channel::<()>();
        let first = heavy.run(Purpose::Plan, move || {
            let _ = wait.recv();
            Ok(())
        });
        assert!(matches!(first.await, Err(ApiError::Busy)));
        let (begun, begins) = mpsc::channel::<()>();
        let second = heavy.run(Purpose::Plan, move || {
            let _ = begun.send(());
            Ok(())
        });
        assert!(matches!(second.await, Err(ApiError::Busy)));
        assert!(begins.try_recv().is_err());
        // who changes the policy does not wait for those who plan
        assert!(matches!(heavy.run(Purpose::Change, || Ok(5)).await, Ok(5)));
        release.send(()).unwrap();
        // its turn comes back when it ends
        let patient = HeavyWork {
            plans: heavy.plans.clone(),
            changes: heavy.changes.clone(),
            holders: heavy.holders.clone(),
            audits: heavy.audits.clone(),
            verifications: heavy.verifications.clone(),
            exports: heavy.exports.clone(),
            deadline: Duration::from_mins(1),
        };
        assert!(matches!(patient.run(Purpose::Plan, || Ok(4)).await, Ok(4)));
    }

    #[tokio::test]
    async fn y230_nothing_is_read_before_there_is_a_turn() {
        let heavy = HeavyWork::new(&PolicyLimits {
            at_once: 1,
            deadline: Duration::from_millis(20),
            ..PolicyLimits::default()
        });
        let work = || async { Ok(3) };
        assert!(matches!(
            heavy.run_reading(Purpose::Plan, work).await,
            Ok(3)
        ));
        let turn = heavy.turn(Purpose::Plan).await.ok();
        let (begun, begins) = mpsc::channel::<()>();
        let waiting = heavy.run_reading(Purpose::Plan, move || async move {
            let _ = begun.send(());
            Ok(())
        });
        assert!(matches!(waiting.await, Err(ApiError::Busy)));
        assert!(begins.try_recv().is_err());
        drop(turn);
        // what never answers ends, and gives its turn back
        let endless = || std::future::pending::<Result<(), ApiError>>();
        let ended = heavy.run_reading(Purpose::Plan, endless).await;
        assert!(matches!(ended, Err(ApiError::Busy)));
        let patient = HeavyWork {
            plans: heavy.plans.clone(),
            changes: heavy.changes.clone(),
            holders: heavy.holders.clone(),
            audits: heavy.audits.clone(),
            verifications: heavy.verifications.clone(),
            exports: heavy.exports.clone(),
            deadline: Duration::from_mins(1),
        };
        let again = patient.run_reading(Purpose::Plan, || async { Ok(4) });
        assert!(matches!(again.await, Ok(4)));
    }

    #[tokio::test]
    async fn y151_bodies_wait_for_room_and_give_it_back() {
        let heavy = HeavyWork::new(&PolicyLimits {
            at_once: 1,
            deadline: Duration::from_millis(20),
            ..PolicyLimits::default()
        });
        let small = heavy.room(Purpose::Plan, 10).await.ok();
        assert!(small.is_some());
        assert!(matches!(
            heavy.room(Purpose::Plan, MAX_BYTES).await,
            Err(ApiError::Busy)
        ));
        assert!(heavy.room(Purpose::Change, MAX_BYTES).await.is_ok());
        drop(small);
        let whole = heavy.room(Purpose::Plan, usize::MAX).await.ok();
        assert!(whole.is_some());
        assert!(matches!(
            heavy.room(Purpose::Plan, 0).await,
            Err(ApiError::Busy)
        ));
        drop(whole);
        assert!(heavy.room(Purpose::Plan, 0).await.is_ok());
    }
}
