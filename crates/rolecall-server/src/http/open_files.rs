//! The limit on open files of this process; each connection needs one.

/// Files that are kept free for the database, the log and the runtime.
const RESERVED: usize = 64;

/// Raises the soft limit of this process so that `connections` fit beside everything else, as far as the hard limit
/// allows, and returns the limit; `None` if it is unlimited or unknown. Many systems start a process with 1024, which a
/// single client can use up.
#[cfg(unix)]
pub(crate) fn raise(connections: usize) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    let wanted = wanted(connections, limits.current, limits.maximum)?;
    let raised = Rlimit {
        current: Some(wanted),
        ..limits
    };
    if limits.current != Some(wanted)
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "cannot raise the limit on open files");
        return limits.current;
    }
    Some(wanted)
}

/// Reads the limit on open files.
#[cfg(not(unix))]
pub(crate) fn raise(_: usize) -> Option<u64> {
    limit()
}

/// Returns the soft limit for `connections`; `None` if it is unlimited already. Never lowers it.
#[cfg_attr(
    not(unix),
    expect(dead_code, reason = "other systems have no such limit")
)]
fn wanted(connections: usize, soft: Option<u64>, hard: Option<u64>) -> Option<u64> {
    let needed = u64::try_from(connections.saturating_add(RESERVED)).unwrap_or(u64::MAX);
    let soft = soft?;
    Some(needed.min(hard.unwrap_or(u64::MAX)).max(soft))
}

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
    fn y055_the_limit_is_raised_to_what_the_connections_need_and_never_lowered() {
        for (soft, hard, raised) in [
            (Some(1024), Some(1_048_576), Some(10_064)),
            (Some(1024), Some(4096), Some(4096)),
            (Some(1024), None, Some(10_064)),
            (Some(65_536), Some(1_048_576), Some(65_536)),
            (None, None, None),
        ] {
            assert_eq!(wanted(10_000, soft, hard), raised, "{soft:?}, {hard:?}");
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
