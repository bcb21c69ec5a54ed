//! Times as people and clients write them: RFC 3339.

use std::time::Duration;

pub(crate) use rolecall_core::document::{format_time as rfc3339, parse_time as parse_rfc3339};

/// What was made later than this after now was made by a clock that was ahead, and has been set right since.
pub(crate) const CLOCKS_APART: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall_core::Timestamp;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(
            rfc3339(Timestamp::from_micros(1_700_000_000_500_000)),
            "2023-11-14T22:13:20.5Z"
        );
    }
}
