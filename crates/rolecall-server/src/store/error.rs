//! Errors of the database, and how many of each kind this process has seen.

use std::{
    path::{Path, PathBuf},
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
    /// The file of the database is gone, or another one lies in its place.
    #[error(
        "the database file `{path}` was removed or replaced while it was open: put it back, or stop rolecall and use `rolecall restore`",
        path = .0.display()
    )]
    Moved(PathBuf),
    /// The write-ahead log of the database is gone, or another one lies in its place.
    #[error(
        "`{path}` was removed or replaced while the database was open: put it back, or restart rolecall, which writes what it still holds into the database",
        path = .0.display()
    )]
    LogMoved(PathBuf),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        count(&error);
        Self::Database(error)
    }
}

impl StoreError {
    /// Reports a database that did not answer in time.
    pub(crate) fn timed_out() -> Self {
        sqlx::Error::PoolTimedOut.into()
    }

    /// Reports a row that violates an invariant.
    pub(crate) fn inconsistent(what: impl std::fmt::Display) -> Self {
        Self::Inconsistent(what.to_string())
    }
}

/// The error of opening a database.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL has neither scheme.
    #[error(
        "`database.url` must begin with `sqlite:` or `postgres:`, without a driver such as `+asyncpg`"
    )]
    UnknownKind,
    /// The URL has a known scheme, but cannot be used.
    #[error("`database.url`: {0}")]
    Url(String),
    /// The database file, its folder or a file beside it could not be opened or created.
    #[error("cannot use `{path}`: {source}{hint}", path = path.display(), hint = owner_hint(path, source))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The database file is missing, although it was there before.
    #[error(
        "the database `{path}` is missing or empty, but `{trace}` shows that it was in use: put it back, restore a backup with `rolecall restore`, or move `{trace}` away to start with an empty database",
        path = path.display(),
        trace = trace.display()
    )]
    Lost {
        /// The database.
        path: PathBuf,
        /// The file that shows it.
        trace: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "the database `{path}` is damaged ({fault}): restore a backup with `rolecall restore FILE --force`",
        path = path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The first fault found.
        fault: String,
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

/// Names the owner of a file that this process may not use.
fn owner_hint(path: &Path, error: &std::io::Error) -> String {
    use std::os::unix::fs::MetadataExt as _;
    if error.kind() != std::io::ErrorKind::PermissionDenied {
        return String::new();
    }
    let owner = std::fs::metadata(path).map(|found| found.uid());
    let own = std::fs::metadata("/proc/self").map(|found| found.uid());
    match (owner, own) {
        (Ok(owner), Ok(own)) if owner != own => format!(
            "; it belongs to the user with the id {owner}, and rolecall runs with the id {own}: run `chown {own} {}`",
            path.display()
        ),
        _ => String::new(),
    }
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
        Error::Io(_)
        | Error::Tls(_)
        | Error::Protocol(_)
        | Error::PoolClosed
        | Error::WorkerCrashed => Some("connection"),
        _ => Some("other"),
    }
}

/// The meaning of an error. It is decided here and nowhere else: answers, readiness and pools follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The statement or its values are wrong, or a caller expects the error, such as a name that is taken.
    Statement,
    /// The database cannot do it now, and may a little later.
    Outage,
    /// An outage after which the connection must not be used again.
    Broken,
}

impl StoreError {
    pub(super) fn class(&self) -> Class {
        use sqlx::Error as Sql;
        match self {
            Self::Database(error) => match error {
                // a protocol error comes from something that is not PostgreSQL, such as a load balancer that
                // accepts connections and closes them
                Sql::Io(_) | Sql::Tls(_) | Sql::Protocol(_) | Sql::WorkerCrashed => Class::Broken,
                Sql::PoolTimedOut | Sql::PoolClosed => Class::Outage,
                Sql::Database(error) => error
                    .code()
                    .map_or(Class::Statement, |code| class_of(&code)),
                _ => Class::Statement,
            },
            Self::Moved(_) | Self::LogMoved(_) => Class::Broken,
            Self::Inconsistent(_) => Class::Statement,
        }
    }

