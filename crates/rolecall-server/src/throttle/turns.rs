//! Log-ins of one account take turns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Log-ins of an account that are worked on at once: as many as may fail before failures cost a delay.
const AT_ONCE: usize = super::FREE_ACCOUNT_FAILURES as usize + 1;

/// Log-ins of an account that may wait for those.
const MOST_WAITING: usize = 64;

/// Lets only a few log-ins of an account go on at once and the others wait, so that guesses cannot all
/// begin before the first of them has failed. Whoever waited finds the failures of those before.
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
#[derive(Clone, Debug, Default)]
pub struct Turns {
    accounts: Arc<Mutex<HashMap<String, Account>>>,
}

#[derive(Debug)]
struct Account {
    turns: Arc<Semaphore>,
    /// Those that have a turn and those that wait for one.
    present: usize,
}

/// The turn of one log-in, until it is dropped.
#[derive(Debug)]
#[must_use = "the turn lasts only while it lives"]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _present: Present,
}

impl Turns {
    /// Waits for a turn of `account`; `None` if too many wait already.
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
                turns: Arc::new(Semaphore::new(AT_ONCE)),
                present: 0,
            });
        if entry.present >= AT_ONCE + MOST_WAITING {
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

/// Counts a log-in among those present, also while it waits and if its caller goes away.
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
    async fn no_more_log_ins_of_an_account_go_on_at_once_than_may_fail_freely() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..AT_ONCE {
            taken.push(turns.wait("alice").await.unwrap());
        }
        assert!(!is_ready(turns.wait("alice")).await);
        assert!(is_ready(turns.wait("bob")).await);
        taken.pop();
        assert!(is_ready(turns.wait("alice")).await);
    }

    #[tokio::test]
    async fn whoever_finds_too_many_waiting_is_told_at_once() {
        let turns = Turns::default();
        let mut present = Vec::new();
        for _ in 0..AT_ONCE + MOST_WAITING {
            present.push(turns.enter("alice").unwrap());
        }
        assert!(turns.wait("alice").await.is_none());
        present.pop();
        assert!(turns.wait("alice").await.is_some());
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_those_who_left_while_waiting_too() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..AT_ONCE {
            taken.push(turns.wait("alice").await.unwrap());
        }
        assert!(!is_ready(turns.wait("alice")).await);
        assert_eq!(turns.lock().get("alice").unwrap().present, AT_ONCE);
        drop(taken);
        assert!(turns.lock().is_empty());
    }
}
