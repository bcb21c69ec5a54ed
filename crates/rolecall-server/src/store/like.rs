//! Patterns of `LIKE`, for statements that name `!` as the escape.

/// The most of a text that is searched for, in bytes: more than any name, address or description has. SQLite refuses
/// patterns of 50,000 bytes as if the database were at fault.
const MAX_TEXT: usize = 4096;

/// Escapes `%`, `_` and the escape itself, so that a search finds them literally. Nothing that is searched has a text as
/// long as what is cut off here.
pub(crate) fn escape_like(text: &str) -> String {
    let text = text.split_at(text.floor_char_boundary(MAX_TEXT)).0;
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '!') {
            escaped.push('!');
        }
        escaped.push(letter);
    }
    escaped
}

/// Returns the pattern that finds `text` anywhere; empty if nothing is searched for.
pub(crate) fn anywhere(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("%{}%", escape_like(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_text_stands_for_itself() {
        assert_eq!(escape_like("50%_a!B"), "50!%!_a!!B");
        assert_eq!(anywhere("a_b"), "%a!_b%");
        assert_eq!(anywhere(""), "");
    }

    #[test]
    fn a_pattern_is_never_too_long_for_the_database() {
        for letter in ["!", "x", "\u{e4}", "\u{1f600}"] {
            let pattern = anywhere(&letter.repeat(1_000_000));
            assert!(pattern.len() > 4000 && pattern.len() < 10_000, "{letter}");
        }
    }
}
