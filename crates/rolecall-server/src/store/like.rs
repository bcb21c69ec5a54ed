//! Patterns of `LIKE`, for statements that name `!` as the escape.

/// Escapes `%`, `_` and the escape itself, so that a search finds them literally.
pub(crate) fn escape_like(text: &str) -> String {
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
}
