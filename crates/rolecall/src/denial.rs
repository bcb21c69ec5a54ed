//! The reasons for which a request is refused, and the responses for them.

use std::fmt::Write as _;

#[cfg(feature = "axum")]
use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{RETRY_AFTER, WWW_AUTHENTICATE},
};

use rolecall_core::Acr;

use crate::{Problem, Rule};

/// The reason why a request was refused. As a response it follows RFC 6750 section 3.
///
/// A caller who cannot be identified gets 401, one who is not permitted gets 403, and a fault of the guard is 5xx. The
/// response has the denial in its extensions, for layers that count refusals.
///
/// ```
/// use axum::response::IntoResponse;
/// use rolecall::{Denial, Rule};
///
/// let response = Denial::forbidden(&Rule::Role("admin")).into_response();
/// assert_eq!(response.status(), 403);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer error="insufficient_scope", scope="role:admin""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The request has no access token.
    #[error("not authenticated")]
    NotAuthenticated,
    /// The form, signature, issuer, audience or another claim of the access token is not valid.
    #[error("the access token is not valid")]
    InvalidToken,
    /// The access token is no longer valid: it has expired, was revoked, or was issued before a floor.
    #[error("the access token has ended")]
    EndedToken,
    /// The request has more than one credential.
    #[error("two credentials in one request")]
    TwoCredentials,
    /// The request has a session cookie, and no proof that a page of the application sent it.
    #[error(
        "the session cookie is not enough without proof that a page of the application sent the request"
    )]
    CrossSite,
    /// A handler asked for a proof that a page of the application sent the request, with
    /// [`check_sender`](crate::SessionCookie::check_sender), and there is none. The request need not have a cookie.
    #[error("no proof that a page of the application sent the request")]
    UnprovenSender,
    /// The caller is identified but not permitted.
    #[error("operation not permitted")]
    Forbidden {
        /// The scope that the caller needs: `role:admin` for a role, `items:read` for a permission.
        scope: Option<String>,
        /// A sealed receipt with which an administrator can get an explanation, if the guard issues receipts.
        receipt: Option<String>,
    },
    /// The caller would be permitted after a stronger or newer sign-in (RFC 9470).
    #[error("a stronger or newer sign-in is needed")]
    StepUp {
        /// The least assurance that is needed, if the present one is not enough.
        acr: Option<Acr>,
        /// The most seconds since the sign-in, if the present one is too old.
        max_age: Option<u64>,
        /// A sealed receipt, as in [`Forbidden`](Self::Forbidden).
        receipt: Option<String>,
    },
    /// The guard cannot decide, because its keys are not loaded or its state is too old.
    #[error("the guard's state is not available")]
    Unavailable,
    /// A guarded handler was called without a guard, which is a mistake in the application.
    #[error("a guarded handler was mounted without a guard")]
    Unguarded,
}

impl Denial {
    /// Creates the denial for an identified caller who does not satisfy `rule`.
    #[must_use]
    pub fn forbidden(rule: &Rule) -> Self {
        Self::Forbidden {
            scope: rule.scope(),
            receipt: None,
        }
    }

