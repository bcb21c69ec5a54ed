use std::fmt;

#[cfg(feature = "remote")]
use crate::remote::SetupError;
use crate::token::KeyError;

/// The reason why a guard could not be built.
///
/// Its `Debug` is its message, since that is what a `main` prints that returns it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The builder has no issuer.
    #[error("no issuer: call `issuer` with the URL whose tokens the guard accepts")]
    NoIssuer,
    /// The builder has no audience, or an empty one.
    #[error("no audience: call `audience`, so that tokens for other APIs are refused")]
    NoAudience,
    /// The builder has no keys, or an empty set of keys.
    #[error("no keys: call `secret`, `jwk_set`, `keys` or `live`")]
    NoKeys,
    /// The builder has keys from two sources.
    #[error(
        "two sources of keys: call only one of `secret`, `jwk_set`, `keys`, `live` and `client`"
    )]
    TwoKeySources,
    /// The issuer is not a URL from which keys can be loaded.
    #[error("keys cannot be loaded from the issuer: {0}")]
    Issuer(&'static str),
    /// The trusted certificates of the system cannot be read.
    #[error("the trusted certificates cannot be read: {0}")]
    Certificates(String),
    /// A key or the key set is not valid.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl fmt::Debug for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(feature = "remote")]
impl From<SetupError> for GuardError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Issuer(reason) => Self::Issuer(reason),
            SetupError::Certificates(reason) => Self::Certificates(reason),
        }
    }
}
