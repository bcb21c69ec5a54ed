//! Why a password is refused, in words that help to choose a better one.

use super::password::{MAX_BYTES, MAX_CODE_POINTS};

/// Why a password is refused.
///
/// The text is made for the person who chose the password: it says what is wrong and what
/// to do instead. It never contains the password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordProblem {
    /// Fewer code points than the policy asks for.
    #[error(
        "the password has {length} characters and needs at least {min_length}; several unrelated words in a row are easy to remember and long enough"
    )]
    TooShort {
        /// Code points it has.
        length: usize,
        /// Code points it needs.
        min_length: usize,
    },
    /// More than [`MAX_CODE_POINTS`] code points or [`MAX_BYTES`] bytes.
    #[error(
        "the password is too long: at most {MAX_CODE_POINTS} characters and {MAX_BYTES} bytes are kept, and nothing is ever cut off"
    )]
    TooLong,
    /// The whole password, or the half it repeats, is among the most common ones.
    #[error(
        "the password is one of the common ones that attackers try first; choose several unrelated words instead"
    )]
    Common,
    /// It is the user name, reversed, repeated or in other case.
    #[error(
        "the password is made from the user name; choose something that cannot be told from it"
    )]
    LikeUsername,
    /// It is the name of this service, repeated or in other case.
    #[error(
        "the password is made from the name of this service; choose several unrelated words instead"
    )]
    LikeService,
    /// A change that changes nothing, or that would make a reset code last.
    #[error(
        "the password is the current one, or the reset code; choose one that was not used here before"
    )]
    Unchanged,
    /// A bcrypt hash would ignore everything past byte 72.
    #[error(
        "the password has {length} bytes and the scheme in use (bcrypt) can keep at most 72; choose a shorter one"
    )]
    Over72Bytes {
        /// Bytes it has in UTF-8.
        length: usize,
    },
    /// A bcrypt hash cannot tell such a password from others.
    #[error("the password contains a NUL character, which the scheme in use (bcrypt) cannot keep")]
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
            Self::LikeUsername => "password_like_username",
            Self::LikeService => "password_like_service",
            Self::Unchanged => "password_unchanged",
            Self::Over72Bytes { .. } => "password_over_72_bytes",
            Self::ContainsNul => "password_contains_nul",
        }
    }
}
