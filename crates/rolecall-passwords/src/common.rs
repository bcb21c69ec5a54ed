//! The list of common passwords, embedded in the binary.

use std::sync::LazyLock;

use crate::{
    breached::{List, fingerprint},
    patterns::repeated_part,
};

/// The passwords of `assets/common-passwords.txt`, in the format of lists of breached passwords, which is a third as
/// long. One of twenty million other passwords is taken for one of them.
static LIST: LazyLock<Option<List<&'static [u8]>>> = LazyLock::new(|| {
    let bytes: &'static [u8] = include_bytes!("../assets/common-passwords.bin");
    List::open(bytes).ok()
});

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
    // a test rules out that the list cannot be read
    let list = LIST.as_ref();
    list.is_none_or(|list| list.contains(fingerprint(folded)).unwrap_or(true))
}

/// Returns the whole list: one password a line, lower case, sorted by bytes. `assets/README.md` names its origin.
#[cfg(test)]
pub(crate) fn lines() -> Vec<&'static str> {
    include_str!("../assets/common-passwords.txt")
        .lines()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use unicode_normalization::is_nfc;

    use super::*;
    use crate::{ListBuilder, ListFormat, ReadOptions, read_list};

    /// Writes the list into the format of the binary with `ROLECALL_BLESS=1`.
    #[test]
    fn the_list_of_the_binary_is_that_of_the_text() {
        let text = include_str!("../assets/common-passwords.txt");
        let options = ReadOptions {
            format: Some(ListFormat::Plain),
            ..ReadOptions::default()
        };
        let scratch = || Ok(Cursor::new(Vec::new()));
        let builder = ListBuilder::new(scratch().unwrap(), scratch).unwrap();
        let (built, summary) = read_list(text.as_bytes(), options, builder, |_| ()).unwrap();
        assert_eq!(summary.passwords, lines().len() as u64);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/common-passwords.bin");
        if std::env::var_os("ROLECALL_BLESS").is_some() {
            std::fs::write(path, built.get_ref()).unwrap();
        }
        assert!(std::fs::read(path).unwrap() == *built.get_ref());
        assert!(LIST.as_ref().unwrap().verify().is_ok());
    }

    #[test]
    fn the_list_is_sorted_lower_case_and_nfc() {
        assert!(lines().len() > 100_000);
        assert!(lines().is_sorted());
        for line in lines() {
            assert!(line.chars().count() >= 4, "`{line}` is too short");
            assert_eq!(line, line.to_lowercase(), "`{line}` is not lower case");
            assert!(is_nfc(line), "`{line}` is not NFC");
        }
    }

    #[test]
    fn no_password_of_the_list_is_accepted_once_or_written_twice() {
        for line in lines() {
            assert!(is_common(line), "`{line}` passed");
        }
        for line in lines().into_iter().step_by(11) {
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
