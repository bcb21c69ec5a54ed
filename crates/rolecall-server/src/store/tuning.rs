//! The size of the pool and the time limits of a database.

use std::time::{Duration, Instant};

use tokio::time::error::Elapsed;

/// The usual time limit of connecting, for which a server that is still starting is asked again.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The size of the pool and the time limits of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// The most connections to PostgreSQL.
    pub(crate) max_connections: u32,
    /// Connections to PostgreSQL for changes and for what follows them are opened before they are needed.
    pub(crate) holds_connections: bool,
    /// The time that a request waits for a connection.
    pub(crate) acquire: Duration,
    /// The time limit of one statement on PostgreSQL, there and here.
    pub(crate) statement: Duration,
    /// The time that a start waits for a database that does not answer; one attempt is always made. With zero, that one has
    /// no limit but those of its steps.
    pub(crate) start: Duration,
}

impl Tuning {
    /// Returns the time limit of connecting at the start.
    pub(super) fn connect(&self) -> Duration {
        if self.start.is_zero() {
            CONNECT_TIMEOUT
        } else {
            CONNECT_TIMEOUT.min(self.start)
        }
    }

    /// Takes a step of a start that began at `begun`, for no longer than the start may last. If that time has passed already,
    /// a migration took it, which nothing cuts off; what follows has the time limits of its own statements.
    pub(crate) async fn in_time<T>(
        &self,
        begun: Instant,
        step: impl Future<Output = T>,
    ) -> Result<T, Elapsed> {
        let left = self.start.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(step.await);
        }
        tokio::time::timeout(left, step).await
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            max_connections: 16,
            holds_connections: true,
            acquire: Duration::from_secs(5),
            statement: Duration::from_secs(5),
            start: Duration::ZERO,
        }
    }
}
