//! The policy as one document, over the API.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, header};
use rolecall::Require;
use rolecall_core::{
    Acr, Permission, RoleName,
    document::{PolicyChange, RoleEffect, RoleEntry},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    apply::{self, IfMatch},
    body::{PolicyBody, TOML, wants_toml},
    plan,
    plan_effects::{AffectedSubject, Counts, Plan, Shown},
    service,
};
use crate::{
    app::App,
    authority::{caller::Caller, may},
    error::ApiError,
    web::document::ProblemDocument,
};

/// The most changes, roles and subjects that a plan lists, and the most names in their effects. The counts include all.
const SHOWN: Shown = Shown {
    entries: 200,
    names: 100_000,
};

/// The policy: the rules of an application, without role assignments.
#[derive(Deserialize, ToSchema)]
#[schema(as = Policy)]
#[expect(
    dead_code,
    reason = "says in the document what the body is; the core reads it"
)]
pub(crate) struct PolicyDocument {
    /// Each permission with its description.
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    roles: BTreeMap<String, PolicyRole>,
    /// Separation of duties: for each name `kind` (`static` or `dynamic`), `roles` and `at_most`.
    #[serde(default)]
    #[schema(value_type = Object)]
    constraints: Value,
    /// Expectations; only their form is checked, and they are not kept.
    #[serde(default)]
    tests: Vec<PolicyTest>,
}

/// A role of a policy.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "says in the document what the body is; the core reads it"
)]
pub(crate) struct PolicyRole {
    #[serde(default)]
    description: String,
    /// Permissions, and wildcards such as `items:*`.
    #[serde(default)]
    permissions: Vec<String>,
    #[serde(default)]
    juniors: Vec<String>,
    /// True if a second person must approve each assignment of the role.
    #[serde(default)]
    approval: bool,
    /// True, the default, if applications may check for the role by its name.
    #[serde(default = "works_by_name")]
    #[schema(default = true)]
    by_name: bool,
    /// The assurance that a session needs to have the role: `aal1`, the default, `aal2` or `phr`.
    #[serde(default)]
    #[schema(value_type = String, default = "aal1")]
    acr: Acr,
}

fn works_by_name() -> bool {
    RoleEntry::default().by_name
}

/// An expectation about one role or one user.
#[derive(Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "says in the document what the body is; the core reads it"
)]
pub(crate) struct PolicyTest {
    role: Option<String>,
    user: Option<String>,
    tenant: Option<String>,
    #[schema(format = DateTime)]
    at: Option<String>,
    /// The assurance of the session: `aal1`, `aal2` or `phr`.
    acr: Option<String>,
    #[serde(default)]
    can: Vec<String>,
    #[serde(default)]
    cannot: Vec<String>,
}

/// The permissions and roles that a subject or role gains and loses.
#[derive(Serialize, ToSchema)]
pub(crate) struct Effect {
    #[schema(value_type = Vec<String>)]
    gains: BTreeSet<Permission>,
    #[schema(value_type = Vec<String>)]
    loses: BTreeSet<Permission>,
    #[schema(value_type = Vec<String>)]
    gains_roles: BTreeSet<RoleName>,
    #[schema(value_type = Vec<String>)]
    loses_roles: BTreeSet<RoleName>,
    /// Roles that are kept, with the assurance that a session needs from now on to have them. If it is higher than before,
    /// sessions below it lose them; if it is lower, sessions from it on gain them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    needs_acr: BTreeMap<RoleName, Acr>,
    /// The assurance that the roles in `needs_acr` needed before.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    needed_acr: BTreeMap<RoleName, Acr>,
}

impl From<&RoleEffect> for Effect {
    fn from(effect: &RoleEffect) -> Self {
        Self {
            gains: effect.gains.clone(),
            loses: effect.loses.clone(),
            gains_roles: effect.gains_roles.clone(),
            loses_roles: effect.loses_roles.clone(),
            needs_acr: effect.needs_acr.clone(),
            needed_acr: effect.needed_acr.clone(),
        }
    }
}

/// The effect on a role, including all that it inherits.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleChange {
    #[schema(value_type = String)]
    role: RoleName,
    #[serde(flatten)]
    effect: Effect,
}

/// The effect on a user or client.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubjectChange {
    id: String,
    kind: String,
    name: String,
    /// null for the effect outside of tenants.
    #[schema(required)]
    tenant: Option<String>,
    #[serde(flatten)]
    effect: Effect,
}

/// The changes that a document would make. The lists show the first 200, or fewer roles and subjects if these gain or
/// lose very many permissions.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyPlan {
    counts: Counts,
    #[schema(value_type = Vec<Object>)]
    changes: Vec<PolicyChange>,
    roles: Vec<RoleChange>,
    /// null for a caller who may not read users and their roles.
    #[schema(required)]
    subjects: Option<Vec<SubjectChange>>,
}

