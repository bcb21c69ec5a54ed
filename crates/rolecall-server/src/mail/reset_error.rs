//! The reasons why a link for a new password changes none.

use crate::error::ApiError;

/// The reason why a link does not lead to a new password.
#[derive(Debug)]
pub(crate) enum ResetError {
    /// It was used, has expired, a newer one was sent, or the account has changed since.
    Ended,
    /// The account has a second factor, which the link does not replace: its code is missing.
    SecondFactor,
    WrongCode,
    WrongPasskey,
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for ResetError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
