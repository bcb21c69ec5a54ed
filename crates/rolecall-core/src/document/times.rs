//! Parses and formats the times in documents (RFC 3339).

use serde::{Serialize, Serializer};
use toml::value::Datetime;

use crate::Timestamp;

/// The last second that [`jiff::Timestamp`] can represent.
const LATEST: &str = "9999-12-30T22:00:00Z";

/// Parses a time such as `2026-12-01T00:00:00Z`; an offset is required.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // jiff also accepts formats beyond RFC 3339, which the parser of TOML refuses
    let datetime: Datetime = text.parse().ok()?;
    if datetime.date.is_none() || datetime.offset.is_none() {
        return None;
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

/// Formats a time in UTC. A time after [`LATEST`] is written as [`LATEST`].
pub(super) fn format(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| LATEST.to_owned(), |time| time.to_string())
}

#[expect(clippy::ref_option, reason = "the signature that serde requires")]
pub(super) fn serialize<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(format).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_parsed_and_formatted() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2030-01-01T00:00:00Z", 1_893_456_000),
            ("2030-01-01T02:00:00+02:00", 1_893_456_000),
            ("2000-02-29 12:00:00Z", 951_825_600),
            ("1969-12-31T23:59:59Z", -1),
            // 2100 is not a leap year, 2400 is one
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("2199-12-31T00:00:00Z", 7_258_032_000),
            ("2400-02-29T00:00:00Z", 13_574_563_200),
        ] {
            let formatted = format(Timestamp::from_seconds(seconds));
            assert_eq!(parse(&formatted), Some(Timestamp::from_seconds(seconds)));
            assert_eq!(
                parse(text),
                Some(Timestamp::from_seconds(seconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "12:00:00",
            "2030-02-30T00:00:00Z",
            "2030-01-01T00Z",
            "2030-01-01T00:00:00Z[UTC]",
            "-000001-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format(Timestamp::MAX)), parse(LATEST));
        assert!(parse(LATEST).is_some());
        assert_eq!(
            format(Timestamp::from_seconds(1_893_456_000)),
            "2030-01-01T00:00:00Z"
        );
    }

    proptest! {
        #[test]
        fn a_formatted_time_is_parsed_to_the_same_time(micros in -62_000_000_000_000_000i64..253_000_000_000_000_000) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(parse(&format(time)), Some(time));
        }
    }
}
