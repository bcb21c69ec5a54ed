//! The limit on open files of this process; each connection needs one.

/// Files that are kept free for the database, the log and the runtime.
const RESERVED: usize = 64;

/// Reads the limit of this process from `/proc`; `None` on other systems.
pub(crate) fn limit() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// Parses the soft limit in a text such as `/proc/self/limits`; `None` if it is unlimited.
fn parse(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// Lowers `wanted` connections to what the limit allows: even with all of them in use, files for the database are
/// left.
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
    fn x082_connections_leave_descriptors_for_the_database() {
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
    fn a_missing_or_unlimited_limit_is_none() {
        assert_eq!(
            parse("Max open files            1024   4096   files\n"),
            Some(1024)
        );
        for none in [
            "",
            "Max processes 1 2 x",
            "Max open files            unlimited   unlimited   files\n",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
