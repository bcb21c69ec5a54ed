//! The rules for constraints: separation of duties (ANSI INCITS 359, SSD and DSD).

use super::{constraint_store, permissions::refuse_reserved, separation, transition::Transition};
use crate::{
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::{ApiError, FieldError},
    refusals::SEPARATION_OF_DUTIES,
    store::Change,
};
use rolecall::PermissionName as _;
use rolecall_core::{
    Constraint, ConstraintError, ConstraintName, MAX_CONSTRAINTS, Policy, PolicyBuilder,
    PolicyError, RoleName,
};
use serde_json::json;

/// A constraint with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: ConstraintName,
    pub(crate) constraint: Constraint,
}

/// Up to `limit` constraints after a name (`SsdRoleSets`, `DsdRoleSets`).
pub(crate) async fn list(app: &App, after: &str, limit: i64) -> Result<Vec<Named>, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let limit = usize::try_from(limit).unwrap_or(0);
    let later = policy.constraints();
    let later = later.filter(|(name, _)| name.as_str() > after);
    Ok(later.take(limit).map(named).collect())
}

/// One of them, with its roles and its limit.
pub(crate) async fn get(app: &App, name: &ConstraintName) -> Result<Named, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let constraint = find(&policy, name)?;
    Ok(named((name, &constraint)))
}

fn named((name, constraint): (&ConstraintName, &Constraint)) -> Named {
    Named {
        name: name.clone(),
        constraint: constraint.clone(),
    }
}

fn find(policy: &Policy, name: &ConstraintName) -> Result<Constraint, ApiError> {
    let found = policy.constraint(name.as_str()).cloned();
    found.ok_or_else(|| ApiError::unknown("constraint", name))
}

/// Makes a constraint (`CreateSsdSet`, `CreateDsdSet`).
///
/// # Errors
///
/// Beside what stands against every change: a role that does not exist, numbers that do not fit, and whoever
/// breaks it already.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
    constraint: &Constraint,
) -> Result<Named, ApiError> {
    refuse_reserved(name.as_str())?;
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        if rights.policy.constraint(name.as_str()).is_some() {
            return Err(ApiError::already_there("constraint", name));
        }
        if rights.policy.constraints().count() >= MAX_CONSTRAINTS {
            let detail = format!("there are {MAX_CONSTRAINTS} constraints already");
            return Err(ApiError::rule(SEPARATION_OF_DUTIES, detail, Vec::new()));
        }
        put(app, change, &rights, name, constraint).await?;
        change.record(told("constraint.created", name, constraint));
        Ok(named((name, constraint)))
    })
    .await
}

/// What of a constraint is to change.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    /// `AddSsdRoleMember`, `AddDsdRoleMember`.
    AddRole(RoleName),
    /// `DeleteSsdRoleMember`, `DeleteDsdRoleMember`.
    RemoveRole(RoleName),
    /// `SetSsdSetCardinality`, `SetDsdSetCardinality`.
    AtMost(u32),
}

/// Changes a constraint.
///
/// # Errors
///
/// As [`create`], and where too few roles would be left.
pub(crate) async fn edit(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
    edit: &Edit,
) -> Result<Named, ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        let before = find(&rights.policy, name)?;
        rights.cover(&before.roles)?;
        let after = edited(before.clone(), name, edit)?;
        if after != before {
            put(app, change, &rights, name, &after).await?;
            change.record(told("constraint.replaced", name, &after));
        }
        Ok(named((name, &after)))
    })
    .await
}

fn edited(before: Constraint, name: &ConstraintName, edit: &Edit) -> Result<Constraint, ApiError> {
    match edit {
        Edit::AddRole(role) => Ok(before.with_role(role.clone())),
        Edit::RemoveRole(role) => before.without_role(role).map_err(|error| {
            let detail = format!("constraint `{name}`: {error}");
            ApiError::rule(SEPARATION_OF_DUTIES, detail, vec![role.clone()])
        }),
        Edit::AtMost(at_most) => before
            .with_at_most(*at_most)
            .map_err(|error| invalid(&error)),
    }
}

/// Writes a constraint that is new or another one, if nobody breaks it.
async fn put(
    app: &App,
    change: &mut Change<'_>,
    rights: &Rights,
    name: &ConstraintName,
    constraint: &Constraint,
) -> Result<(), ApiError> {
    let before = &rights.policy;
    for role in &constraint.roles {
        demand_role(before, role)?;
    }
    rights.cover(&constraint.roles)?;
    let mut rules = PolicyBuilder::from(&***before);
    rules.constraint(name.clone(), constraint.clone());
    let after = rules.build().map_err(|error| match error {
        PolicyError::Constraint { error, .. } => invalid(&error),
        other => ApiError::internal(other),
    })?;
    let now = change.now();
    let transition = Transition::between(before, &after);
    separation::demand_apart(app, change.conn(), now, &transition).await?;
    separation::end_tokens(change, &transition);
    constraint_store::put(change, name, constraint).await?;
    change.policy_changed();
    Ok(())
}

/// Deletes a constraint (`DeleteSsdSet`, `DeleteDsdSet`).
pub(crate) async fn delete(
    app: &App,
    caller: Caller<'_>,
    name: &ConstraintName,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        let Some(constraint) = rights.policy.constraint(name.as_str()) else {
            return Ok(());
        };
        rights.cover(&constraint.roles)?;
        constraint_store::delete(change, name).await?;
        change.record(json!({ "action": "constraint.deleted", "constraint": name }));
        change.policy_changed();
        Ok(())
    })
    .await
}

fn demand_role(policy: &Policy, role: &RoleName) -> Result<(), ApiError> {
    match policy.role(role.as_str()) {
        Some(_) => Ok(()),
        None => Err(ApiError::unknown("role", role)),
    }
}

/// Numbers that do not fit are a fault of the body.
pub(crate) fn invalid(error: &ConstraintError) -> ApiError {
    let member = match error {
        ConstraintError::AtMost { .. } => "at_most",
        ConstraintError::TooFewRoles => "roles",
        ConstraintError::UnknownRole(role) => return ApiError::unknown("role", role),
    };
    ApiError::Invalid(FieldError::body(member, "value_error", error.to_string()))
}

fn told(action: &str, name: &ConstraintName, constraint: &Constraint) -> serde_json::Value {
    json!({
        "action": action, "constraint": name, "kind": constraint.kind, "roles": constraint.roles,
        "at_most": constraint.at_most,
    })
}
