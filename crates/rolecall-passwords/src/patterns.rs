//! Passwords that are long and yet a pattern: sequences, runs on the keyboard, repetitions.
//!
//! Attackers try them after the common passwords, and no list holds them all. A long minimum length invites them.

use crate::limits::LOWEST_MIN_LENGTH;

/// Shorter passwords are compared with the list of common ones only, which holds the patterns that people choose.
const SHORTEST: usize = 15;
/// Attackers do not try patterns of this length first, and a text is repeated so often only on purpose.
const TOO_LONG: usize = 64;
/// A password that falls into runs of so many characters on average is a pattern.
const RUN: usize = 4;

/// The lines of keyboards: rows and columns, of the layouts in the United States, Germany and France.
const LINES: [&str; 27] = [
    "`1234567890-=",
    "~!@#$%^&*()_+",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiop\u{fc}+",
    "asdfghjkl\u{f6}\u{e4}#",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn,;:!",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik,",
    "9ol.",
    "0p;/",
    "1qay",
    "6zhn",
    "1aqw",
    "2zsx",
    "0okm",
    "9ijn",
];

/// A set of steps from one character to the next, one bit for each.
type Steps = u64;

const SAME: Steps = 1;
const UP: Steps = 1 << 1;
const DOWN: Steps = 1 << 2;
const FIRST_LINE: usize = 3;

/// Checks whether `folded`, a whole password in lower case, is a pattern.
pub(crate) fn is_pattern(folded: &str) -> bool {
    let text: Vec<char> = folded.chars().collect();
    if !(SHORTEST..TOO_LONG).contains(&text.len()) {
        return false;
    }
    let every_second = |skip: usize| {
        let chars = text.iter().copied().skip(skip).step_by(2);
        chars.collect::<Vec<char>>()
    };
    // what is repeated would be too short for a password by itself
    period(&text).is_some_and(|period| period < LOWEST_MIN_LENGTH)
        || count_runs(&text) * RUN <= text.len()
        // two runs in turns: `1q2w3e4r`
        || (count_runs(&every_second(0)) + count_runs(&every_second(1))) * RUN <= text.len()
}

/// Returns the shortest text that `folded` repeats at least twice; the last one may be incomplete.
pub(crate) fn repeated_part(folded: &str) -> Option<String> {
    let text: Vec<char> = folded.chars().collect();
    let period = period(&text)?;
    Some(text.iter().take(period).collect())
}

/// Returns the length of the shortest part that `text` repeats at least twice.
fn period(text: &[char]) -> Option<usize> {
    (1..=text.len() / 2).find(|period| {
        text.iter()
            .skip(*period)
            .eq(text.iter().take(text.len() - period))
    })
}

/// Returns the number of runs in which each step from one character to the next is the same.
fn count_runs(text: &[char]) -> usize {
    let (mut runs, mut possible) = (usize::from(!text.is_empty()), Steps::MAX);
    for pair in text.windows(2) {
        let [from, to] = pair else { continue };
        possible &= steps(*from, *to);
        if possible == 0 {
            runs += 1;
            possible = Steps::MAX;
        }
    }
    runs
}

/// Returns the steps that lead from one character to the other.
fn steps(from: char, to: char) -> Steps {
    let mut steps = 0;
    if from == to {
        steps |= SAME;
    }
    if is_next(from, to) {
        steps |= UP;
    }
    if is_next(to, from) {
        steps |= DOWN;
    }
    for (number, line) in LINES.iter().enumerate() {
        let forward = FIRST_LINE + 2 * number;
        for (one, other) in line.chars().zip(line.chars().skip(1)) {
            if (from, to) == (one, other) {
                steps |= 1 << forward;
            }
            if (to, from) == (one, other) {
                steps |= 1 << (forward + 1);
            }
        }
    }
    steps
}

/// Checks for the next letter or digit; after `9` and `z` they begin again.
fn is_next(from: char, to: char) -> bool {
    let wraps = matches!((from, to), ('9', '0') | ('z', 'a'));
    wraps || (from.is_alphanumeric() && u32::from(from) + 1 == u32::from(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn y057_sequences_keyboard_runs_and_repetitions_are_patterns() {
        for text in [
            "123456789012345",
            "012345678901234567890123456789",
            "987654321098765",
            "543210987654321",
            "abcdefghijklmno",
            "zyxwvutsrqponml",
            "abcdefghijklmnopqrstuvwxyzabc",
            "qwertyuiopasdfgh",
            "qwertyuiopasdfghjklzxcvbnm",
            "poiuytrewqlkjhgf",
            "qwertzuiopasdfgh",
            "azertyuiopqsdfgh",
            "asdfghjklqwertyuiop",
            "zxcvbnmasdfghjkl",
            "1qaz2wsx3edc4rfv",
            "zaq1xsw2cde3vfr4",
            "1q2w3e4r5t6y7u8i",
            "a1b2c3d4e5f6g7h8",
            "aabbccddeeffgghh",
            "qwerty123456789",
            "abcdefgh12345678",
            "!@#$%^&*()_+!@#",
            "aaaaaaaaaaaaaaa",
            "               ",
            "xyxyxyxyxyxyxyxy",
            "abcabcabcabcabcab",
            "hello1hello1hello1",
            "111111112222222233333333",
            "\u{3b1}\u{3b2}\u{3b3}\u{3b4}\u{3b5}\u{3b6}\u{3b7}\u{3b8}\u{3b9}\u{3ba}\u{3bb}\u{3bc}\u{3bd}\u{3be}\u{3bf}",
        ] {
            assert!(is_pattern(text), "`{text}` is no pattern");
        }
    }

    #[test]
    fn y057_other_passwords_are_no_patterns() {
        for text in [
            "",
            "12345678",
            "qwvzkxjmbpltgrh",
            "839201756473829",
            "correcthorsebat",
            "purple tram lantern",
            "correct horse battery staple",
            "quarterlanternquarterlantern",
            "the 1234567890 of mice and men",
            "31415926535897932384",
            "passwordpassword",
            "1999-12-31 and 2024-01-01",
            "eine kleine Nachtmusik",
        ] {
            assert!(!is_pattern(text), "`{text}` is a pattern");
        }
        assert!(!is_pattern(&"xy".repeat(32)), "64 characters");
    }

    #[test]
    fn a_repeated_part_is_found_with_an_incomplete_end() {
        for (text, part) in [
            ("passwordpassword", Some("password")),
            ("passwordpasswordpass", Some("password")),
            ("passwordpass", None),
            ("aaaa", Some("a")),
            ("", None),
            ("a", None),
        ] {
            assert_eq!(repeated_part(text).as_deref(), part, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn y057_every_text_of_up_to_seven_characters_repeated_to_fifteen_is_a_pattern(
            part in "\\PC{1,7}", length in 15_usize..63
        ) {
            let text: String = part.chars().cycle().take(length).collect();
            proptest::prop_assert!(is_pattern(&text));
        }

        #[test]
        fn y057_no_random_text_is_a_pattern(text in "[a-z0-9]{15,63}") {
            // a text that happens to be one is rarer than one in a billion
            proptest::prop_assert!(!is_pattern(&text));
        }
    }
}
