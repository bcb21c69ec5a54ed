//! A guard that follows an issuer whose answers a test gives.

use std::time::Duration;

use crate::{Guard, GuardBuilder, GuardError, ManualClock, remote};

/// A guard that follows an issuer whose answers a test gives: those of the feed and of the JWK Set.
///
/// ```
/// use rolecall::{Denial, Guard, ManualClock, Timestamp, testing::ScriptedIssuer};
///
/// let clock = ManualClock::at(Timestamp::from_seconds(1_893_456_000));
/// let builder = Guard::builder().issuer("https://login.example").audience("https://items.example");
/// let mut issuer = ScriptedIssuer::new(builder, &clock)?;
/// assert!(!issuer.feed(Some((503, b""))));
/// assert_eq!(issuer.guard().verify("a.b.c").unwrap_err(), Denial::Unavailable);
/// # Ok::<(), rolecall::GuardError>(())
/// ```
pub struct ScriptedIssuer {
    guard: Guard,
    script: remote::Script,
    took: Duration,
}

impl ScriptedIssuer {
    /// Builds the guard, as a client that reads the feed. The builder needs an issuer and an audience.
    ///
    /// # Errors
    ///
    /// As [`GuardBuilder::build`].
    pub fn new(builder: GuardBuilder, clock: &ManualClock) -> Result<Self, GuardError> {
        let builder = builder.clock(clock.clone()).client("items", "secret");
        let guard = builder.scripted().build()?;
        let script = guard.script().ok_or(GuardError::TwoKeySources)?;
        Ok(Self {
            guard,
            script,
            took: Duration::ZERO,
        })
    }

    /// Returns the guard.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Lets the next answer of the feed be one to a request that was sent `took` ago.
    pub fn next_took(&mut self, took: Duration) {
        self.took = took;
    }

    /// Takes an answer of the feed, status and body; `None` is a connection that broke. Returns false for an answer that
    /// the guard cannot use.
    pub fn feed(&mut self, answer: Option<(u16, &[u8])>) -> bool {
        self.script.feed(answer, std::mem::take(&mut self.took))
    }

    /// Takes an answer of the JWK Set, as [`feed`](Self::feed).
    pub fn keys(&mut self, answer: Option<(u16, &[u8])>) -> bool {
        self.script.keys(answer)
    }
}
