//! The rules for new passwords.

use zeroize::Zeroizing;

use crate::common::{is_common, is_repetition};
use crate::limits::DEFAULT_MIN_LENGTH;
use crate::password::Password;
use crate::patterns::is_pattern;
use crate::problem::PasswordProblem;
use crate::scheme::PasswordScheme;

/// The name of the service, which attackers try as a password.
const SERVICE_NAME: &str = "rolecall";

/// The rules for *new* passwords. A password that exists already is only verified.
///
/// There are no composition rules and no expiry, since both lead people to worse passwords
/// (NIST SP 800-63B-4 section 3.1.1.2).
///
/// ```
/// use rolecall_passwords::{Password, PasswordPolicy, PasswordProblem};
///
/// let policy = PasswordPolicy::default();
/// let password = |text: &str| Password::new(text.to_owned());
/// assert_eq!(policy.check(&password("purple tram lantern")?, "alice"), Ok(()));
/// assert_eq!(
///     policy.check(&password("passwordpassword")?, "alice"),
///     Err(PasswordProblem::Common),
/// );
/// # Ok::<(), PasswordProblem>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PasswordPolicy {
    /// The fewest code points; at least [`LOWEST_MIN_LENGTH`](crate::LOWEST_MIN_LENGTH).
    pub min_length: usize,
    /// The scheme of new hashes; bcrypt cannot keep every password.
    pub scheme: PasswordScheme,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_length: DEFAULT_MIN_LENGTH,
            scheme: PasswordScheme::Argon2id,
        }
    }
}

impl PasswordPolicy {
    /// Checks a new password of the user named `username`.
    ///
    /// Any text will do as `username`: only its letters are compared.
    ///
    /// # Errors
    ///
    /// The first rule that the password breaks.
    pub fn check(&self, password: &Password, username: &str) -> Result<(), PasswordProblem> {
        let length = password.length();
        if length < self.min_length {
            let min_length = self.min_length;
            return Err(PasswordProblem::TooShort { length, min_length });
        }
        self.scheme.check(password)?;
        let folded = Zeroizing::new(password.expose().to_lowercase());
        if is_made_from(&folded, username) {
            return Err(PasswordProblem::LikeUsername);
        }
        if is_made_from(&folded, SERVICE_NAME) {
            return Err(PasswordProblem::LikeService);
        }
        if is_common(&folded) {
            return Err(PasswordProblem::Common);
        }
        if is_pattern(&folded) {
            return Err(PasswordProblem::Pattern);
        }
        Ok(())
    }
}

