//! Parses the times in the feed (RFC 3339).

use rolecall_core::Timestamp;

/// Parses a time such as `2026-11-23T10:00:00.25Z`. Digits beyond microseconds are ignored.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_parsed_or_refused() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2030-01-01T00:00:00Z", 1_893_456_000_000_000),
            ("2024-02-29T12:00:00Z", 1_709_208_000_000_000),
            ("2000-03-01t00:00:00.5z", 951_868_800_500_000),
            ("2026-11-23T01:02:03.000004999Z", 1_795_395_723_000_004),
            ("1969-12-31T23:59:59Z", -1_000_000),
            ("2030-01-01T02:00:00+02:00", 1_893_456_000_000_000),
            // a leap second becomes the second before it
            ("2016-12-31T23:59:60Z", 1_483_228_799_000_000),
            ("9999-12-30T22:00:00Z", 253_402_207_200_000_000),
        ] {
            assert_eq!(parse(text), Some(Timestamp::from_micros(micros)), "{text}");
        }
        for text in [
            "",
            "Z",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-13-01T00:00:00Z",
            "2030-01-01T24:00:00Z",
            "2030-01-01T00:60:00Z",
            "2030-01-01T00:00:61Z",
            "2030-01-01T00:00:62Z",
            "2030-01-01T00:00:00.Z",
            "2030-02-30T00:00:00Z",
            "+030-01-01T00:00:00Z",
            "2030-01-01T00:00:00.é1Z",
            "2030-1-1T0:0:0Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
