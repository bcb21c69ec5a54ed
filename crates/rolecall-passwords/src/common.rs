//! The list of common passwords, embedded in the binary.

use std::sync::LazyLock;

use crate::patterns::repeated_part;

/// One password a line, lower case, sorted by bytes. `assets/README.md` names its origin.
const LIST: &str = include_str!("../assets/common-passwords.txt");

static LINES: LazyLock<Vec<&'static str>> = LazyLock::new(|| LIST.lines().collect());

/// Checks whether `folded`, a whole password in lower case, is a common password, once or
/// written several times.
pub(crate) fn is_common(folded: &str) -> bool {
    contains(folded)
        || repeated_part(folded).is_some_and(|part| contains(&part))
        || folded
            .split_at_checked(folded.len() / 2)
            .is_some_and(|(first, second)| first == second && contains(first))
}

/// Checks whether `text` is `part` one or more times in a row; the last one may be incomplete.
pub(crate) fn is_repetition(text: &str, part: &str) -> bool {
    !part.is_empty()
        && text.len() >= part.len()
        && text.bytes().eq(part.bytes().cycle().take(text.len()))
}

fn contains(folded: &str) -> bool {
    LINES.binary_search(&folded).is_ok()
}

/// Returns the whole list.
#[cfg(test)]
pub(crate) fn lines() -> &'static [&'static str] {
    &LINES
}

#[cfg(test)]
mod tests {
    use unicode_normalization::is_nfc;

    use super::*;

    #[test]
    fn the_list_is_sorted_lower_case_and_nfc() {
        assert!(LINES.len() > 15_000);
        assert!(LINES.is_sorted());
        for line in LINES.iter() {
            assert!(line.chars().count() >= 4, "`{line}` is too short");
            assert_eq!(*line, line.to_lowercase(), "`{line}` is not lower case");
            assert!(is_nfc(line), "`{line}` is not NFC");
        }
    }

    #[test]
    fn no_password_of_the_list_is_accepted_once_or_written_twice() {
        for line in LINES.iter() {
            assert!(is_common(line), "`{line}` passed");
            assert!(is_common(&line.repeat(2)), "`{line}` passed twice");
        }
    }

    #[test]
    fn a_longer_password_may_contain_a_common_one() {
        for text in [
            "password of my cat",
            "xpassword",
            "passwordpasswore",
            "",
            "a",
        ] {
            assert!(!is_common(text), "`{text}` was rejected");
        }
    }

    #[test]
    fn a_text_whose_middle_is_inside_a_character_does_not_panic() {
        assert!(!is_common("\u{e9}\u{1f600}\u{e9}\u{1f600}\u{e9}\u{1f600}"));
    }

    #[test]
    fn a_repetition_may_be_incomplete_at_the_end() {
        assert!(is_repetition("rolecallrole", "rolecall"));
        assert!(is_repetition("bobbob", "bob"));
        assert!(!is_repetition("bo", "bob"));
        assert!(!is_repetition("bobbub", "bob"));
        assert!(!is_repetition("anything", ""));
    }
}
