//! Errors of an authorization request that its client gets.

use crate::login::flow::answer::AnswerError;

/// An error with its description.
pub(super) type Refused = (AnswerError, String);

/// Refuses a request.
pub(super) fn refuse<T>(error: AnswerError, why: impl Into<String>) -> Result<T, Refused> {
    Err((error, why.into()))
}
