//! Patterns of texts: the part of regular expressions that JSON Schema and the crate `regex` read alike.
//!
//! The `OpenAPI` document shows a pattern to clients in other languages. What those could read in another way is refused
//! where it is declared.

use std::{iter::Peekable, str::Chars};

use regex::{Regex, RegexBuilder};

/// The longest pattern, in characters.
const MAX_PATTERN: usize = 200;
/// The bytes of a compiled pattern at most. The time of a match grows with them and with the length of the text, and with
/// nothing else, since the crate does not backtrack.
const MAX_COMPILED: usize = 128 * 1024;
/// Groups within groups.
const MAX_NESTING: u32 = 10;

/// A pattern for the whole of a text, compiled once.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: String,
    compiled: Result<Regex, String>,
}

/// The compiled form follows from the text.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles a pattern; [`fault`](Self::fault) is the reason if it cannot be used.
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            compiled: compile(text),
        }
    }

    /// Returns the reason why the pattern cannot be used.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.compiled.as_ref().err().map(String::as_str)
    }

    /// Returns true if the whole text matches. A pattern that cannot be used matches nothing.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let compiled = self.compiled.as_ref();
        compiled.is_ok_and(|compiled| compiled.is_match(text))
    }

    /// Returns the pattern as it was declared.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the pattern for JSON Schema, where one matches anywhere in a text unless it has anchors.
    pub(crate) fn anchored(&self) -> String {
        format!("^(?:{})$", self.text)
    }
}

fn compile(text: &str) -> Result<Regex, String> {
    if text.is_empty() || text.chars().count() > MAX_PATTERN {
        return Err(format!("a pattern has 1 to {MAX_PATTERN} characters"));
    }
    let translated = translate(text)?;
    let builder = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(MAX_COMPILED)
            .nest_limit(MAX_NESTING)
            .build()
    };
    // alone first: `a)(b` must not become valid by the group around it
    let compiled = builder(&translated).and_then(|_| builder(&format!(r"\A(?:{translated})\z")));
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            "it is too large: repeat less, or name fewer characters than `\\p{..}` does".to_owned()
        }
        error => {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim();
            reason.trim_start_matches("error: ").to_owned()
        }
    })
}

/// Translates a pattern of JSON Schema, or says what is not understood alike everywhere.
///
/// `\d` and `\w` are ASCII there, and Unicode in the crate.
fn translate(text: &str) -> Result<String, String> {
    let mut translated = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => translated.push_str(&escape(rest.next())?),
            '[' => class(&mut rest, &mut translated)?,
            ']' => return Err(r"write `\]` for a bracket that closes nothing".to_owned()),
            '{' if rest.peek() == Some(&',') => return Err("write `{0,` for `{,`".to_owned()),
            '(' if rest.peek() == Some(&'?') => {
                rest.next();
                if rest.next() != Some(':') {
                    return Err(
                        "groups are `(..)` and `(?:..)`, without flags, names or looking ahead"
                            .to_owned(),
                    );
                }
                translated.push_str("(?:");
            }
            _ => translated.push(character),
        }
    }
    Ok(translated)
}

/// Translates what is between brackets.
fn class(rest: &mut Peekable<Chars<'_>>, translated: &mut String) -> Result<(), String> {
    translated.push('[');
    if rest.next_if_eq(&'^').is_some() {
        translated.push('^');
    }
    let unclear = |character: char| Err(format!(r"write `\{character}` between brackets"));
    let mut is_first = true;
    let mut after_hyphen = false;
    while let Some(character) = rest.next() {
        match character {
            ']' if is_first => return unclear(']'),
            ']' => {
                translated.push(']');
                return Ok(());
            }
            '[' => return unclear('['),
            '&' | '-' | '~' if rest.peek() == Some(&character) => return unclear(character),
            '\\' if rest.next_if_eq(&'-').is_some() => translated.push_str(r"\-"),
            '\\' => {
                let escaped = rest.next();
                let is_range =
                    after_hyphen || rest.peek() == Some(&'-') && !closes_after_hyphen(rest);
                if is_range && escaped.is_some_and(char::is_alphabetic) {
                    return unclear('-');
                }
                translated.push_str(&escape(escaped)?);
            }
            _ => translated.push(character),
        }
        after_hyphen = character == '-' && !is_first;
        is_first = false;
    }
    Err("a `[` is unclosed".to_owned())
}

