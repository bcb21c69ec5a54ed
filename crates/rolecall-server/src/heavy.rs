//! Work that takes longer than a turn on the threads of the runtime: it runs on threads of its own, a few at once, and
//! no caller waits beyond a deadline.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::{error::ApiError, settings::PolicyLimits};

/// A limited number of turns for heavy work.
pub(crate) struct HeavyWork {
    turns: Arc<Semaphore>,
    deadline: Duration,
}

impl HeavyWork {
    /// Lets as many pieces of work run at the same time, and callers wait as long, as `limits` state.
    pub(crate) fn new(limits: &PolicyLimits) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(limits.at_once)),
            deadline: limits.deadline,
        }
    }

    /// Runs `work` on a thread of its own.
    ///
    /// # Errors
    ///
    /// Those of `work`, and [`ApiError::Busy`] after the deadline. Work that has begun then goes on and keeps its turn:
    /// a thread cannot be stopped, and a turn that came back early would be a way to start more of them.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let done = async {
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            let turn = turn.map_err(ApiError::internal)?;
            let work = spawn_blocking(move || {
                let done = work();
                drop(turn);
                done
            });
            work.await.map_err(ApiError::internal)?
        };
        timeout(self.deadline, done).await.unwrap_or_else(|_| {
            tracing::warn!(deadline = ?self.deadline, "heavy work took too long");
            Err(ApiError::Busy)
        })
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
        assert!(matches!(heavy.run(|| Ok(3)).await, Ok(3)));
        assert!(matches!(
            heavy.run::<()>(|| Err(ApiError::Stale)).await,
            Err(ApiError::Stale)
        ));
        // the first piece holds its turn beyond the deadline, so the second one does not begin
        let (release, wait) = mpsc::channel::<()>();
        let first = heavy.run(move || {
            let _ = wait.recv();
            Ok(())
        });
        assert!(matches!(first.await, Err(ApiError::Busy)));
        let (begun, begins) = mpsc::channel::<()>();
        let second = heavy.run(move || {
            let _ = begun.send(());
            Ok(())
        });
        assert!(matches!(second.await, Err(ApiError::Busy)));
        assert!(begins.try_recv().is_err());
        release.send(()).unwrap();
        // its turn comes back when it ends
        let patient = HeavyWork {
            turns: Arc::clone(&heavy.turns),
            deadline: Duration::from_mins(1),
        };
        assert!(matches!(patient.run(|| Ok(4)).await, Ok(4)));
    }
}
