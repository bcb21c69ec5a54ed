//! What can go wrong in the API, and the one place that says how it is answered.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use rolecall::{Denial, Problem};
use rolecall_core::{
    Excess, Permission, RoleName,
    document::{DocumentError, DocumentErrors, Step},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    accounts::authority::{self, Caller},
    metrics::requests::Refused,
    roles::{constraints, separation::Separation},
    store::StoreError,
};

/// A member of a body, path or query that cannot be taken, written as `FastAPI` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// Where it stands: `["body", "username"]`.
    pub(crate) loc: Vec<Place>,
    pub(crate) msg: String,
    pub(crate) kind: &'static str,
}

/// A step on the way to a member: its name, or a place in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Place {
    Member(String),
    Index(usize),
}

impl From<&str> for Place {
    fn from(name: &str) -> Self {
        Self::Member(name.to_owned())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Member(name) => f.write_str(name),
            Self::Index(index) => write!(f, "{index}"),
        }
    }
}

impl FieldError {
    pub(crate) fn body(member: &str, kind: &'static str, msg: impl Into<String>) -> Self {
        Self {
            loc: vec!["body".into(), member.into()],
            msg: msg.into(),
            kind,
        }
    }

    pub(crate) fn query(member: &str, kind: &'static str, msg: impl Into<String>) -> Self {
        Self {
            loc: vec!["query".into(), member.into()],
            msg: msg.into(),
            kind,
        }
    }
}

