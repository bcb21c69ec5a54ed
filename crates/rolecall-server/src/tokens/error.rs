//! Why a token is not made.

use rolecall_core::Breach;

use crate::{error::ApiError, store::StoreError};

/// Why a token is not made.
#[derive(Debug)]
pub(crate) enum TokenError {
    /// The requested scope is malformed, or goes beyond what the subject holds.
    InvalidScope(String),
    /// This was asked for, and only a session with a higher assurance has it.
    StepUp(String),
    /// The token would be longer than is allowed, even with no more than was asked for.
    TooLong,
    /// More roles than a constraint allows would be active at once: the client must choose.
    ChooseRoles(Box<Breach>),
    /// The database failed, or something that should not.
    Failed(ApiError),
}

impl From<ApiError> for TokenError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}
