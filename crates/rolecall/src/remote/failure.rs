use std::error::Error;

use http::StatusCode;

use crate::token::KeyError;

/// Why an attempt to learn something from the issuer failed. Never holds a secret or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error(
        "an address of the issuer cannot be used: it must be https, or http where that is allowed"
    )]
    Address,
    #[error("the issuer cannot be reached: {0}")]
    Connection(String),
    #[error("the issuer's answer is too long")]
    TooLong,
    #[error("the issuer took too long")]
    TimedOut,
    #[error("the issuer answered {status} to {what}")]
    Status {
        what: &'static str,
        status: StatusCode,
    },
    #[error("the issuer's {0} cannot be read")]
    Unreadable(&'static str),
    #[error("the metadata names another issuer")]
    OtherIssuer,
    #[error("the JWK Set was refused: {0}")]
    Keys(#[from] KeyError),
    #[error("the JWK Set holds no key that verifies tokens")]
    NoKeys,
}

impl Failure {
    pub(super) fn connection(error: &(dyn Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self::Connection(text)
    }

    pub(super) fn body(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        if error.is::<http_body_util::LengthLimitError>() {
            Self::TooLong
        } else {
            Self::connection(error)
        }
    }

    /// Whether the issuer turned the client away, so that trying again soon only costs it something.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status, .. } if status.is_client_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_being_turned_away_is_a_refusal() {
        let status = |code: u16| Failure::Status {
            what: "feed",
            status: StatusCode::from_u16(code).unwrap(),
        };
        assert!(status(401).is_refusal() && status(404).is_refusal());
        for other in [
            status(500),
            status(503),
            Failure::TimedOut,
            Failure::TooLong,
        ] {
            assert!(!other.is_refusal(), "{other}");
        }
    }
}
