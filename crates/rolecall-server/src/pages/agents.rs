//! The program and the system of a client, in the language of a page.

use super::languages::{Argument, Language, Languages};

/// Returns what [`Agent::describe`](crate::http::Agent::describe) has said in a language.
pub(super) fn words(languages: &Languages, language: Language, described: &str) -> String {
    // the names of products are the same in every language
    let text = described.split_once(" on ").and_then(|(program, system)| {
        let text = |name: &str| Argument::Text(name.to_owned());
        let values = [("program", text(program)), ("system", text(system))];
        languages.words(language, "agent", values)
    });
    text.unwrap_or_else(|| described.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_in_each_language_by_table() {
        let languages = Languages::new(Vec::new());
        for (accepted, described, expected) in [
            ("en", "Firefox on Linux", "Firefox on Linux"),
            ("de", "Firefox on Linux", "Firefox unter Linux"),
            (
                "de",
                "Samsung Internet on Android",
                "Samsung Internet unter Android",
            ),
            ("de", "curl", "curl"),
            ("en", "", ""),
        ] {
            let language = languages.choose(None, None, accepted);
            assert_eq!(words(&languages, language, described), expected);
        }
    }
}
