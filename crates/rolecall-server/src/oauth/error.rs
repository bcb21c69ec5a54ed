//! Errors of the OAuth endpoints (RFC 6749 section 5.2), with the `detail` that FastAPI clients read.

use std::time::Duration;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{accounts::credentials::LoginError, error::ApiError, store::StoreError};

/// How an error of an OAuth endpoint is written.
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(crate) struct OAuthErrorDocument {
    error: &'static str,
    error_description: String,
    /// The same as `error_description`.
    detail: String,
}

/// What the token endpoint can refuse.
#[derive(Debug)]
pub(crate) enum OAuthError {
    InvalidRequest(&'static str),
    /// Not `basic` for a client that sent its credentials in the body.
    InvalidClient {
        basic: bool,
    },
    UnsupportedGrantType,
    InvalidScope(String),
    InvalidTarget(&'static str),
    /// The tutorial's answer to a wrong user name or password: 401, where RFC 6749 would say 400.
    WrongPassword,
    PasswordChangeRequired,
    TooMany {
        retry_after: Duration,
    },
    Busy,
    Failed(ApiError),
}

impl From<LoginError> for OAuthError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => Self::WrongPassword,
            LoginError::TooMany { retry_after } => Self::TooMany { retry_after },
            LoginError::Busy => Self::Busy,
            LoginError::Failed(error) => Self::Failed(error),
        }
    }
}

impl From<ApiError> for OAuthError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (status, error, description) = match self {
            Self::InvalidRequest(description) => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                description.to_owned(),
            ),
            Self::InvalidClient { .. } => (
                StatusCode::UNAUTHORIZED,
                "invalid_client",
                "client authentication failed".to_owned(),
            ),
            Self::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "this grant type is not supported".to_owned(),
            ),
            Self::InvalidScope(ref description) => (
                StatusCode::BAD_REQUEST,
                "invalid_scope",
                printable(description),
            ),
            Self::InvalidTarget(description) => (
                StatusCode::BAD_REQUEST,
                "invalid_target",
                description.to_owned(),
            ),
            Self::WrongPassword => (
                StatusCode::UNAUTHORIZED,
                "invalid_grant",
                "Incorrect username or password".to_owned(),
            ),
            Self::PasswordChangeRequired => (
                StatusCode::BAD_REQUEST,
                "invalid_grant",
                "Password change required".to_owned(),
            ),
            Self::TooMany { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "temporarily_unavailable",
                "too many tries".to_owned(),
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "too busy".to_owned(),
            ),
            Self::Failed(error) => return error.into_response(),
        };
        let body = OAuthErrorDocument {
            error,
            error_description: description.clone(),
            detail: description,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        match self {
            Self::WrongPassword => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::InvalidClient { basic: true } => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static(r#"Basic realm="rolecall""#),
                );
            }
            Self::TooMany { retry_after } => {
                headers.insert(
                    header::RETRY_AFTER,
                    HeaderValue::from(retry_after.as_secs().max(1)),
                );
            }
            Self::Busy => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// Only what RFC 6749 section 5.2 allows in a description: printable ASCII without `"` and `\`.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~'))
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_holds_only_what_the_rfc_allows() {
        assert_eq!(printable("a\"b\\c\r\n\0é~"), "abc~");
    }
}