fn closes_after_hyphen(rest: &Peekable<Chars<'_>>) -> bool {
    rest.clone().nth(1) == Some(']')
}

fn escape(escaped: Option<char>) -> Result<String, String> {
    Ok(match escaped {
        Some('d') => "[0-9]".to_owned(),
        Some('D') => "[^0-9]".to_owned(),
        Some('w') => "[A-Za-z0-9_]".to_owned(),
        Some('W') => "[^A-Za-z0-9_]".to_owned(),
        Some(other) if r"sSpP^$\.*+?()[]{}|/".contains(other) => format!(r"\{other}"),
        Some(other) => {
            let other = other.escape_debug();
            return Err(format!(
                r"`\{other}` is not known: use `\d`, `\w`, `\s`, `\p{{..}}` or the character itself"
            ));
        }
        None => return Err(r"it ends with a `\`".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        let pattern = Pattern::new(pattern);
        assert_eq!(pattern.fault(), None, "{}", pattern.text());
        pattern.matches(text)
    }

    #[test]
    fn the_whole_text_must_match() {
        for (pattern, text, expected) in [
            ("[A-Z]{2}", "AB", true),
            ("[A-Z]{2}", "xAB", false),
            ("[A-Z]{2}", "ABC", false),
            ("a|b", "a", true),
            ("a|b", "ab", false),
            ("a|bc", "ac", false),
            ("^a$", "a", true),
            ("a*", "", true),
            (r"\d+", "12", true),
            (r"\d+", "١٢", false),
            (r"\w+", "ä", false),
            (r"\p{L}+", "ä", true),
            (r"[\d\-]+", "1-2", true),
            (r"[\w.]+", "a.b", true),
            (r"[\w-]+", "a-b", true),
            (r"[-\w]+", "a-b", true),
            (r"[^\d]", "5", false),
            (r"[\W]+", "-", true),
            (r"(?:ab)+\.c", "abab.c", true),
            (r"[\[\]]", "[", true),
            ("é{2}", "éé", true),
        ] {
            assert_eq!(is_match(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn y270_a_pattern_that_others_read_in_another_way_is_refused() {
        for (pattern, part) in [
            ("", "1 to 200"),
            (&*"a".repeat(201), "1 to 200"),
            ("a)(b", "unopened"),
            ("(a", "unclosed"),
            ("[a", "unclosed"),
            ("*", "repetition"),
            ("a{3,1}", "repetition"),
            (r"a\", "ends with"),
            ("(?i)a", "without flags"),
            ("(?=a)", "without flags"),
            ("(?P<x>a)", "without flags"),
            ("(?x)a #", "without flags"),
            (r"\Aa", "not known"),
            (r"\bword", "not known"),
            (r"\x41", "not known"),
            (r"(a)\1", "not known"),
            (r"\<a", "not known"),
            ("[[:alpha:]]", "between brackets"),
            ("[]a]", "between brackets"),
            ("[^]", "between brackets"),
            (r"[+-\d]", "between brackets"),
            (r"[\d-z]", "between brackets"),
            ("a]", "closes nothing"),
            ("a{,3}", "{0,"),
            (r"\@", "not known"),
            ("[a-z&&b]", "between brackets"),
            ("[a--b]", "between brackets"),
            (r"\p{L}{200}", "too large"),
            ("(((a{90}){90}){90})", "too large"),
            (&*format!("{}a{}", "(".repeat(20), ")".repeat(20)), "nest"),
        ] {
            let made = Pattern::new(pattern);
            let fault = made.fault().unwrap_or_default();
            assert!(fault.contains(part), "{pattern}: {fault}");
            assert!(
                !made.matches("a"),
                "a pattern that is refused accepts nothing"
            );
        }
    }

    proptest! {
        #[test]
        fn a_literal_matches_itself_only(text in "[a-z0-9]{1,12}", other in "[a-z0-9]{1,12}") {
            prop_assert_eq!(is_match(&text, &other), text == other);
        }

        #[test]
        fn what_is_accepted_is_valid_without_a_translation_too(pattern in r"[ab\[\]\\dwsDWS(?:)|{}0-3,^$.*+&~-]{0,16}", text in "[ab1 .-]{0,8}") {
            let made = Pattern::new(&pattern);
            if made.fault().is_none() {
                // the reading of JSON Schema, with ASCII classes
                let direct = Regex::new(&made.anchored()).unwrap();
                prop_assert_eq!(made.matches(&text), direct.is_match(&text), "{}", pattern);
            }
        }
    }
}
