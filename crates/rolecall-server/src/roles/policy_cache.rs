use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rolecall_core::{Policy, Revision};

use super::store::{read_consistently, read_policy_after};
use crate::store::{Change, Conn, StoreError};

/// The policy of the newest revision that this process has read.
#[derive(Default)]
pub(crate) struct PolicyCache {
    newest: ArcSwapOption<(Revision, Arc<Policy>)>,
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
        let known = self.latest().filter(|known| known.0 < revision);
        let policy = read_policy_after(change.conn(), known.as_deref(), revision).await?;
        Ok(self.keep(revision, policy))
    }

    /// The newest policy that was read.
    pub(crate) fn latest(&self) -> Option<Arc<(Revision, Arc<Policy>)>> {
        self.newest.load_full()
    }

    /// Forgets what was read: after a backup was put back its revisions begin anew below those known here.
    pub(crate) fn forget(&self) {
        self.newest.store(None);
    }

    /// The cached policy, if it is not older than `revision`.
    pub(super) fn newest(&self, revision: Revision) -> Option<Arc<(Revision, Arc<Policy>)>> {
        self.newest
            .load_full()
            .filter(|cached| cached.0 >= revision)
    }

    pub(super) fn keep(&self, revision: Revision, policy: Policy) -> Arc<(Revision, Arc<Policy>)> {
        let read = Arc::new((revision, Arc::new(policy)));
        self.newest.rcu(|old| match old {
            Some(old) if old.0 > read.0 => Some(Arc::clone(old)),
            _ => Some(Arc::clone(&read)),
        });
        read
    }
}

#[cfg(test)]
mod tests;
