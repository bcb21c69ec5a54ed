//! What changes under a running guard.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard as Loaded};
use rolecall_core::{Floor, Floors, Policy, Timestamp, TokenFacts};
use tokio::sync::watch;

use crate::{Clock, Principal, token::KeySet};

/// What changes under a running guard: keys, floors, era, and when they were last known to be current.
///
/// Cloning is cheap and shares the state. Reading takes no lock. The state counts as fresh when it is
/// made; whoever feeds it calls [`mark_fresh`](Self::mark_fresh) each time it was found to be current,
/// or the guard stops trusting it.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use rolecall::{Floor, FloorKind, LiveState, ManualClock, Timestamp, token::KeySet};
///
/// let clock = ManualClock::at(Timestamp::from_seconds(1_000));
/// let state = LiveState::new(KeySet::empty(), "era-1", Arc::new(clock.clone()));
/// state.raise(&[Floor { kind: FloorKind::Subject, key: "u1".into(), revision: 8, until: Timestamp::MAX }]);
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(state.age(), Duration::from_secs(2));
/// state.mark_fresh();
/// assert_eq!(state.age(), Duration::ZERO);
/// ```
#[derive(Clone)]
pub struct LiveState(Arc<Shared>);

/// The time at which a state was fresh that never was.
const NEVER: i64 = i64::MIN / 2;

struct Shared {
    current: ArcSwap<Current>,
    /// Writers take turns, so that none undoes what another did meanwhile.
    writing: Mutex<()>,
    /// Monotonic microseconds; can lie before the clock's start.
    fresh_at: AtomicI64,
    /// Wakes those who wait for something to be lost.
    changed: watch::Sender<()>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
pub(crate) struct Current {
    keys: Arc<KeySet>,
    era: Arc<str>,
    floors: Floors,
    policy: Option<Arc<Policy>>,
}

impl LiveState {
    /// A state without floors, fresh as of now.
    #[must_use]
    pub fn new(keys: KeySet, era: &str, clock: Arc<dyn Clock>) -> Self {
        let state = Self::of(keys, era, clock);
        state.mark_fresh();
        state
    }

    /// A state of which nothing is known yet: no key, no era, and too old for every guard.
    #[cfg(feature = "remote")]
    pub(crate) fn unknown(clock: Arc<dyn Clock>) -> Self {
        Self::of(KeySet::empty(), "", clock)
    }

    fn of(keys: KeySet, era: &str, clock: Arc<dyn Clock>) -> Self {
        let current = Current {
            keys: Arc::new(keys),
            era: era.into(),
            floors: Floors::default(),
            policy: None,
        };
        Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(current),
            writing: Mutex::new(()),
            fresh_at: AtomicI64::new(NEVER),
            changed: watch::Sender::new(()),
            clock,
        }))
    }

    /// Told of every change from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Replaces the keys; tokens verified by one that is gone are refused from now on.
    pub fn set_keys(&self, keys: KeySet) {
        let keys = Arc::new(keys);
        self.update(|current| current.keys = keys);
    }

    /// Replaces the policy by which tokens without a `scope` claim get the permissions of their roles.
    pub fn set_policy(&self, policy: Arc<Policy>) {
        self.update(|current| current.policy = Some(policy));
    }

    /// Adds floors: tokens below them are refused from now on.
    pub fn raise(&self, floors: &[Floor]) {
        if floors.is_empty() {
            return;
        }
        self.update(|current| {
            for floor in floors {
                current.floors.raise(floor);
            }
        });
    }

    /// Replaces era and floors: for the whole state from a feed, and after a database was restored.
    pub fn replace(&self, era: &str, floors: &[Floor]) {
        let mut fresh = Floors::default();
        for floor in floors {
            fresh.raise(floor);
        }
        self.update(|current| {
            current.era = era.into();
            current.floors = fresh;
        });
    }

    /// Forgets the floors that no living token lies under at `now`.
    pub fn prune(&self, now: Timestamp) {
        self.update(|current| current.floors.prune(now));
    }

    /// How many floors there are.
    #[must_use]
    pub fn floor_count(&self) -> usize {
        self.0.current.load().floors.len()
    }

    /// Notes that the state is current as of now.
    pub fn mark_fresh(&self) {
        self.mark_fresh_with_age(Duration::ZERO);
    }

    /// Notes that the state was current `age` ago: ages add up along the way from the database.
    pub fn mark_fresh_with_age(&self, age: Duration) {
        let fresh_at = micros(self.0.clock.monotonic()).saturating_sub(micros(age));
        // a late answer must not make the state look older than an earlier one proved it to be
        self.0.fresh_at.fetch_max(fresh_at, Ordering::AcqRel);
    }

    /// How long ago the state was last known to be current.
    #[must_use]
    pub fn age(&self) -> Duration {
        let now = micros(self.0.clock.monotonic());
        let age = now.saturating_sub(self.0.fresh_at.load(Ordering::Acquire));
        Duration::from_micros(u64::try_from(age).unwrap_or(0))
    }

    /// Whether the state was ever found to be current.
    pub(crate) fn is_known(&self) -> bool {
        self.0.fresh_at.load(Ordering::Acquire) != NEVER
    }

    /// The era: a token of another one has ended.
    #[must_use]
    pub fn era(&self) -> Arc<str> {
        Arc::clone(&self.0.current.load().era)
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.current.load().keys)
    }

    fn update(&self, change: impl FnOnce(&mut Current)) {
        let _turn = self
            .0
            .writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut next = Current::clone(&self.0.current.load());
        change(&mut next);
        self.0.current.store(Arc::new(next));
        self.0.changed.send_replace(());
    }
}

impl fmt::Debug for LiveState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveState")
            .field("era", &self.era())
            .field("floors", &self.floor_count())
            .field("age", &self.age())
            .finish_non_exhaustive()
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The state as one request sees it from beginning to end.
pub(crate) enum Snapshot {
    Fixed(Arc<KeySet>),
    /// Of which only the keys count.
    #[cfg(feature = "remote")]
    Keys(Loaded<Arc<Current>>),
    Live(Loaded<Arc<Current>>),
}

impl Snapshot {
    pub(super) fn fixed(keys: Arc<KeySet>) -> Self {
        Self::Fixed(keys)
    }

    pub(super) fn of(state: &LiveState) -> Self {
        Self::Live(state.0.current.load())
    }

    #[cfg(feature = "remote")]
    pub(super) fn keys_of(state: &LiveState) -> Self {
        Self::Keys(state.0.current.load())
    }

    pub(super) fn keys(&self) -> &Arc<KeySet> {
        match self {
            Self::Fixed(keys) => keys,
            #[cfg(feature = "remote")]
            Self::Keys(current) => &current.keys,
            Self::Live(current) => &current.keys,
        }
    }

    /// The policy for tokens that carry no scope.
    pub(super) fn policy(&self) -> Option<&Arc<Policy>> {
        match self {
            Self::Live(current) => current.policy.as_ref(),
            _ => None,
        }
    }

    /// Whether the token was ended by something that happened: never so where nothing is heard of it.
    pub(super) fn has_ended(&self, principal: &Principal) -> bool {
        let Self::Live(current) = self else {
            return false;
        };
        if *current.era != *principal.era() {
            return true;
        }
        let facts = TokenFacts {
            subject: principal.subject(),
            client: principal.client_id(),
            roles: principal.role_names(),
            sid: principal.session(),
            jti: principal.token_id(),
            rev: principal.rev(),
        };
        current.floors.refuses(&facts).is_some()
    }
}
