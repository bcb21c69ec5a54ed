//! Digits that are numbers in a row, or dates.

use std::fmt::Write as _;

/// The most digits of the number that a row begins with.
const LONGEST_NUMBER: usize = 4;
/// The fewest numbers in a row.
const FEWEST_NUMBERS: usize = 4;
/// The characters that separate the parts of dates and times.
const SEPARATORS: [char; 8] = ['-', '.', '/', ':', ' ', '_', ',', 't'];

/// Checks for numbers with the same distance, such as `10111213141516` or `2018201920202021`; the last one may be cut off.
pub(super) fn is_counting(text: &[char]) -> bool {
    if !text.iter().all(char::is_ascii_digit) {
        return false;
    }
    let digits: String = text.iter().collect();
    (1..=LONGEST_NUMBER).any(|length| {
        counts_from(&digits, length, length) || counts_from(&digits, length, length + 1)
    })
}

fn counts_from(digits: &str, first: usize, second: usize) -> bool {
    let number = |from, to| {
        digits
            .get(from..to)
            .and_then(|part| part.parse::<i64>().ok())
    };
    let (Some(one), Some(other)) = (number(0, first), number(first, first + second)) else {
        return false;
    };
    let step = other - one;
    let (mut counted, mut next, mut count) = (String::new(), one, 0);
    while counted.len() < digits.len() && next >= 0 {
        // numbers of one length may begin with zeros
        // nothing that is written to a string fails
        let _ = write!(counted, "{next:0first$}");
        next += step;
        count += 1;
    }
    count >= FEWEST_NUMBERS && counted.starts_with(digits)
}

/// Checks for nothing but dates, which times may follow if something separates them.
pub(super) fn is_dates(text: &[char]) -> bool {
    let is_separator = |c: &char| SEPARATORS.contains(c);
    if !text.iter().all(|c| c.is_ascii_digit() || is_separator(c)) {
        return false;
    }
    let digits: Vec<u32> = text.iter().filter_map(|c| c.to_digit(10)).collect();
    let is_separated = digits.len() < text.len();
    digits.len() >= 6 && consists_of_dates(&digits, is_separated, false)
}

fn consists_of_dates(digits: &[u32], is_separated: bool, has_date: bool) -> bool {
    let after = |length: usize, is_part: fn(&[u32]) -> bool, is_date: bool| {
        let split = digits.split_at_checked(length);
        split.is_some_and(|(part, rest)| {
            is_part(part) && consists_of_dates(rest, is_separated, has_date || is_date)
        })
    };
    (digits.is_empty() && has_date)
        || after(8, is_date, true)
        // without separators, every tenth random number of six digits would be one
        || is_separated && (after(6, is_short_date, true) || has_date && (after(4, is_time, false) || after(6, is_time, false)))
}

fn number(digits: &[u32]) -> u32 {
    digits.iter().fold(0, |number, digit| 10 * number + digit)
}

fn is_day_and_month(digits: &[u32]) -> bool {
    digits.split_at_checked(2).is_some_and(|(one, other)| {
        let (one, other) = (number(one), number(other));
        let fits = |day: u32, month: u32| (1..=31).contains(&day) && (1..=12).contains(&month);
        fits(one, other) || fits(other, one)
    })
}

/// Checks for a day, month and year in any of the usual orders.
fn is_date(digits: &[u32]) -> bool {
    let is_year = |digits: &[u32]| (1900..2100).contains(&number(digits));
    digits.split_at_checked(4).is_some_and(|(one, other)| {
        is_year(one) && is_day_and_month(other) || is_day_and_month(one) && is_year(other)
    })
}

fn is_short_date(digits: &[u32]) -> bool {
    let (first, last) = (digits.get(..4), digits.get(2..));
    first.is_some_and(is_day_and_month) || last.is_some_and(is_day_and_month)
}

/// Checks for hours and minutes, or hours, minutes and seconds.
fn is_time(digits: &[u32]) -> bool {
    let parts: Vec<u32> = digits.chunks(2).map(number).collect();
    match parts.split_first() {
        Some((hours, rest)) => *hours < 24 && rest.iter().all(|part| *part < 60),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn numbers_in_a_row_by_table() {
        for text in [
            "1234567891011121314",
            "10111213141516171",
            "2018201920202021",
            "010203040506070809",
            "246810121416182",
            "20191817161514131",
            "100200300400500",
            "198919881987198",
        ] {
            assert!(is_counting(&chars(text)), "{text}");
        }
        for text in [
            "314159265358979",
            "839201756473829",
            "12345678910111x",
            "201820192020999",
            "",
            "1",
            "12",
        ] {
            assert!(!is_counting(&chars(text)), "{text}");
        }
    }

    #[test]
    fn dates_by_table() {
        for text in [
            "0101199002021991",
            "1990010119910202",
            "12311999 01012000",
            "31.12.1999-01.01.2000",
            "2024-01-01 12:00",
            "2024-01-01t12:00:59",
            "24.12.99 31.12.99",
            "1999/12/31",
        ] {
            assert!(is_dates(&chars(text)), "{text}");
        }
        for text in [
            "0101199032132199",
            "1999-12-31 and 2024-01-01",
            "12:00:59 12:00:59",
            "311299010100241299",
            "839201756473829",
            "2024-13-32 12:00",
            "...............",
            "",
        ] {
            assert!(!is_dates(&chars(text)), "{text}");
        }
    }
}
