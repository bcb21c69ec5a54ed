//! How often the database did not answer as it should, in this process, and whether it is the database's fault.

use std::sync::atomic::{AtomicU64, Ordering};

use super::StoreError;

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
