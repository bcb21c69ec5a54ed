//! Errors of the OAuth endpoints (RFC 6749 section 5.2), with the `detail` that `FastAPI` clients read.

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use rolecall_core::{Breach, ConstraintName, RoleName};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::ApiError, login::password::LoginError, store::StoreError, tokens::error::TokenError,
    web::problem::Refused,
};

/// The body of an error of an OAuth endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(crate) struct OAuthErrorDocument {
    error: &'static str,
    error_description: String,
    /// The same as `error_description`.
    detail: String,
    /// The constraint by which roles have to be chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    constraint: Option<ConstraintName>,
    /// The roles to choose among.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    /// The number of them that may be active at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<u32>,
}

/// The errors of the OAuth endpoints.
#[derive(Debug)]
pub(crate) enum OAuthError {
    InvalidRequest(&'static str),
    /// Not `basic` for a client that sent its credentials in the body.
    InvalidClient {
        basic: bool,
    },
    UnsupportedGrantType,
    /// The client was not given this grant.
    UnauthorizedClient,
    /// A refresh token, or the log-in behind it, is not good or not the client's.
    InvalidGrant,
    /// The client does not admit this user.
    NotAdmitted,
    /// A code is unknown, spent, too old, or not the client's.
    InvalidCode,
    InvalidScope(String),
    /// More roles than a constraint allows would be active at once.
    ChooseRoles(Box<Breach>),
    InvalidTarget(&'static str),
    /// The tutorial's answer to a wrong user name or password: 401, where RFC 6749 would say 400.
    WrongPassword,
    PasswordChangeRequired,
    TooMany {
        retry_after: Duration,
    },
    Busy,
    /// An outage gets an OAuth code, so that the client retries; every other error is answered as the API does.
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

const TOO_LONG: &str =
    "the token would be too long: ask for less with scope=role:NAME or scope=object:operation";

impl From<TokenError> for OAuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::InvalidScope(text) => Self::InvalidScope(text),
            TokenError::TooLong => Self::InvalidScope(TOO_LONG.to_owned()),
            TokenError::ChooseRoles(breach) => Self::ChooseRoles(breach),
            TokenError::Failed(error) => Self::Failed(error),
        }
    }
}

