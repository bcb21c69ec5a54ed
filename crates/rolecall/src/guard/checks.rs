//! What is looked at again for as long as a token is used.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{LiveState, OnStale, Receipts, live::Snapshot};
use crate::{Clock, Denial, Principal, token::KeySet};

/// The longest that somebody who waits for a loss sleeps: a clock may be set, and a state grows old
/// without anything that could wake them.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Where keys, floors and era come from.
#[derive(Clone)]
pub(crate) enum Source {
    Fixed(Arc<KeySet>),
    /// Only the keys change: of losses nothing is heard.
    #[cfg(feature = "remote")]
    Keys(LiveState),
    Live(LiveState),
}

impl Source {
    pub(super) fn load(&self) -> Snapshot {
        match self {
            Self::Fixed(keys) => Snapshot::fixed(Arc::clone(keys)),
            #[cfg(feature = "remote")]
            Self::Keys(state) => Snapshot::keys_of(state),
            Self::Live(state) => Snapshot::of(state),
        }
    }

    /// What changes, if anything does.
    pub(super) fn state(&self) -> Option<&LiveState> {
        match self {
            Self::Fixed(_) => None,
            #[cfg(feature = "remote")]
            Self::Keys(state) => Some(state),
            Self::Live(state) => Some(state),
        }
    }
}

/// What a guard shares with the principals that it made.
pub(crate) struct Checks {
    pub(super) source: Source,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) max_staleness: Duration,
    pub(super) on_stale: OnStale,
    pub(super) warned_of_stale: AtomicBool,
    /// Who writes receipts for refusals, if anybody does.
    pub(super) receipts: Option<Arc<dyn Receipts>>,
}

impl Checks {
    /// The state, where losses are heard of at all.
    pub(super) fn live(&self) -> Option<&LiveState> {
        match &self.source {
            Source::Live(state) => Some(state),
            _ => None,
        }
    }

    pub(super) fn check_fresh(&self) -> Result<(), Denial> {
        let Some(state) = self.live() else {
            return Ok(());
        };
        if state.age() <= self.max_staleness {
            self.warned_of_stale.store(false, Ordering::Relaxed);
            return Ok(());
        }
        match self.on_stale {
            // INVARIANT: a state that was never heard of is not an old one
            OnStale::Accept if state.is_known() => {
                // once each time, not once a request
                if !self.warned_of_stale.swap(true, Ordering::Relaxed) {
                    let age_seconds = state.age().as_secs();
                    tracing::warn!(
                        age_seconds,
                        "the guard's state is too old: what was taken away since may still be used"
                    );
                }
                Ok(())
            }
            _ => Err(Denial::Unavailable),
        }
    }

    /// Resolves when `principal` would be turned away.
    pub(crate) async fn lost(&self, principal: &Principal) {
        let mut changed = self.source.state().map(LiveState::subscribe);
        loop {
            let left = principal.expires_at().since(self.clock.now());
            if left.is_zero() || !self.vouches_for(principal) {
                return;
            }
            let told = async {
                let told = match &mut changed {
                    Some(changed) => changed.changed().await.is_ok(),
                    None => false,
                };
                if !told {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = told => {}
                () = tokio::time::sleep(left.min(LONGEST_SLEEP)) => {}
            }
        }
    }

    /// A receipt for the refusal of what `needs` says.
    pub(crate) fn receipt(
        &self,
        principal: &Principal,
        needs: &serde_json::Value,
    ) -> Option<String> {
        self.receipts.as_ref()?.receipt(principal, needs)
    }

    fn vouches_for(&self, principal: &Principal) -> bool {
        let state = self.source.load();
        self.check_fresh().is_ok()
            && state.keys().contains(principal.key())
            && !state.has_ended(principal)
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}
