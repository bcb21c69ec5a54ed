//! Parses and formats times as in RFC 3339, without a clock or a calendar library.

use serde::{Serialize, Serializer};
use toml::value::{Date, Datetime, Offset, Time};

use crate::Timestamp;

const MICROS: i64 = 1_000_000;

/// Parses a time such as `2026-12-01T00:00:00Z`; an offset is required.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let Datetime {
        date: Some(date),
        time: Some(time),
        offset: Some(offset),
    } = text.parse().ok()?
    else {
        return None;
    };
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_from_civil(
        i64::from(date.year),
        i64::from(date.month),
        i64::from(date.day),
    );
    let second = i64::from(time.second.unwrap_or(0));
    let clock = (i64::from(time.hour) * 60 + i64::from(time.minute) - minutes) * 60 + second;
    let micros = i64::from(time.nanosecond.unwrap_or(0) / 1000);
    Some(Timestamp::from_micros(
        (days * 86_400 + clock) * MICROS + micros,
    ))
}

/// Formats a time in UTC. A time beyond the years 0 to 9999 is written as the last second of the year 9999.
pub(super) fn format(time: Timestamp) -> String {
    let second = time.micros().div_euclid(MICROS);
    let micros = time.micros().rem_euclid(MICROS);
    let (year, month, day) = civil_from_days(second.div_euclid(86_400));
    let clock = second.rem_euclid(86_400);
    let formatted = datetime(year, month, day, clock, micros).map(|time| time.to_string());
    formatted.unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned())
}

/// Builds a TOML time in UTC; `clock` is in seconds since midnight.
fn datetime(year: i64, month: i64, day: i64, clock: i64, micros: i64) -> Option<Datetime> {
    let small = |number: i64| u8::try_from(number).ok();
    Some(Datetime {
        date: Some(Date {
            year: u16::try_from(year).ok().filter(|year| *year <= 9999)?,
            month: small(month)?,
            day: small(day)?,
        }),
        time: Some(Time {
            hour: small(clock / 3600)?,
            minute: small(clock / 60 % 60)?,
            second: Some(small(clock % 60)?),
            nanosecond: u32::try_from(micros * 1000).ok().filter(|nanos| *nanos > 0),
        }),
        offset: Some(Offset::Z),
    })
}

#[expect(clippy::ref_option, reason = "the signature that serde requires")]
pub(super) fn serialize<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(format).serialize(serializer)
}

/// Returns the days since 1970-01-01 in the Gregorian calendar.
///
/// It counts in eras of 400 years and in years that begin in March, so that a leap day is the last day of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
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
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
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
