//! The newest policy that this process has read.

use std::{
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use rolecall_core::{Acr, Policy, PolicyBuilder, Revision};

use super::{builtin, policy_store::read_policy_after};
use crate::boxed::Boxed;
use crate::store::{Change, Conn, StoreError, read_head};

/// A policy and the revision at which it was read.
#[derive(Debug)]
pub(crate) struct PolicyAt {
    pub(crate) revision: Revision,
    pub(crate) policy: Arc<Policy>,
    reached: Reached,
}

/// The policy as a session has it.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    /// The policy without the roles that the session does not reach.
    pub(crate) policy: Arc<Policy>,
    /// The whole policy, if the session does not reach all of it.
    pub(crate) beyond: Option<Arc<Policy>>,
}

/// The policy as sessions have it that do not reach all of it, each computed when it is first needed.
#[derive(Debug, Default)]
struct Reached {
    aal1: OnceLock<Option<Arc<Policy>>>,
    aal2: OnceLock<Option<Arc<Policy>>>,
    /// For a session of an administrator with a second factor that was signed in without it.
    without_admin: OnceLock<Option<Arc<Policy>>>,
}

impl PolicyAt {
    pub(crate) fn new(revision: Revision, policy: Policy) -> Self {
        Self {
            revision,
            policy: Arc::new(policy),
            reached: Reached::default(),
        }
    }

    /// Returns the policy as a session with the assurance `acr` has it, whose user may have to prove a second factor to be
    /// an administrator.
    pub(crate) fn reach(&self, acr: Acr, is_admin_raised: bool) -> Reach {
        let cached = match (acr, is_admin_raised) {
            (Acr::Aal1, false) => &self.reached.aal1,
            (Acr::Aal1, true) => &self.reached.without_admin,
            (Acr::Aal2, _) => &self.reached.aal2,
            (Acr::Phr, _) => return self.whole(),
        };
        let reached = cached.get_or_init(|| {
            if !is_admin_raised {
                return reached_by(&self.policy, acr);
            }
            let mut raised = PolicyBuilder::from(&*self.policy);
            raised.acr(builtin::ADMIN_ROLE.clone(), Acr::Aal2);
            // INVARIANT: the rules are those of a policy, so that this never fails; if it did, nothing would be given
            match raised.build() {
                Ok(raised) => reached_by(&raised, acr),
                Err(_) => Some(Arc::default()),
            }
        });
        match reached {
            Some(policy) => Reach {
                policy: Arc::clone(policy),
                beyond: Some(Arc::clone(&self.policy)),
            },
            None => self.whole(),
        }
    }

    fn whole(&self) -> Reach {
        Reach {
            policy: Arc::clone(&self.policy),
            beyond: None,
        }
    }

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
    /// The number of times that the cache was cleared, so that a read which began before is not stored after.
    cleared: AtomicU64,
}

impl PolicyCache {
    /// Returns the policy at `policy_revision` or later.
    ///
    /// A later policy is as good: what it revoked left floors above any token made from the earlier head, so such a
    /// token is refused rather than trusted too much.
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

    /// Returns the policy at the start of a change. No other change can be made before this one ends.
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
        let since = self.times_cleared();
        let known = self.latest().filter(|known| known.revision < revision);
        let policy = read_policy_after(
            change.conn(),
            known.as_deref().map(PolicyAt::pair),
            revision,
        )
        .await?;
        Ok(self.keep(since, revision, policy))
    }

    /// Returns the current policy, all of one revision, over a connection that sees other transactions commit.
    pub(crate) fn newest<'a>(
        &'a self,
        conn: &'a mut Conn,
    ) -> Boxed<'a, Result<Arc<PolicyAt>, StoreError>> {
        Box::pin(async move {
            loop {
                let since = self.times_cleared();
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
        })
    }

    /// Returns the newest policy that was read.
    pub(crate) fn latest(&self) -> Option<Arc<PolicyAt>> {
        self.newest.load_full()
    }

    /// Clears the cache: after a restore from a backup, revisions continue below those in the cache.
    pub(crate) fn forget(&self) {
        self.cleared.fetch_add(1, Ordering::SeqCst);
        self.newest.store(None);
    }

    /// Returns the number of times that the cache was cleared, for [`keep`](Self::keep).
    fn times_cleared(&self) -> u64 {
        self.cleared.load(Ordering::SeqCst)
    }

    /// Returns the cached policy, if it is not older than `revision`.
    fn cached(&self, revision: Revision) -> Option<Arc<PolicyAt>> {
        self.newest
            .load_full()
            .filter(|cached| cached.revision >= revision)
    }

    /// Stores a policy whose read began when the cache had been cleared `since` times, unless a newer one is stored.
    fn keep(&self, since: u64, revision: Revision, policy: Policy) -> Arc<PolicyAt> {
        let read = Arc::new(PolicyAt::new(revision, policy));
        self.newest.rcu(|old| match old {
            Some(old) if old.revision > read.revision => Some(Arc::clone(old)),
            _ => Some(Arc::clone(&read)),
        });
        // a policy from before a restore would count as the newest until the revisions have caught up
        if self.times_cleared() != since {
            self.newest.store(None);
        }
        read
    }
}

/// Returns the policy as a session has it, if it does not have all of it.
fn reached_by(policy: &Policy, acr: Acr) -> Option<Arc<Policy>> {
    (!policy.is_reached_by(acr)).then(|| Arc::new(policy.reached_by(acr)))
}

#[cfg(test)]
mod tests;
