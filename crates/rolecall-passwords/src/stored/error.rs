//! The reasons why a stored hash is not computed.

/// The reason why a stored hash cannot be verified. The message contains nothing of the hash.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnusableHash {
    /// The text names no scheme that is supported.
    #[error("the scheme is not supported")]
    UnknownScheme,
    /// The text does not have the form of its scheme, for example because it was truncated.
    #[error("the text is malformed or truncated")]
    Malformed,
    /// The hash would cost too much memory or time, or its salt or output is too short.
    #[error("the costs, the salt or the output are out of bounds")]
    OutOfBounds,
}

/// The reason why a computation failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum ComputeError {
    #[error("the system has no memory left")]
    OutOfMemory,
    #[error("the system gives no random numbers")]
    NoRandomness,
    #[error("the costs of the hash are out of bounds")]
    InvalidCosts,
}
