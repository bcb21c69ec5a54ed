//! Passwords that are long and yet a pattern: sequences, walks on the keyboard, dates, repetitions.
//!
//! Attackers try them after the common passwords, and no list holds them all. A long minimum length invites them.
//!
//! A pattern is found by its steps from one character to the next: in the alphabet, or from key to key. Where the steps
//! repeat, few of them have to be chosen. `qwertyuiop` repeats one step, `qazwsxedc` three: down, down, and up to the
//! next column. A password of which all but every fourth step follows from those before is a pattern.

mod keyboard;
mod number_pad;
mod numbers;

use self::keyboard::Step;
use crate::limits::LOWEST_MIN_LENGTH;

/// Shorter passwords are compared with the list of common ones only, which holds the patterns that people choose.
const SHORTEST: usize = 15;
/// Attackers do not try patterns of this length first, and a text is repeated so often only on purpose.
const TOO_LONG: usize = 64;
/// A pattern has so many characters, or one less in all, for each step that had to be chosen.
const CHARACTERS_PER_CHOICE: usize = 4;
/// The most steps that are repeated as a whole.
const LONGEST_PERIOD: usize = 4;
/// The ways to see steps: in the alphabet, and on each keyboard.
const VIEWS: usize = 1 + keyboard::COUNT;

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
    let is_cheap = |choices: usize| choices * CHARACTERS_PER_CHOICE <= text.len() + 1;
    // what is repeated would be too short for a password by itself
    period(&text).is_some_and(|period| period < LOWEST_MIN_LENGTH)
        || is_cheap(count_choices(&text))
        // two patterns in turns: `1q2w3e4r`
        || is_cheap(count_choices(&every_second(0)) + count_choices(&every_second(1)))
        || numbers::is_counting(&text)
        || numbers::is_dates(&text)
        || number_pad::is_walk(&text)
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

/// Returns the fewest choices that lead to `text`: one for each step of a part that repeats its steps.
fn count_choices(text: &[char]) -> usize {
    let steps: Vec<[Option<Step>; VIEWS]> = text
        .windows(2)
        .map(|pair| match pair {
            [from, to] => views(*from, *to),
            _ => [None; VIEWS],
        })
        .collect();
    // the fewest choices for the characters from a place on, for the places from the end on
    let mut fewest = vec![0_usize; text.len() + 1];
    for start in (0..text.len()).rev() {
        let after = |length: usize| fewest.get(start + length).copied().unwrap_or_default();
        let rest = steps.get(start..).unwrap_or_default();
        let parts = (0..VIEWS).flat_map(|view| {
            (1..=LONGEST_PERIOD).map(move |period| (period, part_length(rest, view, period)))
        });
        let best = parts
            .map(|(period, length)| period + after(length))
            .min()
            .unwrap_or_default()
            .min(1 + after(1));
        if let Some(place) = fewest.get_mut(start) {
            *place = best;
        }
    }
    fewest.first().copied().unwrap_or_default()
}

/// Returns the number of characters until the steps, seen in one way, no longer repeat after `period`.
fn part_length(steps: &[[Option<Step>; VIEWS]], view: usize, period: usize) -> usize {
    let step = |place: usize| {
        steps
            .get(place)
            .and_then(|views| views.get(view).copied().flatten())
    };
    let repeats = |place: &usize| match step(*place) {
        // a part of equal steps is one of neighbors: those of random characters are often equal twice
        Some(next) if period == 1 => {
            is_near(next) && (*place == 0 || step(place - 1) == Some(next))
        }
        Some(next) => *place < period || step(place - period) == Some(next),
        None => false,
    };
    1 + (0..steps.len()).take_while(repeats).count()
}

fn is_near((rows, columns): Step) -> bool {
    rows.abs() <= 1 && columns.abs() <= 1
}

/// Returns the step between two characters, seen in each way.
fn views(from: char, to: char) -> [Option<Step>; VIEWS] {
    let [american, german, french, block] = keyboard::steps(from, to);
    [alphabetical(from, to), american, german, french, block]
}

