//! How many files the system lets this process open: each connection is one.

/// Kept free for the database, the log and what the runtime opens.
const RESERVED: usize = 64;

/// The limit of this process, where the system says it (`/proc`).
pub(crate) fn limit() -> Option<u64> {
    read(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// The soft limit in a text such as `/proc/self/limits`.
pub(crate) fn read(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// How many of `wanted` connections may be taken, so that those who are connected still reach the database
/// when the last descriptor that may go to a connection is gone.
pub(super) fn connections(wanted: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else {
        return wanted;
    };
    wanted.min(limit.saturating_sub(RESERVED).max(limit / 4).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x082_connections_never_take_the_last_descriptors() {
        for (limit, connections_taken) in [
            (None, 10_000),
            (Some(1_048_576), 10_000),
            (Some(10_064), 10_000),
            (Some(10_063), 9_999),
            (Some(1024), 960),
            (Some(64), 16),
            (Some(1), 1),
            (Some(u64::MAX), 10_000),
        ] {
            assert_eq!(connections(10_000, limit), connections_taken, "{limit:?}");
        }
    }

    #[test]
    fn a_limit_that_is_not_there_or_no_number_is_none() {
        assert_eq!(
            read("Max open files            1024   4096   files\n"),
            Some(1024)
        );
        for none in [
            "",
            "Max processes 1 2 x",
            "Max open files            unlimited   unlimited   files\n",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
