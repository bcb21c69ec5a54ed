//! The size of the pool and the time limits of a database.

use std::time::Duration;

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
    /// The time that a start waits for a database that does not answer; one attempt is always made.
    pub(crate) start: Duration,
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
