//! User names: which ones are accepted, and their canonical form.
//!
//! The profile is PRECIS `UsernameCaseMapped` (RFC 8265 section 3.3): full-width letters
//! become ordinary ones, upper case becomes lower case, NFC, and only letters, digits and
//! printable ASCII are allowed. In addition, names that look like another name are refused:
//! mixed scripts, letters of another script that spell an ASCII word, combining accents.
//!
//! INVARIANT: creating, logging in and searching all go through [`Username::parse`], so that all of them
//! normalize names in the same way.

use std::fmt;

use precis_core::profile::PrecisFastInvocation as _;
use precis_profiles::UsernameCaseMapped;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{MixedScript as _, skeleton};

/// The most code points a user name may have.
pub const MAX_CODE_POINTS: usize = 64;

/// A user name in its canonical form.
///
/// ```
/// use rolecall_server::usernames::Username;
///
/// assert_eq!(Username::parse("Admin")?.as_str(), "admin");
/// assert_eq!(Username::parse("\u{ff21}\u{ff4c}\u{ff49}\u{ff43}\u{ff45}")?.as_str(), "alice");
/// assert!(Username::parse("\u{430}dmin").is_err()); // a Cyrillic letter that looks like `a`
/// # Ok::<(), rolecall_server::usernames::UsernameProblem>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Username(String);

/// An error in a user name. The messages never repeat the name, which can contain control characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UsernameProblem {
    /// The name is empty.
    #[error("the user name is empty")]
    Empty,
    /// The name has more than [`MAX_CODE_POINTS`] code points.
    #[error("the user name is too long: at most {MAX_CODE_POINTS} characters")]
    TooLong,
    /// A character is not allowed in user names (RFC 8264 section 4.2).
    #[error(
        "the user name cannot contain the character U+{code_point:04X}; use letters, digits and signs, without spaces"
    )]
    Forbidden {
        /// The first such character.
        code_point: u32,
    },
    /// The characters are allowed alone but not in this combination.
    #[error("the user name combines characters that are not allowed together")]
    Malformed,
    /// Letters of several scripts, or letters that look like others.
    #[error(
        "the user name looks like another one: use the letters of one alphabet only, without look-alikes"
    )]
    Lookalike,
}

impl UsernameProblem {
    /// Returns the error code for programs, such as `username_too_long`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "username_empty",
            Self::TooLong => "username_too_long",
            Self::Forbidden { .. } => "username_forbidden_character",
            Self::Malformed => "username_malformed",
            Self::Lookalike => "username_lookalike",
        }
    }
}

impl Username {
    /// Checks a name as typed and returns it in canonical form. White space around it is not part of the name: the
    /// keyboards of telephones add a space, and copying a line adds its end.
    ///
    /// # Errors
    ///
    /// The first [`UsernameProblem`] found.
    pub fn parse(typed: &str) -> Result<Self, UsernameProblem> {
        // the length is bounded first; a code point has 4 bytes at most
        if typed.len() > 4 * MAX_CODE_POINTS || typed.chars().count() > MAX_CODE_POINTS {
            return Err(UsernameProblem::TooLong);
        }
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(UsernameProblem::Empty);
        }
        let canonical = enforce(typed)?;
        // RFC 8264 section 7: enforcing again must change nothing
        if enforce(&canonical)? != canonical {
            return Err(UsernameProblem::Malformed);
        }
        if canonical.chars().count() > MAX_CODE_POINTS {
            return Err(UsernameProblem::TooLong);
        }
        if canonical.chars().next().is_some_and(is_combining_mark) {
            return Err(UsernameProblem::Malformed);
        }
        if !canonical.is_ascii() && is_lookalike(&canonical) {
            return Err(UsernameProblem::Lookalike);
        }
        Ok(Self(canonical))
    }

    /// Returns the canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a key that is equal for names that differ only in case folding (`ß` and `ss`, `ς` and `σ`). A unique
    /// column of keys prevents two such accounts. For ASCII names it is the canonical form.
    #[must_use]
    pub fn fold_key(&self) -> String {
        folded(&self.0)
    }

    /// Returns the canonical form.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Username {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Username {
    type Err = UsernameProblem;

    fn from_str(typed: &str) -> Result<Self, UsernameProblem> {
        Self::parse(typed)
    }
}

