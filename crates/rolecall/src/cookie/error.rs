#[cfg(feature = "axum")]
use axum::response::{IntoResponse, Response};

use crate::Denial;

/// The reason why a cookie cannot be used or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// The name is not one that browsers protect.
    #[error(
        "`{0}` cannot be the name of the session cookie: write `__Host-` and 1 to 64 of a-z, A-Z, 0-9, `_` and `-`, such as `__Host-session`"
    )]
    Name(String),
    /// The origin is not written as browsers write it.
    #[error("`{0}` is not an origin: {1}")]
    Origin(String, &'static str),
    /// The value has characters that are not allowed in a cookie.
    #[error("the value has a character that is not allowed in a cookie")]
    Value,
    /// Browsers would silently drop the cookie.
    #[error(
        "the cookie would have {0} bytes, and browsers drop cookies of more than 4096: ask for fewer roles with `scope=`, or lower `tokens.max_bytes`"
    )]
    TooLong(usize),
    /// The guard reads no cookie.
    #[error("the guard reads no cookie: call `Guard::with_cookie` first")]
    NoCookie,
    /// The token for the cookie is not accepted by the guard.
    #[error("the guard does not accept this token: {0}")]
    Token(#[from] Denial),
}

/// 500 for a mistake in the application, which is logged, and the response of the denial for a token that is refused.
#[cfg(feature = "axum")]
impl IntoResponse for CookieError {
    fn into_response(self) -> Response {
        if let Self::Token(denial) = self {
            return denial.into_response();
        }
        tracing::error!(error = %self, "a cookie could not be made");
        let status = http::StatusCode::INTERNAL_SERVER_ERROR;
        crate::Problem::new(status, "internal", "internal error").into_response()
    }
}
