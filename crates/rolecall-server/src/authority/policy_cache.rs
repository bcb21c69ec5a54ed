use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use rolecall_core::{Policy, Revision};

use super::policy_store::read_policy_after;
use crate::store::{Change, Conn, StoreError, read_head};

/// A policy and the revision at which it was read.
#[derive(Debug)]
pub(crate) struct PolicyAt {
    pub(crate) revision: Revision,
    pub(crate) policy: Arc<Policy>,
}

impl PolicyAt {
    fn pair(&self) -> (Revision, &Policy) {
        (self.revision, &self.policy)
    }
}

impl Deref for PolicyAt {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

/// The policy of the newest revision that this process has read.
#[derive(Default)]
pub(crate) struct PolicyCache {
    newest: ArcSwapOption<PolicyAt>,
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
    ) -> Result<Arc<PolicyAt>, StoreError> {
        match self.cached(policy_revision) {
            Some(cached) => Ok(cached),
            None => self.newest(conn).await,
        }
    }

    /// The policy as it is at the start of a change, which nobody else can alter before it ends.
    pub(crate) async fn before(
        &self,
        change: &mut Change<'_>,
    ) -> Result<Arc<PolicyAt>, StoreError> {
        let revision = change.head().policy_revision;
        if let Some(cached) = self
            .newest
            .load_full()
            .filter(|cached| cached.revision == revision)
        {
            return Ok(cached);
        }
        let since = self.times_forgotten();
        let known = self.latest().filter(|known| known.revision < revision);
        let policy = read_policy_after(
            change.conn(),
            known.as_deref().map(PolicyAt::pair),
            revision,
        )
        .await?;
        Ok(self.keep(since, revision, policy))
    }

    /// The policy as of one moment, read over a connection that sees other transactions commit.
    pub(crate) async fn newest(&self, conn: &mut Conn) -> Result<Arc<PolicyAt>, StoreError> {
        loop {
            let since = self.times_forgotten();
            let before = read_head(conn).await?.policy_revision;
            if let Some(cached) = self.cached(before) {
                return Ok(cached);
            }
            let known = self.latest();
            let policy =
                read_policy_after(conn, known.as_deref().map(PolicyAt::pair), before).await;
            if read_head(conn).await?.policy_revision == before {
                return Ok(self.keep(since, before, policy?));
            }
        }
    }

    /// The newest policy that was read.
    pub(crate) fn latest(&self) -> Option<Arc<PolicyAt>> {
        self.newest.load_full()
    }

    /// Forgets what was read: after a backup was put back its revisions begin anew below those known here.
    pub(crate) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.newest.store(None);
    }

    /// To be asked before a policy is read that is to be kept.
    fn times_forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::SeqCst)
    }

    /// The cached policy, if it is not older than `revision`.
    fn cached(&self, revision: Revision) -> Option<Arc<PolicyAt>> {
        self.newest
            .load_full()
            .filter(|cached| cached.revision >= revision)
    }

    /// Keeps a policy that was read after it had been forgotten `since` times, unless a newer one is there.
    fn keep(&self, since: u64, revision: Revision, policy: Policy) -> Arc<PolicyAt> {
        let read = Arc::new(PolicyAt {
            revision,
            policy: Arc::new(policy),
        });
        self.newest.rcu(|old| match old {
            Some(old) if old.revision > read.revision => Some(Arc::clone(old)),
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
