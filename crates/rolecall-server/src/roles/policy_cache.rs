use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwapOption;
use rolecall_core::{Policy, Revision};

use super::store::{read_consistently, read_policy_after};
use crate::store::{Change, Conn, StoreError};

/// The policy of the newest revision that this process has read.
#[derive(Default)]
pub(crate) struct PolicyCache {
    newest: ArcSwapOption<(Revision, Arc<Policy>)>,
    /// How often it was forgotten: what was read before counts no more, whenever it arrives.
    forgotten: AtomicU64,
}

impl PolicyCache {
    /// The policy as it is at `policy_revision` or later.
    ///
    /// A later one is as good: what it took away left floors above any token made from the earlier head,
    /// so such a token is refused rather than trusted too much.
    pub(crate) async fn at_least(
        &self,
        conn: &mut Conn,
        policy_revision: Revision,
    ) -> Result<Arc<(Revision, Arc<Policy>)>, StoreError> {
        match self.newest(policy_revision) {
            Some(cached) => Ok(cached),
            None => read_consistently(self, conn).await,
        }
    }

    /// The policy as it is at the start of a change, which nobody else can alter before it ends.
    pub(crate) async fn before(
        &self,
        change: &mut Change<'_>,
    ) -> Result<Arc<(Revision, Arc<Policy>)>, StoreError> {
        let revision = change.head().policy_revision;
        if let Some(cached) = self
            .newest
            .load_full()
            .filter(|cached| cached.0 == revision)
        {
            return Ok(cached);
        }
        let since = self.times_forgotten();
        let known = self.latest().filter(|known| known.0 < revision);
        let policy = read_policy_after(change.conn(), known.as_deref(), revision).await?;
        Ok(self.keep(since, revision, policy))
    }

    /// The newest policy that was read.
    pub(crate) fn latest(&self) -> Option<Arc<(Revision, Arc<Policy>)>> {
        self.newest.load_full()
    }

    /// Forgets what was read: after a backup was put back its revisions begin anew below those known here.
    pub(crate) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.newest.store(None);
    }

    /// To be asked before a policy is read that is to be kept.
    pub(super) fn times_forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }

    /// The cached policy, if it is not older than `revision`.
    pub(super) fn newest(&self, revision: Revision) -> Option<Arc<(Revision, Arc<Policy>)>> {
        self.newest
            .load_full()
            .filter(|cached| cached.0 >= revision)
    }

    /// Keeps a policy that was read after it had been forgotten `since` times, unless a newer one is there.
    pub(super) fn keep(
        &self,
        since: u64,
        revision: Revision,
        policy: Policy,
    ) -> Arc<(Revision, Arc<Policy>)> {
        let read = Arc::new((revision, Arc::new(policy)));
        self.newest.rcu(|old| match old {
            Some(old) if old.0 > read.0 => Some(Arc::clone(old)),
            _ => Some(Arc::clone(&read)),
        });
        // one of before a backup was put back would pass for the newest until the revisions have caught up
        if self.times_forgotten() != since {
            self.newest.store(None);
        }
        read
    }
}

#[cfg(test)]
mod tests;
