//! The one map from errors to HTTP answers: status, problem document (RFC 9457) and headers.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use rolecall::Problem;
use rolecall_core::document::{DocumentError, DocumentErrors, Step};
use serde_json::json;

use crate::{
    error::{ApiError, Place, excerpt},
    refusals::SEPARATION_OF_DUTIES,
    store::StoreError,
};

/// The code of a refusal, as an extension of the answer, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) &'static str);

/// The message while the database does not answer.
const OUTAGE: &str = "the database does not answer";

/// The message while the database gives no connection to a change.
const NO_CONNECTION: &str =
    "the database gives no connection: it has too many already, or cannot be reached";

/// The message once pages of the database were found damaged.
const DAMAGED: &str = "the database is damaged";

/// The message while no write has room.
const FULL: &str = "the disk of the database is full";

/// The number of faults of a document that an answer lists.
const MAX_FAULTS: usize = 1000;

/// Lists the faults of a document, with line and column if it was a text.
fn faults(errors: &DocumentErrors) -> serde_json::Value {
    let fault = |error: &DocumentError| {
        let steps = error.path.iter().map(|step| match step {
            Step::Member(name) => Place::Member(excerpt(name)),
            Step::Index(index) => Place::Index(*index),
        });
        let loc: Vec<Place> = std::iter::once(Place::from("body")).chain(steps).collect();
        let mut fault = json!({ "loc": loc, "msg": error.to_string(), "type": error.kind });
        if let (Some(position), Some(members)) = (error.position, fault.as_object_mut()) {
            members.insert("line".to_owned(), json!(position.line));
            members.insert("column".to_owned(), json!(position.column));
        }
        fault
    };
    errors.0.iter().take(MAX_FAULTS).map(fault).collect()
}

/// The `WWW-Authenticate` value of RFC 6750 section 3.1 for a lack of permissions.
fn insufficient_scope(scope: &str) -> String {
    if scope.is_empty() {
        r#"Bearer error="insufficient_scope""#.to_owned()
    } else {
        format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)
    }
}

impl ApiError {
    /// Returns the `WWW-Authenticate` value of RFC 9470 section 3.
    fn step_up(&self) -> Option<String> {
        let Self::StepUp { acr, max_age } = self else {
            return None;
        };
        let error = r#"Bearer error="insufficient_user_authentication""#;
        let acr = acr.map_or_else(String::new, |acr| format!(r#", acr_values="{acr}""#));
        Some(format!(r#"{error}{acr}, max_age="{}""#, max_age.as_secs()))
    }

    /// Returns the status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status_and_code().0
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Invalid(_) | Self::Document(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Self::PolicyTooLarge(_) => (StatusCode::UNPROCESSABLE_ENTITY, "policy_too_large"),
            Self::Stale => (StatusCode::PRECONDITION_FAILED, "stale"),
            Self::NoPrecondition => (StatusCode::PRECONDITION_REQUIRED, "no_precondition"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::UnsupportedMediaType(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::Compressed => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Unknown { .. } => (StatusCode::NOT_FOUND, "unknown"),
            Self::AlreadyThere { .. } => (StatusCode::CONFLICT, "already_there"),
            Self::InUse { .. } => (StatusCode::CONFLICT, "in_use"),
            Self::Rule { .. } | Self::Separation(_) => (StatusCode::CONFLICT, "rule"),
            Self::Exceeds(_) => (StatusCode::FORBIDDEN, "delegation_limit"),
            Self::Lacks(_) | Self::NotOpenid => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::OtherTenant(_) => (StatusCode::FORBIDDEN, "other_tenant"),
            Self::Receipted { error, .. } => error.status_and_code(),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::StepUp { .. } => (StatusCode::UNAUTHORIZED, "insufficient_user_authentication"),
            Self::Denied(_) => (StatusCode::UNAUTHORIZED, "denied"),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_tries"),
            Self::Busy | Self::Unchecked => (StatusCode::SERVICE_UNAVAILABLE, "too_busy"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Self::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
            Self::Unready(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            _ if self.is_outage() => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// Returns the message of a temporary failure.
    pub(crate) fn outage_detail(&self) -> Option<String> {
        match self {
            Self::Unready(_) => Some(self.to_string()),
            _ if self.is_contention() => Some(StoreError::Contended.to_string()),
            _ if self.is_without_connection() => Some(NO_CONNECTION.to_owned()),
            _ if self.is_full() => Some(FULL.to_owned()),
            _ if self.is_damage() => Some(DAMAGED.to_owned()),
            _ => self.is_outage().then(|| OUTAGE.to_owned()),
        }
    }

    fn members(&self, problem: Problem) -> Problem {
        match self {
            Self::Invalid(field) => problem.with(
                "errors",
                json!([{ "loc": field.loc, "msg": field.msg, "type": field.kind }]),
            ),
            Self::Document(errors) => problem.with("errors", faults(errors)),
            Self::Rule {
                rule, roles, path, ..
            } => problem
                .with("rule", json!(rule))
                .with("roles", json!(roles))
                .with("path", json!(path)),
            Self::Separation(found) => problem
                .with("rule", json!(SEPARATION_OF_DUTIES))
                .with("roles", json!(found.breach.roles))
                .with("path", json!(found.breach.path))
                .with("constraint", json!(found.breach.constraint))
                .with("subjects", json!(found.subjects)),
            Self::Exceeds(excess) => problem
                .with("rule", json!("delegation_limit"))
                .with("roles", json!(excess.roles))
                .with("permissions", json!(excess.permissions))
                .with("path", json!(excess.path)),
            Self::Lacks(Some(permission)) => problem
                .with("rule", json!(permission))
                .with("roles", json!([]))
                .with("path", json!([])),
            Self::OtherTenant(permission) => problem
                .with("rule", json!("other_tenant"))
                .with("roles", json!([]))
                .with("permissions", json!([permission]))
                .with("path", json!([])),
            Self::Receipted { error, receipt } => {
                error.members(problem).with("receipt", json!(receipt))
            }
            _ => problem,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Denied(denial) = self {
            return denial.into_response();
        }
        let (status, code) = self.status_and_code();
        self.log();
        let detail = self.outage_detail().unwrap_or_else(|| self.to_string());
        let mut response = self
            .members(Problem::new(status, code, detail))
            .into_response();
        response.extensions_mut().insert(Refused(code));
        let headers = response.headers_mut();
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE && code == "compressed" {
            // RFC 9110 section 12.5.3
            headers.insert(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("identity"),
            );
        }
        let challenge = self.lacking_scope().map(|scope| insufficient_scope(&scope));
        let challenge = challenge.or_else(|| self.step_up());
        if let Some(challenge) = challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        let retry_after = match &self {
            Self::TooMany { retry_after } => Some(retry_after.as_secs().max(1)),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(1),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