    /// Returns the status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NotAuthenticated
            | Self::InvalidToken
            | Self::EndedToken
            | Self::StepUp { .. } => StatusCode::UNAUTHORIZED,
            Self::TwoCredentials => StatusCode::BAD_REQUEST,
            Self::CrossSite | Self::UnprovenSender | Self::Forbidden { .. } => {
                StatusCode::FORBIDDEN
            }
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unguarded => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the code for the problem's `type` and for the log.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAuthenticated => "not_authenticated",
            Self::InvalidToken => "invalid_token",
            Self::EndedToken => "ended_token",
            Self::TwoCredentials => "two_credentials",
            Self::CrossSite | Self::UnprovenSender => "cross_site",
            Self::Forbidden { .. } => "forbidden",
            Self::StepUp { .. } => "insufficient_user_authentication",
            Self::Unavailable => "unavailable",
            Self::Unguarded => "internal",
        }
    }

    /// Returns the challenge for the header `WWW-Authenticate` (RFC 6750 section 3), or `None` where another token
    /// would not help.
    #[must_use]
    pub fn challenge(&self) -> Option<HeaderValue> {
        let fixed = HeaderValue::from_static;
        match self {
            // section 3.1: the challenge has no error code if the request has no credentials
            Self::NotAuthenticated => Some(fixed("Bearer")),
            Self::InvalidToken => Some(fixed(
                r#"Bearer error="invalid_token", error_description="The access token is not valid""#,
            )),
            Self::EndedToken => Some(fixed(
                r#"Bearer error="invalid_token", error_description="The access token has ended; refresh it""#,
            )),
            Self::TwoCredentials => Some(fixed(r#"Bearer error="invalid_request""#)),
            Self::Forbidden { scope, .. } => Some(insufficient_scope(scope.as_deref())),
            Self::StepUp { acr, max_age, .. } => Some(insufficient_authentication(*acr, *max_age)),
            // a challenge would make the client ask for another token, which changes nothing
            Self::CrossSite | Self::UnprovenSender | Self::Unavailable | Self::Unguarded => None,
        }
    }

    /// Converts the denial to a problem, to which members can be added.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        let detail = match &self {
            Self::NotAuthenticated => "Not authenticated",
            Self::InvalidToken | Self::EndedToken => "Could not validate credentials",
            Self::TwoCredentials => "Send one credential",
            Self::CrossSite => CROSS_SITE,
            Self::UnprovenSender => UNPROVEN_SENDER,
            Self::Forbidden { .. } => "Operation not permitted",
            Self::StepUp { .. } => "Sign in again: this needs a stronger or newer sign-in",
            Self::Unavailable => "cannot decide at the moment; try again",
            Self::Unguarded => "internal error",
        };
        let mut problem = Problem::new(self.status(), self.code(), detail);
        if let Some(challenge) = self.challenge() {
            problem = problem.with_header(WWW_AUTHENTICATE, challenge);
        }
        if let Self::Forbidden {
            receipt: Some(receipt),
            ..
        }
        | Self::StepUp {
            receipt: Some(receipt),
            ..
        } = &self
        {
            problem = problem.with("receipt", receipt.as_str());
        }
        if self == Self::Unavailable {
            problem = problem.with_header(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        problem
    }
}

const CROSS_SITE: &str = "the session cookie alone is not accepted for this request: send it from a page of the \
    application, with `Origin` or `Sec-Fetch-Site: same-origin`, or send the token in `Authorization`";

const UNPROVEN_SENDER: &str = "this request is accepted only from a page of the application: send it from there, with \
    `Origin` or `Sec-Fetch-Site: same-origin`";

/// The most bytes of a scope in a challenge. Proxies and clients refuse an answer with a head of 8 KiB or less.
const MAX_SCOPE: usize = 1024;

/// Returns the challenge of RFC 9470 section 3.
fn insufficient_authentication(acr: Option<Acr>, max_age: Option<u64>) -> HeaderValue {
    let mut challenge = r#"Bearer error="insufficient_user_authentication""#.to_owned();
    if let Some(acr) = acr {
        let _ = write!(challenge, r#", acr_values="{acr}""#);
    }
    if let Some(max_age) = max_age {
        let _ = write!(challenge, r#", max_age="{max_age}""#);
    }
    let bare = HeaderValue::from_static(r#"Bearer error="insufficient_user_authentication""#);
    HeaderValue::try_from(challenge).unwrap_or(bare)
}

fn insufficient_scope(scope: Option<&str>) -> HeaderValue {
    const BARE: HeaderValue = HeaderValue::from_static(r#"Bearer error="insufficient_scope""#);
    // a valid scope needs no escaping; an invalid one could end the quoted string
    let scope = scope.map(first_names).filter(|scope| is_scope(scope));
    let Some(scope) = scope else {
        return BARE;
    };
    let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
    HeaderValue::try_from(challenge).unwrap_or(BARE)
}

/// Returns the first whole names of a scope, up to [`MAX_SCOPE`] bytes.
fn first_names(scope: &str) -> &str {
    if scope.len() <= MAX_SCOPE {
        return scope;
    }
    let start = scope.get(..=MAX_SCOPE).unwrap_or_default();
    start.rsplit_once(' ').map_or("", |(whole, _)| whole)
}

/// Returns true for `scope-token *( SP scope-token )` (RFC 6749 section 3.3).
fn is_scope(scope: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty()
            && token
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    scope.split(' ').all(is_token)
}

#[cfg(feature = "axum")]
impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        let mut response = self.clone().into_problem().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(denial: &Denial) -> (u16, Option<String>, String) {
        let problem = denial.clone().into_problem();
        let detail = problem.detail().to_owned();
        let response = problem.into_response();
        let challenge = response
            .headers()
            .get(WWW_AUTHENTICATE)
            .map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge, detail)
    }

    #[test]
    fn every_denial_has_its_documented_status_challenge_and_detail() {
        let forbidden = |scope: Option<&str>| Denial::Forbidden {
            scope: scope.map(str::to_owned),
            receipt: None,
        };
        let table: [(Denial, u16, Option<&str>, &str); 10] = [
            (
                Denial::NotAuthenticated,
                401,
                Some("Bearer"),
                "Not authenticated",
            ),
            (
                Denial::InvalidToken,
                401,
                Some(
                    r#"Bearer error="invalid_token", error_description="The access token is not valid""#,
                ),
                "Could not validate credentials",
            ),
            (
                Denial::EndedToken,
                401,
                Some(
                    r#"Bearer error="invalid_token", error_description="The access token has ended; refresh it""#,
                ),
                "Could not validate credentials",
            ),
            (
                Denial::TwoCredentials,
                400,
                Some(r#"Bearer error="invalid_request""#),
                "Send one credential",
            ),
            (Denial::CrossSite, 403, None, CROSS_SITE),
            (Denial::UnprovenSender, 403, None, UNPROVEN_SENDER),
            (
                forbidden(Some("role:admin items:read")),
                403,
                Some(r#"Bearer error="insufficient_scope", scope="role:admin items:read""#),
                "Operation not permitted",
            ),
            (
                forbidden(None),
                403,
                Some(r#"Bearer error="insufficient_scope""#),
                "Operation not permitted",
            ),
            (
                Denial::Unavailable,
                503,
                None,
                "cannot decide at the moment; try again",
            ),
            (Denial::Unguarded, 500, None, "internal error"),
        ];
        for (denial, status, challenge, detail) in table {
            let expected = (status, challenge.map(str::to_owned), detail.to_owned());
            assert_eq!(answer(&denial), expected, "{denial:?}");
        }
    }

    #[test]
    fn a_step_up_says_what_the_sign_in_lacks() {
        let step_up = |acr, max_age| Denial::StepUp {
            acr,
            max_age,
            receipt: None,
        };
        let again = "Sign in again: this needs a stronger or newer sign-in";
        let table: [(Denial, u16, Option<&str>, &str); 3] = [
            (
                step_up(Some(Acr::Aal2), None),
                401,
                Some(r#"Bearer error="insufficient_user_authentication", acr_values="aal2""#),
                again,
            ),
            (
                step_up(None, Some(300)),
                401,
                Some(r#"Bearer error="insufficient_user_authentication", max_age="300""#),
                again,
            ),
            (
                step_up(Some(Acr::Phr), Some(0)),
                401,
                Some(
                    r#"Bearer error="insufficient_user_authentication", acr_values="phr", max_age="0""#,
                ),
                again,
            ),
        ];
        for (denial, status, challenge, detail) in table {
            let expected = (status, challenge.map(str::to_owned), detail.to_owned());
            assert_eq!(answer(&denial), expected, "{denial:?}");
        }
    }

    #[test]
    fn a_login_without_a_cookie_is_not_refused_for_a_cookie() {
        let (_, _, detail) = answer(&Denial::UnprovenSender);
        assert!(!detail.contains("cookie") && !detail.contains("Authorization"));
        assert_eq!(Denial::UnprovenSender.code(), Denial::CrossSite.code());
    }

    #[test]
    fn only_unavailable_has_retry_after() {
        let response = Denial::Unavailable.into_response();
        assert_eq!(response.headers()["retry-after"], "1");
        let response = Denial::Unguarded.into_response();
        assert!(!response.headers().contains_key("retry-after"));
    }

    #[test]
    fn y154_a_long_scope_is_cut_after_a_name() {
        let challenge = |scope: String| {
            let receipt = None;
            let scope = Some(scope);
            answer(&Denial::Forbidden { scope, receipt }).1.unwrap()
        };
        let names: Vec<String> = (0..9000).map(|number| format!("role:r{number}")).collect();
        let cut = challenge(names.join(" "));
        assert!((900..1100).contains(&cut.len()), "{cut}");
        let listed = cut.split('"').nth(3).unwrap().split(' ').count();
        assert_eq!(
            cut,
            format!(
                r#"Bearer error="insufficient_scope", scope="{}""#,
                names[..listed].join(" ")
            )
        );
        let whole = format!("{} {}", "a".repeat(511), "b".repeat(512));
        assert!(challenge(whole.clone()).contains(&format!("\"{whole}\"")));
        assert!(!challenge(format!("{whole}c")).contains('b'));
        assert_eq!(
            challenge("a".repeat(1025)),
            r#"Bearer error="insufficient_scope""#
        );
    }

    #[test]
    fn an_invalid_scope_is_left_out_of_the_challenge() {
        for invalid in [
            "a\"b",
            "a\\b",
            "a\r\nx: y",
            "a  b",
            "",
            " a",
            "\u{e9}",
            "a\0",
        ] {
            let (_, challenge, _) = answer(&Denial::Forbidden {
                scope: Some(invalid.to_owned()),
                receipt: None,
            });
            assert_eq!(
                challenge.as_deref(),
                Some(r#"Bearer error="insufficient_scope""#),
                "{invalid:?}"
            );
        }
    }
}
