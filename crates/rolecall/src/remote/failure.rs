use std::error::Error;

use http::StatusCode;

use crate::token::KeyError;

/// The reason why a request to the issuer failed. It never contains a secret or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    #[error("a URL of the issuer is not https, and plain http is not allowed")]
    Address,
    #[error("the issuer cannot be reached: {0}")]
    Connection(String),
    #[error("the issuer's answer is too long")]
    TooLong,
    #[error("the issuer did not answer in time")]
    TimedOut,
    #[error("the issuer answered {status} to {request}")]
    Status {
        request: &'static str,
        status: StatusCode,
    },
    #[error("the issuer's {0} cannot be parsed")]
    Malformed(&'static str),
    #[error("the metadata names another issuer")]
    OtherIssuer,
    #[error("the metadata has no token endpoint")]
    NoTokenEndpoint,
    #[error("the JWK Set was refused: {0}")]
    Keys(#[from] KeyError),
    #[error("the JWK Set has no key that verifies tokens")]
    NoKeys,
}

impl Failure {
    /// Creates a failure from a connection error and its sources.
    pub(super) fn connection(error: &(dyn Error + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self::Connection(text)
    }

    /// Creates a failure from an error while reading the body.
    pub(super) fn body(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        if error.is::<http_body_util::LengthLimitError>() {
            Self::TooLong
        } else {
            Self::connection(error)
        }
    }

    /// Returns true if the issuer refused the request, so that trying again soon will not help.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status, .. } if status.is_client_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_client_errors_are_refusals() {
        let status = |code: u16| Failure::Status {
            request: "feed",
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
