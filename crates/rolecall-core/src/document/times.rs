//! Parses and formats the times in documents (RFC 3339).

use serde::{Serialize, Serializer};
use toml::value::Datetime;

use crate::Timestamp;

/// The last microsecond that RFC 3339 can write: its years have four digits.
const LATEST: Timestamp = Timestamp::from_micros(253_402_300_799_999_999);

/// Parses an RFC 3339 time such as `2026-12-01T00:00:00Z`, up to the end of the year 9999. An offset is required.
///
/// ```
/// use rolecall_core::document::{format_time, parse_time};
///
/// let never = parse_time("9999-12-31T23:59:59Z").unwrap();
/// assert_eq!(format_time(never), "9999-12-31T23:59:59Z");
/// assert!(parse_time("2026-12-01").is_none());
/// ```
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let time = text
        .parse::<jiff::Timestamp>()
        .map(|time| Timestamp::from_micros(time.as_microsecond()));
    // jiff ends a day earlier, before a time that people write for "never"
    let time = time.ok().or_else(|| parse_last_day(text))?;
    (time <= LATEST).then_some(time)
}

/// Parses a time in the last days of the year 9999.
fn parse_last_day(text: &str) -> Option<Timestamp> {
    let (local, offset) = text.split_at_checked(text.rfind(['Z', 'z', '+', '-'])?)?;
    let minutes = match offset {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if offset.starts_with('-') {
                -minutes
            } else {
                minutes
            }
        }
    };
    if !local.starts_with("9999-12-3") || !(-1439..=1439).contains(&minutes) {
        return None;
    }
    let local: jiff::civil::DateTime = local.parse().ok()?;
    let since = local.duration_since(EPOCH);
    let micros = i64::try_from(since.as_micros()).ok()?;
    micros
        .checked_sub(minutes * 60_000_000)
        .map(Timestamp::from_micros)
}

const EPOCH: jiff::civil::DateTime = jiff::civil::DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Formats a time in UTC as RFC 3339. A time after the year 9999 becomes the end of it.
#[must_use]
pub fn format_time(time: Timestamp) -> String {
    let time = time.min(LATEST);
    if let Ok(time) = jiff::Timestamp::from_microsecond(time.micros()) {
        return time.to_string();
    }
    EPOCH
        .checked_add(jiff::SignedDuration::from_micros(time.micros()))
        .map_or_else(|_| String::new(), |time| format!("{time}Z"))
}

/// Parses a time of a document.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    // jiff also accepts formats beyond RFC 3339, which the parser of TOML refuses
    let datetime: Datetime = text.parse().ok()?;
    if datetime.date.is_none() || datetime.offset.is_none() {
        return None;
    }
    parse_time(text)
}

pub(super) fn format(time: Timestamp) -> String {
    format_time(time)
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
        assert_eq!(parse(&format(Timestamp::MAX)), Some(LATEST));
        assert_eq!(
            format(Timestamp::from_seconds(1_893_456_000)),
            "2030-01-01T00:00:00Z"
        );
    }

    #[test]
    fn the_last_day_of_the_last_year_is_a_time() {
        for (text, seconds) in [
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("9999-12-31T00:00:00Z", 253_402_214_400),
            ("9999-12-31T23:59:59+02:00", 253_402_293_599),
            ("9999-12-31T20:00:00-03:30", 253_402_299_000),
            ("9999-12-30T22:00:00Z", 253_402_207_200),
        ] {
            let time = Timestamp::from_seconds(seconds);
            assert_eq!(parse(text), Some(time), "{text}");
            assert_eq!(parse(&format(time)), Some(time), "{text}");
        }
        for text in [
            "9999-12-31T23:59:59-01:00",
            "9999-12-31T23:59:59",
            "9999-12-31T24:00:00Z",
            "9999-12-32T00:00:00Z",
            "9999-12-31T23:59:59+2400",
            "9999-12-31",
            "10000-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_formatted_time_is_parsed_to_the_same_time(micros in -62_000_000_000_000_000i64..=253_402_300_799_999_999) {
            let time = Timestamp::from_micros(micros);
            prop_assert_eq!(parse(&format(time)), Some(time));
        }
    }
}
