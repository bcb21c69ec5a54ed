//! The end of a caller's access while a response lasts.

use super::principal::Principal;

impl Principal {
    /// Resolves when the token is no longer accepted, for responses that last long, such as streams.
    ///
    /// The token may have expired or been revoked, its key or era may be gone, or the guard's state may be stale. The
    /// future can be dropped and created again at any time. It resolves immediately after a revocation, and within a
    /// second after the clock is set or the state becomes stale. It needs a tokio runtime with time enabled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rolecall::{Principal, testing::TestIssuer};
    ///
    /// async fn watch_prices(caller: &Principal) {
    ///     loop {
    ///         tokio::select! {
    ///             () = caller.lost() => return,
    ///             () = tokio::time::sleep(Duration::from_secs(1)) => { /* send the next price */ }
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn lost(&self) {
        self.checks().lost(self.claims(), self.question()).await;
    }

    /// Returns true if the token is no longer accepted, for connections that check before each message; see
    /// [`lost`](Self::lost) for one that waits.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rolecall::testing::TestIssuer;
    ///
    /// let issuer = TestIssuer::new();
    /// let caller = issuer.guard().verify(&issuer.token("alice").sign())?;
    /// assert!(!caller.is_lost());
    /// issuer.clock().advance(Duration::from_secs(1800));
    /// assert!(caller.is_lost(), "the token has expired");
    /// # Ok::<(), rolecall::Denial>(())
    /// ```
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.checks().is_lost(self.claims(), self.question())
    }
}
