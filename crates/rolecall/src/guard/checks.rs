//! Checks that are repeated for as long as a token is used.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rolecall_core::{Policy, Timestamp};

use super::receipts::Receipts;
use crate::{
    Clock, Denial,
    live::{LiveState, Snapshot, Standing},
    token::{KeySet, VerifiedClaims},
};

/// The longest sleep of [`Checks::lost`]. Nothing wakes it when a clock is set or the state becomes stale.
const MAX_SLEEP: Duration = Duration::from_secs(1);

/// The longest wait for the newest revision.
const MAX_ANSWER_WAIT: Duration = Duration::from_secs(1);

/// The behavior of a guard whose state is older than `max_staleness`, so that revocations may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnStale {
    /// Answers 503 until the state is fresh again.
    #[default]
    Refuse,
    /// Continues with the old state, so that **revoked access may still work**. The guard logs a warning.
    Accept,
}

/// The source of keys, floors and era.
#[derive(Clone)]
pub(super) enum Source {
    Fixed(Arc<KeySet>),
    /// Only the keys change; there are no floors.
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

    /// Returns the state that changes, or `None` if keys are fixed.
    fn changing_state(&self) -> Option<&LiveState> {
        match self {
            Self::Fixed(_) => None,
            #[cfg(feature = "remote")]
            Self::Keys(state) => Some(state),
            Self::Live(state) => Some(state),
        }
    }
}

/// The part of a guard that its principals share.
pub(super) struct Checks {
    pub(super) source: Source,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) max_staleness: Duration,
    pub(super) on_stale: OnStale,
    pub(super) warned_of_stale: AtomicBool,
    pub(super) receipts: Option<Arc<dyn Receipts>>,
    /// The policy, unless the live state has one.
    pub(super) policy: Option<Arc<Policy>>,
}

impl Checks {
    /// Returns the live state if it has floors, or `None` if the guard does not learn about revocations.
    pub(super) fn live(&self) -> Option<&LiveState> {
        match &self.source {
            Source::Live(state) => Some(state),
            _ => None,
        }
    }

    /// Returns the policy that the guard knows: that of its live state, or a fixed one.
    pub(super) fn policy(&self) -> Option<Arc<Policy>> {
        let snapshot = self.source.load();
        snapshot.policy().or(self.policy.as_ref()).cloned()
    }

    /// Refuses if the state is stale, unless the guard is configured to accept that.
    pub(super) fn check_fresh(&self) -> Result<(), Denial> {
        let Some(state) = self.live() else {
            return Ok(());
        };
        if state.age() <= self.max_staleness {
            self.warned_of_stale.store(false, Ordering::Relaxed);
            return Ok(());
        }
        match self.on_stale {
            // INVARIANT: a state that was never loaded is refused, since it is not merely old
            OnStale::Accept if state.is_known() => {
                // once each time the state becomes stale, not once for each request
                if !self.warned_of_stale.swap(true, Ordering::Relaxed) {
                    let age_seconds = state.age().as_secs();
                    tracing::warn!(
                        age_seconds,
                        "the guard's state is stale: revoked access may still work"
                    );
                }
                Ok(())
            }
            _ => Err(Denial::Unavailable),
        }
    }

    /// Resolves when a token with these claims would no longer be accepted.
    pub(super) async fn lost(&self, claims: &VerifiedClaims, question: &AtomicU64) {
        let mut changes = self.source.changing_state().map(LiveState::subscribe);
        loop {
            if self.is_lost(claims, question) {
                return;
            }
            let remaining = self.remaining(claims);
            let next_change = async {
                let has_changed = match &mut changes {
                    Some(changes) => changes.changed().await.is_ok(),
                    None => false,
                };
                if !has_changed {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = next_change => {}
                () = tokio::time::sleep(remaining.min(MAX_SLEEP)) => {}
            }
        }
    }

    /// Returns true if a token with these claims would no longer be accepted.
    pub(super) fn is_lost(&self, claims: &VerifiedClaims, question: &AtomicU64) -> bool {
        self.remaining(claims).is_zero() || !self.is_trusted(claims, question)
    }

    fn remaining(&self, claims: &VerifiedClaims) -> Duration {
        Timestamp::from_seconds(claims.exp).since(self.clock.now())
    }

    /// Waits until it is known if the token is above the newest revision, and for news where the state is older than
    /// usual; `None` if there is nothing to wait for.
    pub(super) fn answer(
        self: &Arc<Self>,
        claims: &VerifiedClaims,
        question: &AtomicU64,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        let state = self.live()?;
        let question = match self.standing(claims, question) {
            Standing::Asked(question) => question,
            _ => state.ask_if_old()?,
        };
        let state = state.clone();
        Some(async move {
            // without an answer in time, the age of the state limits how long the token is accepted
            let answered = state.answered(question);
            if tokio::time::timeout(MAX_ANSWER_WAIT, answered)
                .await
                .is_err()
            {
                state.note_silence();
            }
        })
    }

    /// Returns a receipt for the refusal of a caller who lacks `needs`, if the guard issues receipts.
    pub(super) fn receipt(
        &self,
        claims: &VerifiedClaims,
        needs: &serde_json::Value,
    ) -> Option<String> {
        self.receipts.as_ref()?.receipt(claims, needs)
    }

    /// Returns true if the state is fresh, the key is still trusted and no floor refuses the token.
    fn is_trusted(&self, claims: &VerifiedClaims, question: &AtomicU64) -> bool {
        let snapshot = self.source.load();
        self.check_fresh().is_ok()
            && snapshot.keys().contains(claims.key)
            && !snapshot.has_ended(claims)
            && self.standing(claims, question) != Standing::Beyond
    }

    /// Returns the standing of a token among the revisions, and asks for the newest one if it is above all that are
    /// known.
    pub(super) fn standing(&self, claims: &VerifiedClaims, question: &AtomicU64) -> Standing {
        let state = self.live();
        state.map_or(Standing::Known, |state| state.standing(claims, question))
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}