/// Returns the distance of letters, of digits, or of the same character; after `9` and `z` they begin again.
fn alphabetical(from: char, to: char) -> Option<Step> {
    let distance = match (from, to) {
        (from, to) if from == to => 0,
        ('9', '0') | ('z', 'a') => 1,
        ('0', '9') | ('a', 'z') => -1,
        (from, to) if from.is_alphanumeric() && to.is_alphanumeric() => {
            i64::from(u32::from(to)) - i64::from(u32::from(from))
        }
        _ => return None,
    };
    Some((0, i8::try_from(distance).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of several languages, among them those with letters that follow each other.
    const WORDS: [&str; 48] = [
        "lantern",
        "tram",
        "purple",
        "definite",
        "first",
        "student",
        "hijack",
        "nope",
        "stuff",
        "fedora",
        "property",
        "typewriter",
        "power",
        "assess",
        "tree",
        "were",
        "read",
        "banana",
        "cocoa",
        "mississippi",
        "deed",
        "noon",
        "abc",
        "xyz",
        "gras",
        "fluss",
        "wolke",
        "treppe",
        "zwölf",
        "über",
        "schnee",
        "kartoffel",
        "pomme",
        "fleur",
        "oiseau",
        "château",
        "reservoir",
        "opera",
        "pasta",
        "zebra",
        "quartz",
        "jazz",
        "fizz",
        "lollipop",
        "kayak",
        "rhythm",
        "queue",
        "sea",
    ];

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
            "qazwsxedcrfvtgb",
            "1qaz@wsx3edc$rfv",
            "123qweasdzxc123",
            "1234qwerasdfzxcv",
            "0okm9ijn8uhb7ygv",
            "mlkjhgfdsqazerty",
            "1 2 3 4 5 6 7 8 9",
            "20182019202020212022",
            "01.01.1990 02.02.1991",
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
            "abcdefg lantern",
            "qwerty and some lantern",
            "banana ananas banane",
            "hijklmnop what follows",
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
        fn y362_walks_on_a_keyboard_are_patterns(
            rows in proptest::sample::subsequence(vec!["qwertyuiop", "asdfghjkl", "zxcvbnm", "azertyuiop", "yxcvbnm", "0987654321"], 2..4),
            backwards in proptest::collection::vec(proptest::bool::ANY, 4),
        ) {
            let rows = rows.into_iter().zip(backwards).map(|(row, backwards)| {
                if backwards { row.chars().rev().collect() } else { row.to_owned() }
            });
            let text: String = rows.collect();
            proptest::prop_assert!(is_pattern(&text) || text.len() < SHORTEST, "{}", text);
        }

        #[test]
        fn y362_walks_on_a_block_of_digits_are_patterns(
            lines in proptest::collection::vec(proptest::sample::select(vec![
                "123", "456", "789", "147", "258", "369", "159", "357", "321", "654", "987", "741", "852", "963", "951", "753",
            ]), 5..20),
            separator in proptest::sample::select(vec!["", "-", " "]),
            is_cut_off in proptest::bool::ANY,
        ) {
            let mut text = lines.join(separator);
            if is_cut_off {
                text.pop();
            }
            proptest::prop_assert!(is_pattern(&text) || !(SHORTEST..TOO_LONG).contains(&text.len()), "{}", text);
        }

        #[test]
        fn y362_digits_in_a_row_are_patterns_from_any_digit_on(
            start in 0_u32..10, length in 15_usize..40, up in proptest::bool::ANY
        ) {
            let step = if up { 1 } else { 9 };
            let digits = (0_u32..).map(|place| char::from_digit((start + place * step) % 10, 10).unwrap());
            let text: String = digits.take(length).collect();
            proptest::prop_assert!(is_pattern(&text), "{}", text);
        }

        #[test]
        fn y362_phrases_of_words_are_no_patterns(
            words in proptest::collection::vec(proptest::sample::select(WORDS.to_vec()), 3..7),
            separator in proptest::sample::select(vec!["", " ", "-", "_", ".", "1"]),
            number in proptest::option::of(0_u32..3000),
        ) {
            let mut text = words.join(separator);
            text.extend(number.map(|number| number.to_string()));
            let repeats = period(&text.chars().collect::<Vec<char>>()).is_some();
            proptest::prop_assert!(repeats || !is_pattern(&text), "{}", text);
        }

        #[test]
        fn y057_no_random_text_is_a_pattern(text in "[a-z0-9]{15,63}") {
            // a text that happens to be one is rarer than one in a billion
            proptest::prop_assert!(!is_pattern(&text));
        }
    }
}