    /// Returns true if the connection was dead, or died, and the error came at once. Nothing is known about a
    /// statement that was given up after its time limit.
    pub(super) fn is_of_dead_connection(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Io(error)) => error.kind() != std::io::ErrorKind::TimedOut,
            Self::Database(_) => self.class() == Class::Broken,
            Self::Moved(_) | Self::LogMoved(_) | Self::Inconsistent(_) => false,
        }
    }

    /// Returns true if the database is at fault: unreachable, overloaded, read-only, damaged or out of resources.
    pub(crate) fn is_outage(&self) -> bool {
        self.class() != Class::Statement
    }

    /// Returns true if waiting does not help: a wrong password, or a database that does not exist.
    pub(super) fn is_misconfigured(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code().is_some_and(|code| {
                code.len() == 5 && (code.starts_with("28") || code.starts_with("3D"))
            }),
            _ => false,
        }
    }

    /// Returns true if the PostgreSQL server has become a standby, or takes no writes for another reason.
    pub(super) fn is_read_only(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| code == READ_ONLY)
            }
            _ => false,
        }
    }
}

/// PostgreSQL: `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";

/// Returns the class of a code. Five characters come from PostgreSQL, others from SQLite.
fn class_of(code: &str) -> Class {
    let class = code.get(..2).unwrap_or_default();
    match code {
        // read-only, a transaction that idled too long, an administrator who closes the connection
        READ_ONLY | "25P03" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => Class::Broken,
        // a lock that was not available
        "55P03" => Class::Outage,
        _ if code.len() == 5 => match class {
            // connection exception, system error, internal error, which includes damaged files
            "08" | "58" | "XX" => Class::Broken,
            // wrong password, unknown database, transaction rollback, insufficient resources, operator intervention
            "28" | "3D" | "40" | "53" | "57" => Class::Outage,
            _ => Class::Statement,
        },
        // the primary code is in the lowest byte
        _ => match code.parse::<u32>().map(|code| code & 0xff) {
            // I/O error, damaged, full, cannot open, not a database
            Ok(10 | 11 | 13 | 14 | 26) => Class::Broken,
            // no permission, aborted, busy, locked, no memory, read-only, interrupted, lock protocol, files too large
            Ok(3..=9 | 15 | 22) => Class::Outage,
            _ => Class::Statement,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trouble_with_the_database_counts_as_an_outage() {
        // PostgreSQL: too many connections, statement timeout, deadlock, wrong password, no such database
        for code in [
            "53300", "53100", "57014", "40P01", "28P01", "3D000", "55P03",
        ] {
            assert_eq!(class_of(code), Class::Outage, "{code}");
        }
        // PostgreSQL: connection lost, shutting down, disk failure, read-only, damaged
        for code in ["08006", "57P01", "58030", "25006", "25P03", "XX001"] {
            assert_eq!(class_of(code), Class::Broken, "{code}");
        }
        // SQLite: busy, snapshot too old, locked, no memory, read-only
        for code in ["5", "517", "6", "262", "7", "8", "1032"] {
            assert_eq!(class_of(code), Class::Outage, "{code}");
        }
        // SQLite: I/O error while reading or writing, damaged, full, cannot open, not a database
        for code in ["10", "266", "778", "11", "267", "13", "14", "26"] {
            assert_eq!(class_of(code), Class::Broken, "{code}");
        }
        // a NUL in a text (its number ends like SQLite's busy), unique, foreign key, syntax, failed transaction
        for code in [
            "22021", "23505", "23503", "42601", "25P02", "1", "19", "2067", "787", "20", "",
        ] {
            assert_eq!(class_of(code), Class::Statement, "{code}");
        }
    }

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
