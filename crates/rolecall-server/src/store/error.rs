//! Errors of the database.

use std::path::PathBuf;

use super::codes::{
    Class, class_of, is_damage, is_deadlock, is_full, is_misconfigured, is_outage, is_read_only,
    is_wait,
};
use super::counts::count;
pub use super::open_error::OpenError;

/// The error of a statement or a connection.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed or could not be reached.
    #[error("the database did not answer")]
    Database(#[source] sqlx::Error),
    /// There is no room left on the disk of the database.
    #[error("the disk of the database is full")]
    Full(#[source] sqlx::Error),
    /// The database gave no connection in time to a change that found none open.
    #[error("the database gives no connection: it has too many already, or cannot be reached")]
    NoConnection(#[source] sqlx::Error),
    /// The database answers, but another change kept this one waiting for too long.
    #[error("another change is being made: try again")]
    Contended,
    /// The database ended the transaction, since it and another waited for each other.
    #[error("other changes were in the way: try again")]
    Deadlock(#[source] sqlx::Error),
    /// This process has found damaged pages in the file of the database.
    #[error("the database is damaged")]
    Damaged,
    /// A row violates an invariant of the program.
    #[error("the database holds a row that should not exist: {0}")]
    Inconsistent(String),
    /// The file of the database is gone, or another one lies in its place.
    #[error(
        "the database file `{path}` was removed or replaced while it was open: put it back, or stop rolecall and use `rolecall restore`",
        path = .0.display()
    )]
    Moved(PathBuf),
    /// The file of the database cannot be looked at, so that nobody knows what lies there.
    #[error("the database file `{path}` cannot be looked at", path = .path.display())]
    Hidden {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The write-ahead log of the database or the index of the log is gone, or another one lies in its place.
    #[error(
        "`{path}` was removed or replaced while the database was open: put it back, or stop every rolecall that has the database open, which writes what it still holds into the database, and start it again",
        path = .0.display()
    )]
    LogMoved(PathBuf),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        count(&error);
        if is_deadlock(&error) {
            return Self::Deadlock(error);
        }
        if is_full(&error) {
            return Self::Full(error);
        }
        Self::Database(error)
    }
}

impl StoreError {
    /// Reports a database that did not answer in time.
    pub(crate) fn timed_out() -> Self {
        sqlx::Error::PoolTimedOut.into()
    }

    /// Reports that the database gave no connection in time.
    pub(super) fn no_connection() -> Self {
        let error = sqlx::Error::PoolTimedOut;
        count(&error);
        Self::NoConnection(error)
    }

    /// Returns true if the database gave no connection in time.
    pub(crate) fn is_without_connection(&self) -> bool {
        matches!(self, Self::NoConnection(_))
    }

    /// Returns true if there is no room left on the disk of the database.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Reports a disk that was full a moment ago.
    pub(super) fn full() -> Self {
        Self::Full(sqlx::Error::Io(std::io::ErrorKind::StorageFull.into()))
    }

    /// Reports a row that violates an invariant.
    pub(crate) fn inconsistent(what: impl std::fmt::Display) -> Self {
        Self::Inconsistent(what.to_string())
    }
}

impl StoreError {
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Database(error) | Self::Full(error) => class_of(error),
            Self::Moved(_) | Self::LogMoved(_) | Self::Hidden { .. } => Class::Broken,
            Self::NoConnection(_) | Self::Contended | Self::Deadlock(_) | Self::Damaged => {
                Class::Outage
            }
            Self::Inconsistent(_) => Class::Statement,
        }
    }

    /// Returns true if a row that would be deleted is referred to by a row of another table.
    pub(crate) fn is_referenced(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                error.kind() == sqlx::error::ErrorKind::ForeignKeyViolation
            }
            _ => false,
        }
    }

    /// Returns true if the file is damaged: SQLite's codes 11 (damaged) and 26 (not a database).
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) => is_damage(error),
            Self::Damaged => true,
            _ => false,
        }
    }

    /// Returns true if the database is at fault and may recover by itself, so that a start can wait for it.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Database(error) => is_outage(error) && !is_misconfigured(error),
            Self::Full(_) | Self::NoConnection(_) => true,
            _ => false,
        }
    }

    /// Returns true if the connection was dead, or died, and the error came at once. Nothing is known about a
    /// statement that was given up after its time limit.
    pub(super) fn is_of_dead_connection(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Io(error)) => error.kind() != std::io::ErrorKind::TimedOut,
            Self::Database(_) => self.class() == Class::Broken,
            Self::Moved(_)
            | Self::LogMoved(_)
            | Self::Hidden { .. }
            | Self::Full(_)
            | Self::NoConnection(_)
            | Self::Contended
            | Self::Deadlock(_)
            | Self::Damaged
            | Self::Inconsistent(_) => false,
        }
    }

    /// Returns true if something was waited for until a time limit: a lock, a connection or an answer.
    pub(super) fn is_wait(&self) -> bool {
        match self {
            Self::Database(error) => is_wait(error),
            _ => false,
        }
    }

    /// Returns true if the database answers, but other changes kept this one from being made.
    pub(crate) fn is_contention(&self) -> bool {
        matches!(self, Self::Contended | Self::Deadlock(_))
    }

    /// Returns true if the database is at fault: unreachable, overloaded, read-only, damaged or out of resources.
    pub(crate) fn is_outage(&self) -> bool {
        self.class() != Class::Statement
    }

    /// Returns true if the PostgreSQL server has become a standby, or takes no writes for another reason.
    pub(super) fn is_read_only(&self) -> bool {
        match self {
            Self::Database(error) => is_read_only(error),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_connection_is_an_outage() {
        for error in [
            sqlx::Error::Io(std::io::ErrorKind::UnexpectedEof.into()),
            sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned()),
            sqlx::Error::WorkerCrashed,
        ] {
            assert_eq!(StoreError::from(error).class(), Class::Broken);
        }
        assert_eq!(
            StoreError::from(sqlx::Error::PoolTimedOut).class(),
            Class::Outage
        );
        assert_eq!(
            StoreError::from(sqlx::Error::RowNotFound).class(),
            Class::Statement
        );
    }
}
