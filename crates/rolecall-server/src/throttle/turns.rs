//! Turns: only a few log-ins of one account, and a few changes in one session, run at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::delay::FREE_ACCOUNT_FAILURES;

/// Log-ins of an account that run at the same time: as many as may fail before failures cause a delay.
const RUNNING: usize = FREE_ACCOUNT_FAILURES as usize + 1;

/// Log-ins of an account that may wait for a turn.
const MAX_WAITING: usize = 64;

/// Changes in a session that run at the same time. All changes of all sessions wait for each other.
const RUNNING_CHANGES: usize = 2;

/// Changes in a session that may wait for a turn.
const MAX_WAITING_CHANGES: usize = 1000;

/// Exports of a user that may wait for a turn.
const MAX_WAITING_EXPORTS: usize = 4;

/// Lets only a few log-ins of an account run at the same time while others wait, so that guesses cannot all start before
/// the first one has failed. A log-in that waited sees the failures of those before it.
///
/// ```
/// use rolecall_server::throttle::Turns;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let turns = Turns::default();
/// let turn = turns.wait("alice").await;
/// assert!(turn.is_some());
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Turns {
    accounts: Arc<Mutex<HashMap<String, Account>>>,
    running: usize,
    waiting: usize,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            accounts: Arc::default(),
            running: RUNNING,
            waiting: MAX_WAITING,
        }
    }
}

#[derive(Debug)]
struct Account {
    turns: Arc<Semaphore>,
    /// Log-ins that have a turn or wait for one.
    present: usize,
}

/// The turn of a log-in; it ends on drop.
#[derive(Debug)]
#[must_use = "the turn ends when it is dropped"]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _present: Present,
}

impl Turns {
    /// Returns the turns of changes, by the session in which they are made.
    pub(crate) fn of_changes() -> Self {
        Self {
            accounts: Arc::default(),
            running: RUNNING_CHANGES,
            waiting: MAX_WAITING_CHANGES,
        }
    }

    /// Returns the turns of exports of the own data, by user: one at a time.
    pub(crate) fn of_exports() -> Self {
        Self {
            accounts: Arc::default(),
            running: 1,
            waiting: MAX_WAITING_EXPORTS,
        }
    }

    /// Waits for a turn of `account`; returns `None` if too many log-ins wait already.
    pub async fn wait(&self, account: &str) -> Option<Turn> {
        let (turns, present) = self.enter(account)?;
        let permit = turns.acquire_owned().await.ok()?;
        Some(Turn {
            _permit: permit,
            _present: present,
        })
    }

    fn enter(&self, account: &str) -> Option<(Arc<Semaphore>, Present)> {
        let mut accounts = self.lock();
        let entry = accounts
            .entry(account.to_owned())
            .or_insert_with(|| Account {
                turns: Arc::new(Semaphore::new(self.running)),
                present: 0,
            });
        if entry.present >= self.running + self.waiting {
            return None;
        }
        entry.present += 1;
        let present = Present {
            turns: self.clone(),
            account: account.to_owned(),
        };
        Some((Arc::clone(&entry.turns), present))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a log-in as present until it is dropped, even while it waits or when its caller disconnects.
#[derive(Debug)]
struct Present {
    turns: Turns,
    account: String,
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut accounts = self.turns.lock();
        if let Some(account) = accounts.get_mut(&self.account) {
            account.present = account.present.saturating_sub(1);
            if account.present == 0 {
                accounts.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    async fn is_ready<T>(future: impl Future<Output = T>) -> bool {
        let mut future = pin!(future);
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn only_as_many_log_ins_run_at_once_as_may_fail_without_delay() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..RUNNING {
            taken.push(turns.wait("alice").await.unwrap());
        }
        assert!(!is_ready(turns.wait("alice")).await);
        assert!(is_ready(turns.wait("bob")).await);
        taken.pop();
        assert!(is_ready(turns.wait("alice")).await);
    }

    #[tokio::test]
    async fn a_log_in_is_refused_at_once_if_too_many_wait() {
        let turns = Turns::default();
        let mut present = Vec::new();
        for _ in 0..RUNNING + MAX_WAITING {
            present.push(turns.enter("alice").unwrap());
        }
        assert!(turns.wait("alice").await.is_none());
        present.pop();
        assert!(turns.wait("alice").await.is_some());
    }

    #[tokio::test]
    async fn an_account_is_forgotten_when_its_log_ins_end_or_disconnect() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..RUNNING {
            taken.push(turns.wait("alice").await.unwrap());
        }
        assert!(!is_ready(turns.wait("alice")).await);
        assert_eq!(turns.lock().get("alice").unwrap().present, RUNNING);
        drop(taken);
        assert!(turns.lock().is_empty());
    }
}
