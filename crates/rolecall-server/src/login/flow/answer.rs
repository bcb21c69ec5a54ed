//! The answers of a flow to its client, at the redirect URI.

use super::request::{AuthorizationRequest, ResponseMode};
use crate::clients::redirect;

/// An error of an authorization request that its client is told of (RFC 6749 section 4.1.2.1, `OpenID` Connect Core
/// section 3.1.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerError {
    AccessDenied,
    ConsentRequired,
    InteractionRequired,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    LoginRequired,
    RegistrationNotSupported,
    RequestNotSupported,
    RequestUriNotSupported,
    ServerError,
    TemporarilyUnavailable,
    UnauthorizedClient,
    UnmetAuthenticationRequirements,
    UnsupportedResponseType,
}

impl AnswerError {
    /// Returns the value of `error`.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::ConsentRequired => "consent_required",
            Self::InteractionRequired => "interaction_required",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }
}

/// Where an answer goes. It exists only for a redirect URI that was compared with those of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) redirect_uri: String,
    pub(crate) mode: ResponseMode,
    pub(crate) state: Option<String>,
}

impl Target {
    pub(crate) fn of(request: &AuthorizationRequest) -> Self {
        Self {
            redirect_uri: request.redirect_uri.clone(),
            mode: request.response_mode,
            state: request.state.clone(),
        }
    }
}

/// An answer to a client: its parameters, and where they go. Every answer has `iss` (RFC 9207).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) target: Target,
    pub(crate) parameters: Vec<(&'static str, String)>,
}

impl Answer {
    /// Returns the answer with a code.
    pub(crate) fn code(target: Target, code: String, issuer: &str) -> Self {
        Self::with(target, vec![("code", code)], issuer)
    }

    /// Returns the answer with an error.
    pub(crate) fn error(target: Target, error: AnswerError, detail: &str, issuer: &str) -> Self {
        let parameters = vec![
            ("error", error.as_str().to_owned()),
            ("error_description", detail.to_owned()),
        ];
        Self::with(target, parameters, issuer)
    }

    /// Returns the way to a page of our own.
    pub(crate) fn page(target: Target) -> Self {
        Self {
            target,
            parameters: Vec::new(),
        }
    }

    fn with(target: Target, mut parameters: Vec<(&'static str, String)>, issuer: &str) -> Self {
        if let Some(state) = &target.state {
            parameters.push(("state", state.clone()));
        }
        parameters.push(("iss", issuer.to_owned()));
        Self { target, parameters }
    }

    /// Returns the redirect URI with the parameters in its query. What the query had before stays.
    pub(crate) fn location(&self) -> String {
        let uri = &self.target.redirect_uri;
        if self.parameters.is_empty() {
            return uri.clone();
        }
        let parameters = self.parameters.iter();
        let parameters = parameters.map(|(name, value)| (*name, value.as_str()));
        redirect::with_parameters(uri, parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str, state: Option<&str>) -> Target {
        Target {
            redirect_uri: uri.to_owned(),
            mode: ResponseMode::Query,
            state: state.map(str::to_owned),
        }
    }

    #[test]
    fn i032_every_answer_has_the_issuer_and_keeps_the_query() {
        let code = |uri| {
            let target = target(uri, Some("a&b=c"));
            Answer::code(target, "x".to_owned(), "https://id.example").location()
        };
        let rest = "code=x&state=a%26b%3Dc&iss=https%3A%2F%2Fid.example";
        for (uri, before) in [
            ("https://app.example/cb", "https://app.example/cb?"),
            ("https://app.example/cb?a=b", "https://app.example/cb?a=b&"),
            ("https://app.example/cb?", "https://app.example/cb?"),
            ("com.example.app:/cb", "com.example.app:/cb?"),
        ] {
            assert_eq!(code(uri), format!("{before}{rest}"));
        }
        let refused = Answer::error(
            target("https://app.example/cb", None),
            AnswerError::LoginRequired,
            "sign in first",
            "https://id.example",
        );
        assert_eq!(
            refused.location(),
            "https://app.example/cb?error=login_required&error_description=sign+in+first&iss=https%3A%2F%2Fid.example"
        );
    }
}