impl PolicyPlan {
    /// Shows up to `shown` changes of a plan, and its roles and subjects.
    pub(crate) fn of(plan: Plan, shown: usize) -> Self {
        let roles = plan.roles.iter().map(|(role, effect)| RoleChange {
            role: role.clone(),
            effect: effect.into(),
        });
        let subject = |one: &AffectedSubject| SubjectChange {
            id: one.id.clone(),
            kind: one.kind.clone(),
            name: one.name.clone(),
            tenant: one.tenant.as_ref().map(ToString::to_string),
            effect: (&one.effect).into(),
        };
        let subjects = plan.subjects.iter().map(subject);
        Self {
            counts: plan.counts,
            roles: roles.collect(),
            subjects: plan.can_see_holders.then(|| subjects.collect()),
            changes: plan.changes.into_iter().take(shown).collect(),
        }
    }
}

/// The changes that were made.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyChanges {
    #[schema(value_type = Vec<Object>)]
    changes: Vec<PolicyChange>,
}

/// Adds the tag of a document in one of its two forms. `If-Match` takes the tag of either form.
fn with_tag(mut response: Response, tag: &str, form: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("\"{tag}.{form}\"")) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Show the whole policy.
///
/// JSON, or TOML with `Accept: application/toml`. It includes neither rolecall's own roles and permissions nor role
/// assignments.
#[utoipa::path(get, path = "/api/policy", tag = "policy", responses(
    (status = 200, description = "The policy", content(
        (PolicyDocument = "application/json"), (String = "application/toml")),
        headers(("ETag" = String, description = "For `If-Match`"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn get_policy(
    caller: Require<may::ReadPolicy>,
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let shown = service::show(&app, Caller::Token(&caller)).await?;
    let mut response = if wants_toml(&headers) {
        let media_type = [(header::CONTENT_TYPE, TOML)];
        let response = (media_type, shown.document.to_toml()).into_response();
        with_tag(response, &shown.tag, "toml")
    } else {
        with_tag(Json(&shown.document).into_response(), &shown.tag, "json")
    };
    let vary = HeaderValue::from_static("accept");
    response.headers_mut().append(header::VARY, vary);
    Ok(response)
}

/// Plan a policy change.
///
/// Lists the differences, and the subjects that would gain or lose something. It writes nothing. Only a caller who may
/// read users and role assignments sees the subjects.
#[utoipa::path(post, path = "/api/policy/plan", tag = "policy",
    request_body(content((PolicyDocument = "application/json"), (String = "application/toml"))), responses(
    (status = 200, description = "The changes that the document would make", body = PolicyPlan,
        headers(("ETag" = String, description = "The tag of the policy in force"))),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn plan_policy(
    caller: Require<may::ReadPolicy>,
    State(app): State<App>,
    body: PolicyBody,
) -> Result<Response, ApiError> {
    let plan = plan::plan(&app, Caller::Token(&caller), &body.parsed, SHOWN).await?;
    let tag = plan.tag.clone();
    let plan = PolicyPlan::of(plan, SHOWN.entries);
    Ok(with_tag(Json(plan).into_response(), &tag, "json"))
}

/// Replace the policy.
///
/// One transaction: all changes are made, or none. It needs `If-Match` with the `ETag` that the policy was read with.
#[utoipa::path(put, path = "/api/policy", tag = "policy",
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the policy to replace")),
    request_body(content((PolicyDocument = "application/json"), (String = "application/toml"))), responses(
    (status = 200, description = "The changes that were made", body = PolicyChanges,
        headers(("ETag" = String, description = "The tag of the policy that is now in force"))),
    (status = 412, description = "The policy has changed", body = ProblemDocument),
    (status = 428, description = "`If-Match` is missing", body = ProblemDocument),
    (status = "4XX", description = "The request is wrong", body = ProblemDocument)))]
pub(crate) async fn replace_policy(
    caller: Require<may::WritePolicy>,
    State(app): State<App>,
    headers: HeaderMap,
    body: PolicyBody,
) -> Result<Response, ApiError> {
    let if_match = if_match(&headers)?;
    let applied = apply::apply(&app, Caller::Token(&caller), &body.parsed, &if_match).await?;
    let changes = PolicyChanges {
        changes: applied.changes,
    };
    Ok(with_tag(
        Json(changes).into_response(),
        &applied.tag,
        "json",
    ))
}

fn if_match(headers: &HeaderMap) -> Result<IfMatch, ApiError> {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    if values.peek().is_none() {
        return Err(ApiError::NoPrecondition);
    }
    let listed = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    let listed: Vec<&str> = listed.map(str::trim).collect();
    if listed == ["*"] {
        return Ok(IfMatch::Any);
    }
    Ok(IfMatch::Tags(listed.into_iter().filter_map(tag).collect()))
}

/// Returns the digest in a strong tag, in either form. A weak tag matches nothing (RFC 9110 section 13.1.1).
pub(crate) fn tag(quoted: &str) -> Option<String> {
    let tag = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let tag = tag
        .strip_suffix(".json")
        .or_else(|| tag.strip_suffix(".toml"));
    tag.map(str::to_owned)
}
