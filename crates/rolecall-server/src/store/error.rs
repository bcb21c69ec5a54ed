//! Errors of the database, and how many of each kind this process has seen.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// Why the database did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed or could not be reached.
    #[error("the database did not answer")]
    Database(#[source] sqlx::Error),
    /// A row breaks a rule that the program relies on.
    #[error("the database holds a row that should not exist: {0}")]
    Inconsistent(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        count(&error);
        Self::Database(error)
    }
}

impl StoreError {
    /// Whether a unique constraint refused the row.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    }

    /// Whether a foreign key refused the row.
    #[must_use]
    pub fn is_foreign_key_violation(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.is_foreign_key_violation())
    }

    pub(crate) fn inconsistent(what: impl std::fmt::Display) -> Self {
        Self::Inconsistent(what.to_string())
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is of neither kind.
    #[error("`database.url` must begin with `sqlite:` or `postgres:`")]
    UnknownKind,
    /// The database file or its folder could not be made.
    #[error("cannot make the database file `{path}`: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database could not be reached, or its schema could not be brought up to date.
    #[error("cannot open the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("cannot bring the database up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The database was made by a newer rolecall.
    #[error(
        "the database was last used by a newer rolecall (schema {found}, this one knows {known}): install that version again"
    )]
    Newer {
        /// The schema version found.
        found: i64,
        /// The newest schema version known.
        known: i64,
    },
}

const KINDS: [&str; 4] = ["timeout", "connection", "database", "other"];

/// Of the process and not of a [`Store`](super::Store): an error does not know which one it comes from.
static COUNTS: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];

/// Each kind with its count since the start of the process.
pub(crate) fn counts() -> impl Iterator<Item = (&'static str, u64)> {
    let counts = COUNTS.iter().map(|count| count.load(Ordering::Relaxed));
    KINDS.into_iter().zip(counts)
}

pub(super) fn count(error: &sqlx::Error) {
    let counter = kind_of(error).and_then(|kind| {
        let place = KINDS.iter().position(|known| *known == kind)?;
        COUNTS.get(place)
    });
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// `None` for what callers ask for: a row that is not there, a name that is taken.
fn kind_of(error: &sqlx::Error) -> Option<&'static str> {
    use sqlx::{Error, error::ErrorKind};
    match error {
        Error::RowNotFound => None,
        Error::Database(error) if error.kind() != ErrorKind::Other => None,
        Error::Database(_) => Some("database"),
        Error::PoolTimedOut => Some("timeout"),
        Error::Io(_) | Error::Tls(_) | Error::PoolClosed | Error::WorkerCrashed => {
            Some("connection")
        }
        _ => Some("other"),
    }
}

impl StoreError {
    /// Whether the database could not be reached, as opposed to a fault of ours.
    pub(crate) fn is_outage(&self) -> bool {
        use sqlx::Error as Sql;
        match self {
            Self::Database(error) => match error {
                Sql::Io(_)
                | Sql::PoolTimedOut
                | Sql::PoolClosed
                | Sql::WorkerCrashed
                | Sql::Tls(_) => true,
                Sql::Database(error) => error.code().is_some_and(|code| is_outage_code(&code)),
                _ => false,
            },
            Self::Inconsistent(_) => false,
        }
    }
}

/// Whether the code of a database error tells of trouble with the database itself.
fn is_outage_code(code: &str) -> bool {
    // five characters are PostgreSQL's: connection trouble, a transaction that must be tried again, out of
    // resources, shutting down, system error
    if code.len() == 5 {
        return ["08", "40", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class));
    }
    // SQLite's, whose lowest byte is the primary code: busy, locked, read-only, I/O, full, cannot open
    code.parse::<u32>()
        .is_ok_and(|code| [5, 6, 8, 10, 13, 14].contains(&(code & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trouble_with_the_database_counts_as_an_outage() {
        // PostgreSQL: connection lost, too many connections, shutting down, disk failure
        for code in ["08006", "53300", "57P01", "58030"] {
            assert!(is_outage_code(code), "{code}");
        }
        // SQLite: busy, snapshot too old, locked, I/O error while reading, full, cannot open
        for code in ["5", "517", "6", "266", "13", "14"] {
            assert!(is_outage_code(code), "{code}");
        }
        // a NUL in a text (its number ends like SQLite's busy), unique, foreign key, syntax
        for code in [
            "22021", "23505", "23503", "42601", "1", "19", "2067", "787", "",
        ] {
            assert!(!is_outage_code(code), "{code}");
        }
    }

    #[test]
    fn an_answer_that_was_asked_for_is_no_error() {
        assert_eq!(kind_of(&sqlx::Error::RowNotFound), None);
        assert_eq!(kind_of(&sqlx::Error::PoolTimedOut), Some("timeout"));
        let broken = sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(kind_of(&broken), Some("connection"));
        for (kind, _) in counts() {
            assert!(["timeout", "connection", "database", "other"].contains(&kind));
        }
    }
}
