//! Errors of the database, and how many of each kind this process has seen.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// The error of a statement or a connection.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed or could not be reached.
    #[error("the database did not answer")]
    Database(#[source] sqlx::Error),
    /// A row violates an invariant of the program.
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
    /// Reports a row that violates an invariant.
    pub(crate) fn inconsistent(what: impl std::fmt::Display) -> Self {
        Self::Inconsistent(what.to_string())
    }
}

/// The error of opening a database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has neither scheme.
    #[error("`database.url` must begin with `sqlite:` or `postgres:`")]
    UnknownKind,
    /// The database file or its folder could not be created.
    #[error("cannot create the database file `{path}`: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The database could not be reached.
    #[error("cannot open the database: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be migrated.
    #[error("cannot migrate the database: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The schema is newer than this version of rolecall.
    #[error(
        "the database was last used by a newer rolecall (schema {found}, this version knows {known}): install the newer version again"
    )]
    Newer {
        /// The schema version found.
        found: i64,
        /// The newest schema version known.
        known: i64,
    },
}

const KINDS: [&str; 4] = ["timeout", "connection", "database", "other"];

/// Counts per process and not per [`Store`](super::Store), because an error does not know its store.
static COUNTS: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];

/// Returns each kind of error with its count since the start of the process.
pub(crate) fn counts() -> impl Iterator<Item = (&'static str, u64)> {
    let counts = COUNTS.iter().map(|count| count.load(Ordering::Relaxed));
    KINDS.into_iter().zip(counts)
}

fn count(error: &sqlx::Error) {
    let counter = kind_of(error).and_then(|kind| {
        let place = KINDS.iter().position(|known| *known == kind)?;
        COUNTS.get(place)
    });
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns the kind of an error; `None` for answers that callers expect: no row, or a name that is taken.
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
    /// Returns true if the database is at fault: unreachable, overloaded or out of resources.
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

/// Returns true if the code of a database error means trouble with the database itself.
fn is_outage_code(code: &str) -> bool {
    // five characters come from PostgreSQL. The classes: connection exception, transaction rollback, insufficient
    // resources, operator intervention, system error
    if code.len() == 5 {
        return ["08", "40", "53", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class));
    }
    // others come from SQLite, with the primary code in the lowest byte: busy, locked, read-only, I/O error, full,
    // cannot open
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
    fn an_expected_answer_is_not_counted() {
        assert_eq!(kind_of(&sqlx::Error::RowNotFound), None);
        assert_eq!(kind_of(&sqlx::Error::PoolTimedOut), Some("timeout"));
        let broken = sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(kind_of(&broken), Some("connection"));
        for (kind, _) in counts() {
            assert!(["timeout", "connection", "database", "other"].contains(&kind));
        }
    }
}
