//! The results of a [`Hasher`](crate::Hasher).

use std::io;

use crate::problem::PasswordProblem;
use crate::stored::ComputeError;

/// The result of a verification.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Verdict {
    /// The password is correct.
    pub matches: bool,
    /// A new hash of the same password, to be stored in place of the old one. Present if the
    /// password is correct and the stored hash has another scheme or other costs than new ones.
    pub rehash: Option<String>,
}

/// The reason why a password was neither hashed nor verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HashError {
    /// The queue is full; try again in a second.
    #[error("too many passwords are waiting to be checked; try again in a second")]
    Busy,
    /// The system has no memory for the computation; try again in a second.
    #[error("there is too little memory to check a password; try again in a second")]
    NoMemory,
    /// The scheme cannot keep the whole of this password, or it is in the list of breached passwords.
    #[error(transparent)]
    Refused(#[from] PasswordProblem),
    /// The list of breached passwords cannot be read.
    #[error("the list of breached passwords cannot be used")]
    ListUnusable,
    /// The system has no random numbers, or the computation panicked.
    #[error("the password could not be hashed")]
    Failed,
}

/// The reason why a [`Hasher`](crate::Hasher) could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The system started no thread.
    #[error("the threads that hash passwords could not be started: {0}")]
    Threads(#[source] io::Error),
    /// The [`Parameters`](crate::Parameters) are out of bounds.
    #[error("the costs of new password hashes are out of bounds; use the recommended ones")]
    Parameters,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
}

impl From<ComputeError> for StartError {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::NoRandomness => Self::Randomness,
            ComputeError::InvalidCosts | ComputeError::OutOfMemory => Self::Parameters,
        }
    }
}

impl From<ComputeError> for HashError {
    fn from(error: ComputeError) -> Self {
        match error {
            ComputeError::OutOfMemory => Self::NoMemory,
            ComputeError::InvalidCosts | ComputeError::NoRandomness => Self::Failed,
        }
    }
}
