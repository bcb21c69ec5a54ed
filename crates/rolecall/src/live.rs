//! The state of a guard that changes while the guard runs.

mod newest;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, Guard as Loaded};
use rolecall_core::{Floor, Floors, Policy, Revision, Timestamp, TokenFacts};
use tokio::sync::watch;

pub(crate) use newest::Standing;
use newest::{Questions, Revisions};

use crate::{
    Clock,
    token::{KeySet, VerifiedClaims},
};

/// The state of a guard that changes while it runs: keys, floors, era, and the time at which they were last current.
///
/// Cloning is cheap and shares the state; reading takes no lock. The state is fresh when it is created. Call
/// [`mark_fresh`](Self::mark_fresh) each time it was found to be current, or the guard stops trusting it.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use rolecall::{Floor, FloorKind, LiveState, ManualClock, Timestamp, token::KeySet};
///
/// let clock = ManualClock::at(Timestamp::from_seconds(1_000));
/// let state = LiveState::new(KeySet::empty(), "era-1", Arc::new(clock.clone()));
/// state.raise(&[Floor { kind: FloorKind::Subject, key: "u1".into(), tenant: None, revision: 8, until: Timestamp::MAX }]);
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(state.age(), Duration::from_secs(2));
/// state.mark_fresh();
/// assert_eq!(state.age(), Duration::ZERO);
/// ```
#[derive(Clone)]
pub struct LiveState(Arc<Shared>);

/// The value of `fresh_at` for a state that was never fresh.
const NEVER: i64 = i64::MIN / 2;

struct Shared {
    current: ArcSwap<Current>,
    /// Serializes writers, so that no update is lost.
    writing: Mutex<()>,
    /// The monotonic time at which the state was last current, in microseconds; can be before the clock's start.
    fresh_at: AtomicI64,
    /// The same by the time of day, which goes on while a machine is suspended and its monotonic time stands still.
    fresh_at_day: AtomicI64,
    /// The greatest age of the state while all is well, in microseconds.
    usual_age: AtomicI64,
    /// Nobody answered in time, so that requests no longer wait for news until there are some.
    is_silent: AtomicBool,
    questions: Questions,
    /// Notified after every change.
    changed: watch::Sender<()>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
pub(crate) struct Current {
    keys: Arc<KeySet>,
    era: Arc<str>,
    floors: Floors,
    policy: Option<Arc<Policy>>,
    /// Part of the era: a request that still sees the last one claims nothing in this one.
    revisions: Arc<Revisions>,
}

impl LiveState {
    /// Creates a fresh state without floors.
    #[must_use]
    pub fn new(keys: KeySet, era: &str, clock: Arc<dyn Clock>) -> Self {
        let state = Self::never_fresh(keys, era, clock);
        state.mark_fresh();
        state
    }

    /// Creates an empty state for a guard that has not loaded anything yet; it is stale for every guard.
    #[cfg(feature = "remote")]
    pub(crate) fn unknown(clock: Arc<dyn Clock>) -> Self {
        Self::never_fresh(KeySet::empty(), "", clock)
    }

