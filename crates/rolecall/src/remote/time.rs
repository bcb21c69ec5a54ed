//! Parses times in the feed (RFC 3339).

use rolecall_core::Timestamp;

/// Parses a time in UTC, such as `2026-11-23T10:00:00.25Z`. Digits beyond microseconds are ignored.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix(['Z', 'z'])?;
    let (date, time) = text.split_once(['T', 't'])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    // a leap second is written as second 60
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(Timestamp::from_micros(seconds * 1_000_000 + micros))
}

/// Splits `text` at `separator` into three numbers with exactly these lengths.
fn numbers(text: &str, separator: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, length) in numbers.iter_mut().zip(lengths) {
        let part = parts.next()?;
        if part.len() != length || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Returns the days since 1970-01-01 in the Gregorian calendar.
///
/// It counts in years that begin in March, so that a leap day is the last day of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    year * 365 + leap_days + (month * 306 + 5) / 10 + day - 1 - 719_468
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
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
        ] {
            assert_eq!(parse(text), Some(Timestamp::from_micros(micros)), "{text}");
        }
        for text in [
            "",
            "Z",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-01-01T00:00Z",
            "2030-13-01T00:00:00Z",
            "2030-01-01T24:00:00Z",
            "2030-01-01T00:60:00Z",
            "2030-01-01T00:00:61Z",
            "2030-01-01T00:00:62Z",
            "2030-01-01T00:00:00.Z",
            "2030-01-01T00:00:00+00:00",
            "+030-01-01T00:00:00Z",
            "2030-01-01T00:00:00.é1Z",
            "2030-1-1T0:0:0Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
