use std::{fmt, sync::Arc, time::Duration};

use rolecall_core::Timestamp;

#[cfg(feature = "axum")]
use super::tickets::TestTickets;
use crate::{
    Guard, LiveState, ManualClock,
    token::{Algorithm, KeySet, SigningKey},
};

/// The start time of the clock of a [`TestIssuer`]: 2030-01-01T00:00:00Z.
const START: Timestamp = Timestamp::from_seconds(1_893_456_000);
pub(super) const LIFETIME: Duration = Duration::from_mins(30);
const ERA: &str = "test";

/// An issuer of access tokens in memory, with a random key and its own clock.
///
/// ```
/// use http::HeaderMap;
/// use rolecall::testing::TestIssuer;
///
/// rolecall::roles! { mod role { Admin = "admin" } }
///
/// let issuer = TestIssuer::new();
/// let guard = issuer.guard(); // give it to the router of the application
/// let token = issuer.token("alice").role::<role::Admin>().sign();
/// assert!(guard.verify(&token)?.has_role("admin"));
/// # Ok::<(), rolecall::Denial>(())
/// ```
#[derive(Clone)]
pub struct TestIssuer {
    key: Arc<SigningKey>,
    clock: ManualClock,
    live: LiveState,
    #[cfg(feature = "axum")]
    tickets: Arc<TestTickets>,
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer")
            .field("kid", &self.key.kid())
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

impl Default for TestIssuer {
    fn default() -> Self {
        Self::new()
    }
}

impl TestIssuer {
    /// The `iss` and `aud` of its tokens.
    pub const URL: &'static str = "https://test.invalid";

    /// Creates an issuer that signs with ES256, as a server does by default.
    ///
    /// # Panics
    ///
    /// If the system provides no random numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Algorithm::Es256)
    }

    /// Creates an issuer that signs with `algorithm`.
    ///
    /// # Panics
    ///
    /// If the system provides no random numbers.
    #[must_use]
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn with(algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm).expect("a key for signing");
        let keys = KeySet::new(vec![key.verifying_key()]).expect("a set of one key");
        let clock = ManualClock::at(START);
        let live = LiveState::new(keys, ERA, Arc::new(clock.clone()));
        Self {
            key: Arc::new(key),
            clock,
            live,
            #[cfg(feature = "axum")]
            tickets: Arc::default(),
        }
    }

    /// Builds a guard that accepts the tokens of this issuer and uses its clock.
    ///
    /// # Panics
    ///
    /// Never, since the issuer, audience and key are valid.
    #[must_use]
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn guard(&self) -> Guard {
        let builder = Guard::builder()
            .live(self.live.clone())
            .issuer(Self::URL)
            .audience(Self::URL)
            .clock(self.clock.clone());
        #[cfg(feature = "axum")]
        let builder = builder.tickets(Arc::clone(&self.tickets) as _);
        builder.build().expect("a complete guard")
    }

    /// Returns the clock of the issuer and its guards.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Returns the state of the guards, to raise floors, to change keys or era, or to make it stale.
    #[must_use]
    pub fn live(&self) -> &LiveState {
        &self.live
    }

    /// Returns the signing key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    #[cfg(feature = "axum")]
    /// Returns a ticket for `token`, which one request to a guard [with tickets](Guard::with_tickets) can use.
    ///
    /// ```
    /// use rolecall::testing::TestIssuer;
    ///
    /// let issuer = TestIssuer::new();
    /// let guard = issuer.guard().with_tickets();
    /// let ticket = issuer.ticket(&issuer.token("alice").sign());
    /// let path = format!("/stream?ticket={ticket}");
    /// ```
    #[must_use]
    pub fn ticket(&self, token: &str) -> String {
        self.tickets.issue(token)
    }

    pub(super) fn clock_seconds(&self) -> i64 {
        crate::Clock::now(&self.clock).seconds()
    }
}
