//! Errors of the services. [`crate::web::problem`] maps them to HTTP.

use std::time::Duration;

use rolecall::Denial;
use rolecall_core::{Acr, Excess, Permission, RoleName, document::DocumentErrors};
use serde::Serialize;

use crate::{reasons::Reason, refusals::Separation, store::StoreError};

/// A member of a body, path or query that cannot be taken, written as `FastAPI` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// The path of the member: `["body", "username"]`.
    pub(crate) loc: Vec<Place>,
    pub(crate) msg: String,
    pub(crate) kind: &'static str,
    /// `None` where the message has no text on the pages for administrators.
    pub(crate) reason: Option<Box<Reason>>,
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
            reason: None,
        }
    }

    /// Returns the fault of a member of a body, which has a text on the pages for administrators.
    pub(crate) fn because(member: &str, kind: &'static str, reason: Reason) -> Self {
        Self {
            msg: reason.to_string(),
            reason: Some(Box::new(reason)),
            ..Self::body(member, kind, "")
        }
    }

    pub(crate) fn query(member: &str, kind: &'static str, msg: impl Into<String>) -> Self {
        Self {
            loc: vec!["query".into(), member.into()],
            msg: msg.into(),
            kind,
            reason: None,
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
    #[error("the policy has changed; fetch it again and retry")]
    Stale,
    #[error("say with `If-Match` which policy is to be replaced: the ETag that it was read with")]
    NoPrecondition,
    /// A body does not match its content type.
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    #[error("compressed bodies are not supported: send it without `Content-Encoding`")]
    Compressed,
    /// A policy exceeds a limit of the configuration.
    #[error("{0}")]
    PolicyTooLarge(Box<Reason>),
    #[error("the body is too large")]
    TooLarge,
    /// Something named does not exist.
    #[error("no {kind} `{name}`")]
    Unknown { kind: &'static str, name: String },
    /// Something named exists already.
    #[error("{kind} `{name}` already exists")]
    AlreadyThere { kind: &'static str, name: String },
    /// Something cannot go while others need it.
    #[error("{kind} `{name}` is still in use: {by}")]
    InUse {
        kind: &'static str,
        name: String,
        by: Box<Reason>,
    },
    /// A rule of the model refuses the request.
    #[error("{detail}")]
    Rule {
        rule: &'static str,
        detail: String,
        roles: Vec<RoleName>,
        path: Vec<RoleName>,
        /// `None` where no administrator meets it on a page.
        reason: Option<Box<Reason>>,
    },
    /// Somebody would have, or has active, what a constraint keeps apart.
    #[error("{0}")]
    Separation(Box<Separation>),
    /// The delegation limit: the caller holds less than what is acted on.
    #[error("Operation not permitted")]
    Exceeds(Excess),
    /// The caller lacks the permission by the database, whatever the token carries.
    #[error("Operation not permitted")]
    Lacks(Option<Permission>),
    /// The caller holds the permission in the tenant of the token alone, and acts elsewhere.
    #[error("Operation not permitted")]
    OtherTenant(Permission),
    /// A refusal of a known caller, with a receipt by which it can be explained.
    #[error("{error}")]
    Receipted { error: Box<Self>, receipt: String },
    /// The token was not made for reading claims about its user.
    #[error("the token was issued without the scope `openid`, or for another resource")]
    NotOpenid,
    /// The caller has to prove again who they are: more recently, or with more (RFC 9470).
    #[error("sign in again to do this{}", .acr.map_or("", |_| ", with a second factor"))]
    StepUp { acr: Option<Acr>, max_age: Duration },
    #[error("{0}")]
    Forbidden(&'static str),
    /// A denial as the guard itself answers it.
    #[error("denied")]
    Denied(Denial),
    #[error("too many tries")]
    TooMany { retry_after: Duration },
    #[error("too busy")]
    Busy,
    /// The holders of the roles that a change concerns must be looked at first, before it keeps other changes waiting.
    /// It never leaves the loop that tries the change again.
    #[error("the holders of roles were not looked at")]
    Unchecked,
    /// The server was asked to stop, and load balancers should choose another node.
    #[error("the server is about to stop; ask another node")]
    Stopping,
    /// The server waits for its database, and has answered nothing else yet.
    #[error("the server is starting, and waits for its database")]
    #[cfg_attr(
        not(feature = "cli"),
        expect(
            dead_code,
            reason = "an application that embeds the server binds its own listener"
        )
    )]
    Starting,
    /// This node lacks what its work needs, such as the master key in force; another node may have it.
    #[error("this server cannot do its work now; ask another node")]
    Unready(#[source] Box<dyn std::error::Error + Send + Sync>),
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

    /// Returns the refusal by a rule that no administrator meets on a page; those have a [reason](Self::because).
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
            reason: None,
        }
    }

    /// Returns the refusal by a rule that concerns these roles.
    pub(crate) fn because(reason: Reason, roles: Vec<RoleName>) -> Self {
        Self::because_along(reason, roles, Vec::new())
    }

    /// As [`because`](Self::because), with the path down the hierarchy to the last of the roles.
    pub(crate) fn because_along(reason: Reason, roles: Vec<RoleName>, path: Vec<RoleName>) -> Self {
        Self::Rule {
            rule: reason.rule(),
            detail: reason.to_string(),
            roles,
            path,
            reason: Some(Box::new(reason)),
        }
    }

    pub(crate) fn in_use(kind: &'static str, name: &impl ToString, by: Reason) -> Self {
        Self::InUse {
            kind,
            name: name.to_string(),
            by: Box::new(by),
        }
    }

    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    /// Wraps an error that lasts until somebody removes its cause: a client should retry, if possible at another node.
    pub(crate) fn into_unready(self) -> Self {
        if self.is_outage() {
            return self;
        }
        match self {
            Self::Internal(source) => Self::Unready(source),
            other => other,
        }
    }

    /// Returns `true` if the caller lacks a permission.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Lacks(_) | Self::OtherTenant(_) => true,
            Self::Receipted { error, .. } => error.is_refusal(),
            _ => false,
        }
    }

    /// Returns `true` if a rule or a lack of permissions refuses a change. It kept other changes waiting all the same.
    pub(crate) fn is_refused_change(&self) -> bool {
        match self {
            Self::Receipted { error, .. } => error.is_refused_change(),
            Self::Rule { .. }
            | Self::Separation(_)
            | Self::InUse { .. }
            | Self::AlreadyThere { .. }
            | Self::Exceeds(_)
            | Self::Lacks(_)
            | Self::OtherTenant(_)
            | Self::Forbidden(_)
            | Self::PolicyTooLarge(_)
            | Self::Stale => true,
            _ => false,
        }
    }

    /// Returns `true` if the disk of the database is full.
    pub(crate) fn is_full(&self) -> bool {
        self.store_error().is_some_and(StoreError::is_full)
    }

    /// Returns `true` if the database gave no connection to a change.
    pub(crate) fn is_without_connection(&self) -> bool {
        self.store_error()
            .is_some_and(StoreError::is_without_connection)
    }

    /// Returns `true` if the database answers, but another change kept this one waiting for too long.
    pub(crate) fn is_contention(&self) -> bool {
        self.store_error().is_some_and(StoreError::is_contention)
    }

    /// Returns `true` if the database did not answer, or this node cannot work for another reason, which is temporary.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Unready(_)) || self.store_error().is_some_and(StoreError::is_outage)
    }

    /// Returns the error of the database behind this one.
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Internal(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// Returns `true` if the database may recover by itself.
    pub(crate) fn is_temporary(&self) -> bool {
        self.store_error().is_some_and(StoreError::is_temporary)
    }

    /// Returns `true` if the file of the database is damaged.
    pub(crate) fn is_damage(&self) -> bool {
        self.store_error().is_some_and(StoreError::is_damage)
    }

    /// Logs the cause of an internal error, which the answer does not show.
    pub(crate) fn log(&self) {
        if let Self::Internal(source) | Self::Unready(source) = self {
            tracing::error!(error = %chain_of(source.as_ref()), "request failed");
        }
    }

    /// Returns the missing permissions as a scope; `None` if the error is not about permissions.
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
            Self::NotOpenid => Some("openid".to_owned()),
            Self::Receipted { error, .. } => error.lacking_scope(),
            _ => None,
        }
    }
}

/// Returns the start of a hostile text, with control characters escaped, so that an answer can quote it.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// The most bytes of a scope: it goes into a header and into a receipt, whose reader sends it in a URL.
const MAX_SCOPE: usize = 1024;

/// The first permissions that are lacking; roles only where no permission is.
fn scope_of(excess: &Excess) -> String {
    if excess.permissions.is_empty() {
        let roles = excess.roles.iter().map(|role| format!("role:{role}"));
        return joined(roles);
    }
    joined(excess.permissions.iter().map(ToString::to_string))
}

/// Joins names with spaces, as many as fit into [`MAX_SCOPE`].
fn joined(names: impl Iterator<Item = String>) -> String {
    let mut scope = String::new();
    for name in names {
        if scope.len() + name.len() >= MAX_SCOPE {
            break;
        }
        if !scope.is_empty() {
            scope.push(' ');
        }
        scope.push_str(&name);
    }
    scope
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
