//! How many errors of each kind this process has seen.

use std::sync::atomic::{AtomicU64, Ordering};

const KINDS: [&str; 4] = ["timeout", "connection", "database", "other"];

/// Counts per process and not per [`Store`](super::Store), because an error does not know its store.
static COUNTS: [AtomicU64; KINDS.len()] = [const { AtomicU64::new(0) }; KINDS.len()];

/// Returns each kind of error with its count since the start of the process.
pub(crate) fn counts() -> impl Iterator<Item = (&'static str, u64)> {
    let counts = COUNTS.iter().map(|count| count.load(Ordering::Relaxed));
    KINDS.into_iter().zip(counts)
}

/// Counts an error.
pub(super) fn count(error: &sqlx::Error) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