impl From<ApiError> for OAuthError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::TooMany { retry_after } => Self::TooMany { retry_after },
            error => Self::Failed(error),
        }
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl OAuthError {
    /// Status, code (RFC 6749 section 5.2) and description.
    fn parts(&self) -> (StatusCode, &'static str, Cow<'_, str>) {
        let (status, error, text) = match self {
            Self::ChooseRoles(breach) => {
                let text = choice(breach);
                return (StatusCode::BAD_REQUEST, "invalid_scope", text.into());
            }
            Self::InvalidRequest(text) => (StatusCode::BAD_REQUEST, "invalid_request", *text),
            Self::InvalidClient { .. } => {
                let text = "client authentication failed";
                (StatusCode::UNAUTHORIZED, "invalid_client", text)
            }
            Self::UnsupportedGrantType => {
                let text = "this grant type is not supported";
                (StatusCode::BAD_REQUEST, "unsupported_grant_type", text)
            }
            Self::UnauthorizedClient => {
                let text = "the client may not use this grant";
                (StatusCode::BAD_REQUEST, "unauthorized_client", text)
            }
            Self::InvalidGrant => {
                let text = "the token is not valid for this client; log in again";
                (StatusCode::BAD_REQUEST, "invalid_grant", text)
            }
            Self::NotAdmitted => {
                let text = "the user may not sign in to this application";
                (StatusCode::BAD_REQUEST, "invalid_grant", text)
            }
            Self::InvalidCode => {
                let text = "the code is not valid for this request; begin the sign-in again";
                (StatusCode::BAD_REQUEST, "invalid_grant", text)
            }
            Self::InvalidScope(text) => (StatusCode::BAD_REQUEST, "invalid_scope", text.as_str()),
            Self::InvalidTarget(text) => (StatusCode::BAD_REQUEST, "invalid_target", *text),
            Self::WrongPassword => {
                let text = "Incorrect username or password";
                (StatusCode::UNAUTHORIZED, "invalid_grant", text)
            }
            Self::PasswordChangeRequired => {
                let text = "Password change required";
                (StatusCode::BAD_REQUEST, "invalid_grant", text)
            }
            Self::TooMany { .. } => {
                let text = "too many tries";
                (
                    StatusCode::TOO_MANY_REQUESTS,
                    "temporarily_unavailable",
                    text,
                )
            }
            Self::Busy | Self::Failed(_) => {
                let text = match self {
                    Self::Failed(error) => error.outage_detail(),
                    _ => None,
                };
                let text = text.map_or("too busy".into(), Cow::from);
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return (status, "temporarily_unavailable", text);
            }
        };
        (status, error, text.into())
    }

    /// Returns the description of RFC 6749.
    pub(crate) fn description(&self) -> String {
        self.parts().2.into_owned()
    }

    /// Returns the code under which an event names the refusal.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::PasswordChangeRequired => "password_change_required",
            Self::Busy => "too_busy",
            Self::Failed(_) => "failed",
            _ => self.parts().1,
        }
    }

    /// Returns the header that says what the client can do next.
    fn advice(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::WrongPassword => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::InvalidClient { basic: true } => Some((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(r#"Basic realm="rolecall""#),
            )),
            Self::TooMany { retry_after } => Some((
                header::RETRY_AFTER,
                HeaderValue::from(retry_after.as_secs().max(1)),
            )),
            Self::Busy | Self::Failed(_) => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            _ => None,
        }
    }
}

/// Describes the choice that the client has to make.
fn choice(breach: &Breach) -> String {
    let roles = breach.roles.iter().map(|role| format!("role:{role}"));
    let roles = roles.collect::<Vec<_>>().join(", ");
    format!(
        "constraint {} allows at most {} of its roles to be active at once: choose among {roles} with scope",
        breach.constraint, breach.at_most
    )
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        if let Self::Failed(error) = &self
            && error.is_outage()
        {
            error.log();
        } else if let Self::Failed(error) = self {
            return error.into_response();
        }
        let (status, error, description) = self.parts();
        let reason = match self {
            Self::TooMany { .. } => "too_many_tries",
            Self::Busy => "too_busy",
            Self::Failed(_) => "unavailable",
            _ => error,
        };
        let description = printable(&description);
        let choose = match &self {
            Self::ChooseRoles(breach) => Some(breach),
            _ => None,
        };
        let body = OAuthErrorDocument {
            error,
            error_description: description.clone(),
            detail: description,
            constraint: choose.map(|breach| breach.constraint.clone()),
            roles: choose.map_or_else(Vec::new, |breach| breach.roles.clone()),
            at_most: choose.map(|breach| breach.at_most),
        };
        let mut response = (status, Json(body)).into_response();
        response.extensions_mut().insert(Refused(reason));
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        headers.extend(self.advice());
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

    #[test]
    fn a_server_that_is_busy_is_not_counted_as_another_refusal() {
        for (error, reason) in [
            (OAuthError::Busy, "too_busy"),
            (
                OAuthError::from(StoreError::from(sqlx::Error::PoolTimedOut)),
                "unavailable",
            ),
            (
                OAuthError::from(StoreError::from(sqlx::Error::RowNotFound)),
                "internal",
            ),
            (OAuthError::InvalidGrant, "invalid_grant"),
            (
                OAuthError::TooMany {
                    retry_after: std::time::Duration::ZERO,
                },
                "too_many_tries",
            ),
        ] {
            let response = error.into_response();
            assert_eq!(response.extensions().get(), Some(&Refused(reason)));
        }
    }
}