    fn never_fresh(keys: KeySet, era: &str, clock: Arc<dyn Clock>) -> Self {
        let current = Current {
            keys: Arc::new(keys),
            era: era.into(),
            floors: Floors::default(),
            policy: None,
            revisions: Arc::new(Revisions::unknown()),
        };
        Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(current),
            writing: Mutex::new(()),
            fresh_at: AtomicI64::new(NEVER),
            fresh_at_day: AtomicI64::new(NEVER),
            usual_age: AtomicI64::new(i64::MAX),
            is_silent: AtomicBool::new(false),
            questions: Questions::none(),
            changed: watch::Sender::new(()),
            clock,
        }))
    }

    /// Returns a receiver that is notified of every change from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Replaces the keys. Tokens whose key is no longer in the set are refused from now on.
    pub fn set_keys(&self, keys: KeySet) {
        let keys = Arc::new(keys);
        self.update(|current| current.keys = keys);
    }

    /// Replaces the policy from which permissions are derived for tokens without a `scope` claim.
    pub fn set_policy(&self, policy: Arc<Policy>) {
        self.update(|current| current.policy = Some(policy));
    }

    /// Adds floors. Tokens below them are refused from now on.
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

    /// Replaces the era and all floors, with the whole state from a feed or after a database was restored.
    pub fn replace(&self, era: &str, floors: &[Floor]) {
        let mut replacement = Floors::default();
        for floor in floors {
            replacement.raise(floor);
        }
        self.update(|current| {
            current.era = era.into();
            current.floors = replacement;
            current.revisions = Arc::new(Revisions::unknown());
        });
    }

    /// Notes that the database has had this revision. Tokens with a higher `rev` are refused as soon as an
    /// [`answer`](Self::answer) shows that the database has never had theirs. Without a revision, none are.
    pub fn note_revision(&self, revision: Revision) {
        self.0.current.load().revisions.note(revision);
    }

    /// Returns the number of the last question of a token that is above the newest revision. Take it before you read
    /// the revision that answers it.
    #[must_use]
    pub fn question(&self) -> u64 {
        self.0.questions.last()
    }

    /// Answers all questions up to the number `question`: the newest revision, read after they were asked.
    pub fn answer(&self, question: u64, revision: Revision) {
        self.note_revision(revision);
        self.0.questions.answer(question);
    }

    /// Returns the highest revision of the genuine tokens of this era that asked, or `None` if none did.
    #[must_use]
    pub fn claimed_revision(&self) -> Option<Revision> {
        self.0.current.load().revisions.claimed()
    }

    /// Returns a receiver that is notified of every question.
    #[doc(hidden)]
    #[must_use]
    pub fn questions(&self) -> watch::Receiver<u64> {
        self.0.questions.subscribe()
    }

    /// Returns true if a question is not answered yet.
    #[cfg(feature = "remote")]
    pub(crate) fn is_asked(&self) -> bool {
        self.0.questions.is_asked()
    }

    /// Resolves when a question is answered.
    pub(crate) async fn answered(&self, question: u64) {
        self.0.questions.answered(question).await;
    }

    /// Returns the standing of a token; `question` is that of this token. One of another era is refused for that alone.
    pub(crate) fn standing(&self, claims: &VerifiedClaims, question: &AtomicU64) -> Standing {
        let current = self.0.current.load();
        if *current.era != *claims.era {
            return Standing::Known;
        }
        let now = self.0.clock.monotonic();
        let questions = &self.0.questions;
        questions.standing(&current.revisions, claims.rev, question, now)
    }

    /// Removes the floors that are no longer needed at `now`.
    pub fn prune(&self, now: Timestamp) {
        self.update(|current| current.floors.prune(now));
    }

    /// Returns the number of floors.
    #[must_use]
    pub fn floor_count(&self) -> usize {
        self.0.current.load().floors.len()
    }

    /// Marks the state as current.
    pub fn mark_fresh(&self) {
        self.mark_fresh_with_age(Duration::ZERO);
    }

    /// Marks the state as current `age` ago. Add up the ages of all steps between the database and this state.
    pub fn mark_fresh_with_age(&self, age: Duration) {
        let fresh_at = micros(self.0.clock.monotonic()).saturating_sub(micros(age));
        // a delayed answer must not make the state older than an earlier one has shown
        self.0.fresh_at.fetch_max(fresh_at, Ordering::AcqRel);
        let now = self.0.clock.now().micros();
        let at_day = now.saturating_sub(micros(age));
        self.0.fresh_at_day.store(at_day, Ordering::Release);
        if !self.is_unusually_old() {
            self.0.is_silent.store(false, Ordering::Release);
        }
    }

    /// Has routers and layers ask for news, and wait up to a second for it, when the state is older than `age`: older
    /// than it becomes while all is well. Then the process or its machine stood still, and does not know what was
    /// revoked meanwhile, or the source of the news is gone. Where nobody answers, only the first requests wait.
    pub fn set_usual_age(&self, age: Duration) {
        self.0.usual_age.store(micros(age), Ordering::Release);
    }

    fn is_unusually_old(&self) -> bool {
        let now = self.0.clock.now().micros();
        let by_day = now.saturating_sub(self.0.fresh_at_day.load(Ordering::Acquire));
        // a clock that is set forward causes one question too many
        micros(self.age()).max(by_day) > self.0.usual_age.load(Ordering::Acquire)
    }

    /// Asks for news if the state is older than usual, and returns the number of the question.
    pub(crate) fn ask_if_old(&self) -> Option<u64> {
        if !self.is_unusually_old() || self.0.is_silent.load(Ordering::Acquire) {
            return None;
        }
        Some(self.0.questions.ask_for_news(self.0.clock.monotonic()))
    }

    /// Notes that nobody answered in time.
    pub(crate) fn note_silence(&self) {
        self.0.is_silent.store(true, Ordering::Release);
    }

    /// Returns the time since the state was last known to be current.
    #[must_use]
    pub fn age(&self) -> Duration {
        let now = micros(self.0.clock.monotonic());
        let age = now.saturating_sub(self.0.fresh_at.load(Ordering::Acquire));
        Duration::from_micros(u64::try_from(age).unwrap_or(0))
    }

    /// Returns true if the state was ever current.
    pub(crate) fn is_known(&self) -> bool {
        self.0.fresh_at.load(Ordering::Acquire) != NEVER
    }

    /// Returns the era. Tokens of another era are refused.
    #[must_use]
    pub fn era(&self) -> Arc<str> {
        Arc::clone(&self.0.current.load().era)
    }

    /// Returns the keys.
    #[must_use]
    pub fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.current.load().keys)
    }

    fn update(&self, change: impl FnOnce(&mut Current)) {
        let _lock = self
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

/// A consistent view of the state, for one request.
pub(crate) enum Snapshot {
    Fixed(Arc<KeySet>),
    /// Only the keys of the state are used.
    #[cfg(feature = "remote")]
    Keys(Loaded<Arc<Current>>),
    Live(Loaded<Arc<Current>>),
}

impl Snapshot {
    pub(crate) fn fixed(keys: Arc<KeySet>) -> Self {
        Self::Fixed(keys)
    }

    pub(crate) fn of(state: &LiveState) -> Self {
        Self::Live(state.0.current.load())
    }

    #[cfg(feature = "remote")]
    pub(crate) fn keys_of(state: &LiveState) -> Self {
        Self::Keys(state.0.current.load())
    }

    pub(crate) fn keys(&self) -> &Arc<KeySet> {
        match self {
            Self::Fixed(keys) => keys,
            #[cfg(feature = "remote")]
            Self::Keys(current) => &current.keys,
            Self::Live(current) => &current.keys,
        }
    }

    /// Returns the policy for tokens without a `scope`.
    pub(crate) fn policy(&self) -> Option<&Arc<Policy>> {
        match self {
            Self::Live(current) => current.policy.as_ref(),
            _ => None,
        }
    }

    /// Returns true if the token is of another era or was issued before a floor.
    ///
    /// Always false for fixed keys and for keys without a feed, where no revocations are known.
    pub(crate) fn has_ended(&self, claims: &VerifiedClaims) -> bool {
        let Self::Live(current) = self else {
            return false;
        };
        if *current.era != *claims.era {
            return true;
        }
        let facts = TokenFacts {
            subject: &claims.sub,
            client: &claims.client_id,
            roles: claims.roles.as_slice(),
            sid: claims.sid.as_deref(),
            jti: &claims.jti,
            tenant: claims.tenant.as_deref(),
            rev: claims.rev,
        };
        current.floors.refuses(&facts).is_some()
    }
}