/// Checks whether `folded` consists of `name`, or of the part of it before an `@`, forwards or
/// backwards, once or several times.
fn is_made_from(folded: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let local_part = name.split('@').next().unwrap_or_default();
    [name.as_str(), local_part].into_iter().any(|word| {
        let reversed: String = word.chars().rev().collect();
        let mirrored = format!("{word}{reversed}");
        is_repetition(folded, word)
            || is_repetition(folded, &reversed)
            || (folded.len() > word.len() && is_repetition(folded, &mirrored))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(min_length: usize, text: &str, username: &str) -> Result<(), PasswordProblem> {
        let policy = PasswordPolicy {
            min_length,
            ..PasswordPolicy::default()
        };
        policy.check(&Password::new(text.to_owned()).unwrap(), username)
    }

    #[test]
    fn fourteen_code_points_are_rejected_and_fifteen_accepted_in_any_script() {
        let words = [
            "qwvzkxjmbpltgrh",
            "\u{e9}\u{e0}\u{fc}\u{f1}\u{e7}\u{f8}\u{e5}\u{df}\u{e6}\u{f4}\u{ea}\u{ee}\u{f9}\u{eb}\u{fb}",
            "\u{1f40e}\u{1f600}\u{1f3b8}\u{1f697}\u{1f30d}\u{1f34e}\u{1f4d6}\u{1f680}\u{1f436}\u{1f3e0}\u{1f525}\u{1f4a1}\u{1f381}\u{1f511}\u{1f9f2}",
            "\u{65e5}\u{672c}\u{5c71}\u{5ddd}\u{6728}\u{82b1}\u{9ce5}\u{98a8}\u{6708}\u{7a7a}\u{6d77}\u{96ea}\u{5149}\u{97f3}\u{8272}",
        ];
        for word in words {
            let shorter: String = word.chars().take(14).collect();
            let problem = check(15, &shorter, "alice").unwrap_err();
            assert_eq!(problem.code(), "password_too_short");
            assert!(problem.to_string().contains("14 characters"), "{problem}");
            assert_eq!(check(15, word, "alice"), Ok(()), "{word}");
        }
    }

    #[test]
    fn no_composition_is_required_and_no_printing_character_rejected() {
        for text in ["correcthorsebat", "839201756473829", "a b c d z q w   "] {
            assert_eq!(check(15, text, "alice"), Ok(()), "`{text}`");
        }
        for byte in b' '..=b'~' {
            let character = char::from(byte);
            for text in [
                format!("{character}purple tram lantern"),
                format!("purple tram{character}lantern"),
                format!("purple tram lantern{character}"),
            ] {
                assert_eq!(check(15, &text, "alice"), Ok(()), "`{text}`");
            }
        }
    }

    #[test]
    fn common_passwords_are_rejected_in_any_case_and_written_twice() {
        for text in [
            "password",
            "PASSWORD",
            "iloveyou",
            "1qaz2wsx",
            "letmeinletmein",
            "123456123456",
            "PassWordpassword",
        ] {
            assert_eq!(
                check(8, text, "alice"),
                Err(PasswordProblem::Common),
                "`{text}`"
            );
        }
    }

    #[test]
    fn y057_long_patterns_are_rejected_in_any_case() {
        for text in ["543210987654321", "QwertyUiopAsdfgh", "xxxxxxxxxxxxxxxyz"] {
            assert_eq!(
                check(15, text, "alice"),
                Err(PasswordProblem::Pattern),
                "`{text}`"
            );
        }
    }

    #[test]
    fn the_user_name_and_its_variations_are_rejected() {
        for text in [
            "margarete",
            "MargaRete",
            "eteragram",
            "margaretemargarete",
            "eteragrameteragram",
            "margareteeteragram",
            "margareteMarg",
        ] {
            assert_eq!(
                check(8, text, "margarete"),
                Err(PasswordProblem::LikeUsername),
                "`{text}`"
            );
        }
        for text in ["margarete@example.com", "margaretemargarete"] {
            assert_eq!(
                check(8, text, "Margarete@Example.com"),
                Err(PasswordProblem::LikeUsername),
                "`{text}`"
            );
        }
        assert_eq!(
            check(15, "bobbobbobbobbob", "bob"),
            Err(PasswordProblem::LikeUsername)
        );
    }

    #[test]
    fn a_password_that_only_contains_the_user_name_is_accepted() {
        assert_eq!(check(15, "margarete tram lantern", "margarete"), Ok(()));
        assert_eq!(check(15, "purple tram lantern", ""), Ok(()));
    }

    #[test]
    fn the_name_of_the_service_is_rejected() {
        for text in [
            "rolecall",
            "RoleCallRoleCall",
            "rolecallrolecal",
            "llacelor",
        ] {
            assert_eq!(
                check(8, text, "alice"),
                Err(PasswordProblem::LikeService),
                "`{text}`"
            );
        }
    }

    #[test]
    fn bcrypt_rejects_passwords_that_it_would_truncate_or_confuse() {
        let policy = PasswordPolicy {
            min_length: 15,
            scheme: PasswordScheme::Bcrypt,
        };
        let check = |text: String| {
            policy
                .check(&Password::new(text).unwrap(), "alice")
                .map_err(|problem| problem.code())
        };
        assert_eq!(check("xy".repeat(36)), Ok(()));
        assert_eq!(check("xy".repeat(36) + "z"), Err("password_over_72_bytes"));
        assert_eq!(
            check("purple tram\0lantern".to_owned()),
            Err("password_contains_nul")
        );
    }

    #[test]
    fn argon2_accepts_a_nul_character() {
        assert_eq!(check(15, "purple tram\0lantern", "alice"), Ok(()));
    }

    #[test]
    fn every_message_begins_alike_and_has_no_full_stop() {
        for problem in [
            PasswordProblem::TooShort {
                length: 3,
                min_length: 15,
            },
            PasswordProblem::TooLong,
            PasswordProblem::Common,
            PasswordProblem::Pattern,
            PasswordProblem::Breached,
            PasswordProblem::LikeUsername,
            PasswordProblem::LikeService,
            PasswordProblem::Unchanged,
            PasswordProblem::Over72Bytes { length: 90 },
            PasswordProblem::ContainsNul,
        ] {
            let message = problem.to_string();
            assert!(message.starts_with("the password "), "{message}");
            assert!(!message.ends_with('.'), "{message}");
            assert!(problem.code().starts_with("password_"));
        }
    }
}