/// Returns the [`Username::fold_key`] of a canonical name.
pub(crate) fn folded(canonical: &str) -> String {
    canonical
        .chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .map(|letter| {
            if letter == '\u{3c2}' {
                '\u{3c3}'
            } else {
                letter
            }
        })
        .collect()
}

fn enforce(text: &str) -> Result<String, UsernameProblem> {
    match UsernameCaseMapped::enforce(text) {
        Ok(canonical) => Ok(canonical.into_owned()),
        Err(precis_core::Error::BadCodepoint(info)) => Err(UsernameProblem::Forbidden {
            code_point: info.cp,
        }),
        Err(_) => Err(UsernameProblem::Malformed),
    }
}

/// Whether a name has letters of several scripts or letters of another script that spell an ASCII word (Unicode
/// Technical Standard 39), or a second dot above a letter.
fn is_lookalike(canonical: &str) -> bool {
    !canonical.is_single_script()
        || skeleton(canonical).all(|letter| letter.is_ascii())
        || canonical.contains("i\u{307}")
        || canonical.contains("j\u{307}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(typed: &str) -> Result<String, &'static str> {
        Username::parse(typed)
            .map(Username::into_string)
            .map_err(|problem| problem.code())
    }

    #[test]
    fn equivalent_names_have_one_canonical_form() {
        for (form, typed) in [
            (
                "admin",
                &[
                    "admin",
                    "Admin",
                    "ADMIN",
                    "\u{ff41}\u{ff44}\u{ff4d}\u{ff49}\u{ff4e}",
                ][..],
            ),
            (
                "m\u{fc}ller",
                &["m\u{fc}ller", "M\u{dc}LLER", "mu\u{308}ller"],
            ),
            ("stra\u{df}e", &["stra\u{df}e", "STRA\u{1e9e}E"]),
            (
                "\u{3b3}\u{3b9}\u{3ce}\u{3c1}\u{3b3}\u{3bf}\u{3c2}",
                &["\u{393}\u{3b9}\u{3ce}\u{3c1}\u{3b3}\u{3bf}\u{3c2}"],
            ),
            (
                "\u{438}\u{432}\u{430}\u{43d}",
                &["\u{418}\u{432}\u{430}\u{43d}"],
            ),
            ("\u{7530}\u{4e2d}", &["\u{7530}\u{4e2d}"]),
            ("alice@example.com", &["Alice@Example.com"]),
            ("o'brien_2-x.y", &["O'Brien_2-X.y"]),
            ("\u{62d}\u{633}\u{646}", &["\u{62d}\u{633}\u{646}"]),
        ] {
            for name in typed {
                assert_eq!(
                    canonical(name).as_deref(),
                    Ok(form),
                    "{}",
                    name.escape_unicode()
                );
            }
        }
    }

    #[test]
    fn names_with_forbidden_characters_are_refused() {
        for (typed, code) in [
            ("", "username_empty"),
            (" ", "username_empty"),
            ("   ", "username_empty"),
            ("al ice", "username_forbidden_character"),
            ("al\u{a0}ice", "username_forbidden_character"),
            ("al\u{3000}ice", "username_forbidden_character"),
            ("alice\0", "username_forbidden_character"),
            ("alice\r\nadmin", "username_forbidden_character"),
            ("alice\u{1b}[31m", "username_forbidden_character"),
            ("alice\u{7f}", "username_forbidden_character"),
            ("al\u{85}ice", "username_forbidden_character"),
            ("alice\u{2028}bob", "username_forbidden_character"),
            ("alice\u{2029}bob", "username_forbidden_character"),
            ("alice\u{ad}", "username_forbidden_character"),
            ("alice\u{200b}", "username_forbidden_character"),
            ("alice\u{feff}", "username_forbidden_character"),
            ("alice\u{202e}", "username_forbidden_character"),
            ("alice\u{2066}", "username_forbidden_character"),
            ("\u{fb01}sh", "username_forbidden_character"),
            ("\u{2460}", "username_forbidden_character"),
            ("\u{1f600}", "username_forbidden_character"),
            ("\u{e000}", "username_forbidden_character"),
            ("\u{ffff}", "username_forbidden_character"),
            ("\u{301}alice", "username_malformed"),
        ] {
            assert_eq!(canonical(typed), Err(code), "{}", typed.escape_unicode());
        }
    }

    #[test]
    fn y061_white_space_around_a_name_is_not_part_of_it() {
        for space in [" ", "  ", "\t", "\r\n", "\u{a0}", "\u{3000}", "\u{2003}"] {
            for typed in [
                format!("Alice{space}"),
                format!("{space}Alice"),
                format!("{space}Alice{space}"),
            ] {
                assert_eq!(canonical(&typed).as_deref(), Ok("alice"), "{typed:?}");
            }
        }
        // characters that cannot be seen are no white space
        assert!(canonical("alice\u{200b}").is_err() && canonical("\u{feff}alice").is_err());
    }

    #[test]
    fn a_zero_width_joiner_is_refused_between_latin_letters() {
        for joiner in ["\u{200d}", "\u{200c}"] {
            assert!(canonical(&format!("ad{joiner}min")).is_err());
        }
    }

    #[test]
    fn names_that_look_like_another_name_are_refused() {
        for typed in [
            "\u{430}dmin",                  // Cyrillic a
            "adm\u{456}n",                  // Cyrillic i
            "\u{3bf}scar",                  // Greek o
            "\u{441}\u{43e}\u{441}\u{43e}", // all Cyrillic, reads `coco`
            "adm\u{131}n",                  // dotless i
            "\u{130}vy",                    // dotted capital I
            "\u{561}dmin",                  // Armenian
            "p\u{430}ypal",
            "\u{251}dmin", // Latin alpha
        ] {
            assert_eq!(
                canonical(typed),
                Err("username_lookalike"),
                "{}",
                typed.escape_unicode()
            );
        }
    }

    #[test]
    fn the_length_limit_counts_code_points() {
        assert!(canonical(&"a".repeat(64)).is_ok());
        assert_eq!(canonical(&"a".repeat(65)), Err("username_too_long"));
        assert!(canonical(&"\u{20000}".repeat(64)).is_ok());
        assert_eq!(canonical(&"a".repeat(256)), Err("username_too_long"));
        assert_eq!(canonical(&"a".repeat(1_000_000)), Err("username_too_long"));
    }

    #[test]
    fn names_that_differ_only_in_case_folding_have_the_same_key() {
        let key = |typed: &str| Username::parse(typed).unwrap().fold_key();
        assert_eq!(key("stra\u{df}e"), key("strasse"));
        assert_eq!(
            key("\u{3bd}\u{3af}\u{3ba}\u{3bf}\u{3c2}"),
            key("\u{39d}\u{38a}\u{39a}\u{39f}\u{3a3}")
        );
        assert_eq!(key("Alice-7@x.y"), "alice-7@x.y");
        assert_ne!(key("alice"), key("alicf"));
    }

    #[test]
    fn messages_never_repeat_the_name() {
        let problem = Username::parse("x\u{1b}[31mcanary").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "the user name cannot contain the character U+001B; use letters, digits and signs, without spaces"
        );
    }

    proptest::proptest! {
        #[test]
        fn the_canonical_form_is_stable_and_nothing_panics(typed in "\\PC{0,70}|[a-zA-Z0-9._@-]{1,64}|.{0,20}") {
            if let Ok(name) = Username::parse(&typed) {
                proptest::prop_assert_eq!(Username::parse(name.as_str()), Ok(name.clone()));
                proptest::prop_assert!(name.as_str().chars().count() <= MAX_CODE_POINTS);
                proptest::prop_assert!(!name.as_str().contains(|c: char| c.is_control() || c.is_whitespace()));
                proptest::prop_assert!(!name.fold_key().is_empty());
            }
        }

        #[test]
        fn ascii_names_are_case_insensitive(typed in "[!-~]{1,64}") {
            let lower = Username::parse(&typed).unwrap();
            proptest::prop_assert_eq!(lower.as_str(), typed.to_lowercase());
            proptest::prop_assert_eq!(Username::parse(&typed.to_uppercase()), Ok(lower));
        }
    }
}
