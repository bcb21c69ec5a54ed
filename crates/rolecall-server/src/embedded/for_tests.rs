//! Options for tests, which no application needs.

use std::sync::Arc;

use rolecall::Clock;
use rolecall_passwords::Parameters;

use super::EmbeddedBuilder;

impl EmbeddedBuilder {
    /// Sets the cost of hashing a password, for fast tests. No password is safe with less than the default.
    #[doc(hidden)]
    pub fn hashing(mut self, parameters: Parameters) -> Self {
        self.hashing = Some(parameters);
        self
    }

    /// Sets another clock for the database, for tests of nodes whose clocks differ.
    #[doc(hidden)]
    pub fn database_clock(mut self, clock: impl Clock) -> Self {
        self.database_clock = Some(Arc::new(clock));
        self
    }

    /// Opens most connections to PostgreSQL when they are needed: a test with a database of its own needs few of them.
    #[doc(hidden)]
    pub fn connecting_late(mut self) -> Self {
        self.connects_late = true;
        self
    }
}
