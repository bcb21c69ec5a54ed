//! A password as it was typed.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::limits::{MAX_BYTES, MAX_CODE_POINTS};
use crate::problem::PasswordProblem;

/// Longer texts are rejected before they are normalized, so that their length costs nothing.
/// No realistic text of this length shrinks to [`MAX_BYTES`].
const MAX_RAW_BYTES: usize = 4 * MAX_BYTES;

/// The whole text of a password in Unicode NFC, wiped from memory when dropped.
///
/// NFC makes the same password equal when it is typed on different systems (NIST SP 800-63B-4
/// section 3.1.1.2). Nothing is trimmed, folded or truncated.
///
/// ```
/// use rolecall_passwords::Password;
///
/// let typed = Password::new("caf\u{65}\u{301} at noon".to_owned())?;
/// assert_eq!(typed, Password::new("caf\u{e9} at noon".to_owned())?);
/// assert_eq!(format!("{typed:?}"), "Password(..)");
/// # Ok::<(), rolecall_passwords::PasswordProblem>(())
/// ```
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Normalizes the text as it was typed.
    ///
    /// # Errors
    ///
    /// [`PasswordProblem::TooLong`] over [`MAX_CODE_POINTS`] code points or [`MAX_BYTES`]
    /// bytes.
    pub fn new(raw: String) -> Result<Self, PasswordProblem> {
        let raw = Zeroizing::new(raw);
        if raw.len() > MAX_RAW_BYTES {
            return Err(PasswordProblem::TooLong);
        }
        let text = if unicode_normalization::is_nfc(&raw) {
            raw
        } else {
            // NFC grows a text at most threefold (UAX #15). With enough room from the start the
            // string never moves, which would leave a copy behind in memory.
            let mut text = Zeroizing::new(String::with_capacity(3 * raw.len()));
            text.extend(raw.nfc());
            text
        };
        if text.len() > MAX_BYTES || text.chars().count() > MAX_CODE_POINTS {
            return Err(PasswordProblem::TooLong);
        }
        Ok(Self(text))
    }

    /// Returns the number of code points, to which minimum lengths refer.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.chars().count()
    }

    /// Returns the text. For hashing and for the policy only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Result<Password, PasswordProblem> {
        Password::new(text.to_owned())
    }

    #[test]
    fn the_upper_limits_of_code_points_and_bytes_are_exact() {
        assert!(password(&"x".repeat(256)).is_ok());
        assert_eq!(password(&"x".repeat(257)), Err(PasswordProblem::TooLong));
        assert!(password(&"\u{1f600}".repeat(256)).is_ok());
        assert_eq!(
            password(&"\u{1f600}".repeat(257)),
            Err(PasswordProblem::TooLong)
        );
        assert_eq!(
            password(&"x".repeat(1_000_000)),
            Err(PasswordProblem::TooLong)
        );
    }

    #[test]
    fn a_decomposed_password_at_the_limit_is_accepted() {
        let typed = password(&"e\u{301}".repeat(256)).unwrap();
        assert_eq!(typed.length(), 256);
        assert_eq!(typed.expose(), "\u{e9}".repeat(256));
    }

    #[test]
    fn nothing_is_trimmed_folded_or_made_compatible() {
        for (one, other) in [
            ("secret phrase", "secret phrase "),
            ("secret phrase", " secret phrase"),
            ("secret phrase", "Secret phrase"),
            ("\u{fb01}sh and chips", "fish and chips"),
            ("nul\0here", "nul"),
            ("nul\0here", "nulhere"),
        ] {
            assert_ne!(password(one).unwrap(), password(other).unwrap());
        }
    }

    #[test]
    fn debug_output_never_shows_the_text() {
        let typed = password("correct horse battery staple").unwrap();
        assert!(!format!("{typed:?}").contains("horse"));
    }

    #[test]
    fn length_counts_code_points_outside_the_basic_plane_once() {
        assert_eq!(password(&"\u{1f40e}".repeat(15)).unwrap().length(), 15);
    }

    proptest::proptest! {
        #[test]
        fn composed_and_decomposed_forms_are_the_same_password(text in "\\PC{0,40}") {
            let composed: String = text.nfc().collect();
            let decomposed: String = text.nfd().collect();
            proptest::prop_assert_eq!(password(&composed), password(&decomposed));
        }
    }
}
