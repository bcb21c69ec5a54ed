//! The reasons why a password is rejected, in words that help to choose a better one.

use crate::limits::{MAX_BYTES, MAX_CODE_POINTS};

/// The reason why a password is rejected.
///
/// The message is for the person who chose the password: it names the problem and a way to
/// solve it, and never contains the password. Programs use [`code`](Self::code).
///
/// ```
/// use rolecall_passwords::{Password, PasswordPolicy, PasswordProblem};
///
/// let password = Password::new("passwordpassword".to_owned())?;
/// let problem = PasswordPolicy::default().check(&password, "alice").unwrap_err();
/// assert_eq!(problem.code(), "password_common");
/// assert!(problem.to_string().contains("choose several unrelated words"));
/// # Ok::<(), PasswordProblem>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordProblem {
    /// It has fewer code points than the policy requires.
    #[error(
        "the password has {length} characters and needs at least {min_length}; several unrelated words in a row are easy to remember and long enough"
    )]
    TooShort {
        /// Its code points.
        length: usize,
        /// The code points that the policy requires.
        min_length: usize,
    },
    /// It has more than [`MAX_CODE_POINTS`] code points or [`MAX_BYTES`] bytes.
    #[error(
        "the password is too long: at most {MAX_CODE_POINTS} characters and {MAX_BYTES} bytes are allowed; choose a shorter one"
    )]
    TooLong,
    /// The password, or what it repeats, is one of the most common ones.
    #[error(
        "the password is one of the common ones that attackers try first; choose several unrelated words instead"
    )]
    Common,
    /// It is a pattern: a sequence, a walk on the keyboard, dates, the repetition of a few characters.
    #[error(
        "the password is a pattern that attackers try: a sequence, neighboring keys, dates or a few characters repeated; choose several unrelated words instead"
    )]
    Pattern,
    /// It is in the list of breached passwords. The [`Hasher`](crate::Hasher) checks this, not
    /// [`PasswordPolicy`](crate::PasswordPolicy).
    #[error(
        "the password is in a list of passwords that were stolen elsewhere, which attackers try; choose several unrelated words that you use nowhere else"
    )]
    Breached,
    /// It is the user name, also reversed, repeated or in another case.
    #[error(
        "the password is made from the user name; choose something that has nothing to do with it"
    )]
    LikeUsername,
    /// It is the name of the service, also reversed, repeated or in another case.
    #[error(
        "the password is made from the name of this service; choose several unrelated words instead"
    )]
    LikeService,
    /// It is the current password or the reset code. The caller checks this, not
    /// [`PasswordPolicy`](crate::PasswordPolicy).
    #[error(
        "the password is the current one, or the reset code; choose one that was not used here before"
    )]
    Unchanged,
    /// bcrypt would ignore everything after byte 72.
    #[error(
        "the password has {length} bytes and the scheme in use (bcrypt) can keep at most 72; choose a shorter one"
    )]
    Over72Bytes {
        /// Its bytes in UTF-8.
        length: usize,
    },
    /// bcrypt cannot distinguish such a password from others.
    #[error(
        "the password contains a NUL character, which the scheme in use (bcrypt) cannot keep; choose one without it"
    )]
    ContainsNul,
}

impl PasswordProblem {
    /// A stable name for programs, such as `password_too_short`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::Common => "password_common",
            Self::Pattern => "password_pattern",
            Self::Breached => "password_breached",
            Self::LikeUsername => "password_like_username",
            Self::LikeService => "password_like_service",
            Self::Unchanged => "password_unchanged",
            Self::Over72Bytes { .. } => "password_over_72_bytes",
            Self::ContainsNul => "password_contains_nul",
        }
    }
}