/// Everything a service function can refuse.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// A member is wrong.
    #[error("{}", .0.msg)]
    Invalid(FieldError),
    /// A policy document has faults.
    #[error("{}", .0.0.first().map(ToString::to_string).unwrap_or_default())]
    Document(DocumentErrors),
    /// The policy is another one than the caller thinks.
    #[error("the policy is another one by now: read it again and compare")]
    Stale,
    #[error("say with `If-Match` which policy is to be replaced: the ETag that it was read with")]
    NoPrecondition,
    /// A body is not what its content type says.
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    #[error("the body is too large")]
    TooLarge,
    /// Something named does not exist.
    #[error("no {kind} `{name}`")]
    Unknown { kind: &'static str, name: String },
    /// Something named exists already.
    #[error("{kind} `{name}` is already there")]
    AlreadyThere { kind: &'static str, name: String },
    /// Something cannot go while others need it.
    #[error("{kind} `{name}` is still in use: {by}")]
    InUse {
        kind: &'static str,
        name: String,
        by: String,
    },
    /// A rule of the model stands against it.
    #[error("{detail}")]
    Rule {
        rule: &'static str,
        detail: String,
        roles: Vec<RoleName>,
        path: Vec<RoleName>,
    },
    /// Somebody would have, or has active, what a constraint keeps apart.
    #[error("{0}")]
    Separation(Box<Separation>),
    /// The delegation limit: the caller holds less than what is acted on.
    #[error("Operation not permitted")]
    Exceeds(Excess),
    /// The database says that the caller may not, whatever the token says.
    #[error("Operation not permitted")]
    Lacks(Option<Permission>),
    /// The caller holds the permission in the tenant of the token alone, and acts elsewhere.
    #[error("Operation not permitted")]
    OtherTenant(Permission),
    /// A refusal of a known caller, with a receipt by which it can be explained.
    #[error("{error}")]
    Receipted { error: Box<Self>, receipt: String },
    #[error("{0}")]
    Forbidden(&'static str),
    /// What the guard itself would answer.
    #[error("denied")]
    Denied(Denial),
    #[error("too many tries")]
    TooMany { retry_after: Duration },
    #[error("too busy")]
    Busy,
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Internal(Box::new(error))
    }
}

impl ApiError {
    pub(crate) fn unknown(kind: &'static str, name: &impl ToString) -> Self {
        Self::Unknown {
            kind,
            name: excerpt(&name.to_string()),
        }
    }

    pub(crate) fn already_there(kind: &'static str, name: &impl ToString) -> Self {
        Self::AlreadyThere {
            kind,
            name: name.to_string(),
        }
    }

    pub(crate) fn rule(
        rule: &'static str,
        detail: impl Into<String>,
        roles: Vec<RoleName>,
    ) -> Self {
        Self::Rule {
            rule,
            detail: detail.into(),
            roles,
            path: Vec::new(),
        }
    }

    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Invalid(_) | Self::Document(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Self::Stale => (StatusCode::PRECONDITION_FAILED, "stale"),
            Self::NoPrecondition => (StatusCode::PRECONDITION_REQUIRED, "no_precondition"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::UnsupportedMediaType(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::Unknown { .. } => (StatusCode::NOT_FOUND, "unknown"),
            Self::AlreadyThere { .. } => (StatusCode::CONFLICT, "already_there"),
            Self::InUse { .. } => (StatusCode::CONFLICT, "in_use"),
            Self::Rule { .. } | Self::Separation(_) => (StatusCode::CONFLICT, "rule"),
            Self::Exceeds(_) => (StatusCode::FORBIDDEN, "delegation_limit"),
            Self::Lacks(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::OtherTenant(_) => (StatusCode::FORBIDDEN, "other_tenant"),
            Self::Receipted { error, .. } => error.status_and_code(),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Denied(_) => (StatusCode::UNAUTHORIZED, "denied"),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_tries"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too_busy"),
            _ if self.is_outage() => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// Whether the database did not answer, which passes.
    pub(crate) fn is_outage(&self) -> bool {
        let error = match self {
            Self::Internal(error) => error.downcast_ref(),
            _ => None,
        };
        error.is_some_and(StoreError::is_outage)
    }

    /// Writes to the log what the caller is not told.
    pub(crate) fn log(&self) {
        if let Self::Internal(source) = self {
            tracing::error!(error = %chain_of(source.as_ref()), "request failed");
        }
    }

    /// What the caller lacks, written as a scope; `None` if that is not why it is refused.
    pub(crate) fn lacking_scope(&self) -> Option<String> {
        match self {
            Self::Exceeds(excess) => Some(scope_of(excess)),
            Self::Lacks(permission) => Some(
                permission
                    .as_ref()
                    .map_or("", Permission::as_str)
                    .to_owned(),
            ),
            Self::OtherTenant(permission) => Some(permission.to_string()),
            Self::Receipted { error, .. } => error.lacking_scope(),
            _ => None,
        }
    }

    /// Without the names of people, where `caller` may not see who has which role.
    pub(crate) fn discreet(self, caller: Caller<'_>) -> Self {
        match (self, caller) {
            (Self::Separation(found), Caller::Token(principal))
                if !authority::may_see_everybody(principal) =>
            {
                Self::Separation(Box::new(found.without_names()))
            }
            (other, _) => other,
        }
    }

    /// Adds the receipt for a refusal of `caller`, if it is one and the guard writes some.
    pub(crate) fn receipted(self, caller: Caller<'_>) -> Self {
        // where nothing would have been enough there is nothing to explain
        let scope = self.lacking_scope().filter(|scope| !scope.is_empty());
        let (Caller::Token(principal), Some(scope)) = (caller, scope) else {
            return self;
        };
        let needs = json!({ "all": scope.split(' ').collect::<Vec<_>>() });
        let needs = match &self {
            Self::OtherTenant(_) => json!({ "global": needs }),
            _ => needs,
        };
        match principal.receipt(&needs) {
            Some(receipt) => Self::Receipted {
                error: Box::new(self),
                receipt,
            },
            None => self,
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
                .with("rule", json!(constraints::RULE))
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

/// What is told of a database that does not answer.
pub(crate) const OUTAGE: &str = "the database does not answer";

/// How many faults of a document are told.
const MAX_FAULTS: usize = 1000;

/// The faults of a document; where it was a text, each says in which line and column.
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

/// What an answer may quote of a hostile text: its start, with control characters escaped.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// The `WWW-Authenticate` value of RFC 6750 section 3.1 for a lack of permissions.
fn insufficient_scope(scope: &str) -> String {
    if scope.is_empty() {
        r#"Bearer error="insufficient_scope""#.to_owned()
    } else {
        format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)
    }
}

/// The permissions that are lacking; roles only where no permission is.
fn scope_of(excess: &Excess) -> String {
    let permissions: Vec<String> = excess.permissions.iter().map(ToString::to_string).collect();
    if permissions.is_empty() {
        let roles = excess.roles.iter().map(|role| format!("role:{role}"));
        return roles.collect::<Vec<_>>().join(" ");
    }
    permissions.join(" ")
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Denied(denial) = self {
            return denial.into_response();
        }
        let (status, code) = self.status_and_code();
        self.log();
        let detail = if self.is_outage() {
            OUTAGE.to_owned()
        } else {
            self.to_string()
        };
        let mut response = self
            .members(Problem::new(status, code, detail))
            .into_response();
        response.extensions_mut().insert(Refused(code));
        let headers = response.headers_mut();
        let challenge = self.lacking_scope().map(|scope| insufficient_scope(&scope));
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

/// An error and what caused it, on one line for the log.
pub(crate) fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
