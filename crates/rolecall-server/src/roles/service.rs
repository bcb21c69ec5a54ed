//! The rules for roles: making and changing them, what they hold, and whom they inherit.

use super::{
    assignment_store, requests, separation,
    store::{self, Role},
    transition::Transition,
};
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, rights::Rights},
    error::ApiError,
    store::Change,
};
use rolecall::PermissionName as _;
use rolecall_core::{
    ConstraintName, FloorKind, PermissionPattern, Policy, PolicyBuilder, RoleName,
};
use serde_json::json;

/// A role with what it holds and inherits itself.
#[derive(Clone, Debug)]
pub(crate) struct RoleDetails {
    pub(crate) role: Role,
    pub(crate) permissions: Vec<PermissionPattern>,
    pub(crate) juniors: Vec<RoleName>,
    /// Whether a second person must confirm that somebody is given it.
    pub(crate) approval: bool,
}

fn details(role: Role, policy: &Policy) -> RoleDetails {
    let rules = policy.role(role.name.as_str()).cloned().unwrap_or_default();
    RoleDetails {
        role,
        permissions: rules.permissions.into_iter().collect(),
        juniors: rules.juniors.into_iter().collect(),
        approval: rules.approval,
    }
}

pub(crate) async fn list(app: &App, after: &str, limit: i64) -> Result<Vec<RoleDetails>, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let roles = store::list_roles(&mut conn, after, limit).await?;
    Ok(roles
        .into_iter()
        .map(|role| details(role, &policy))
        .collect())
}

pub(crate) async fn get(app: &App, name: &RoleName) -> Result<RoleDetails, ApiError> {
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let role = store::find_role(&mut conn, name)
        .await?
        .ok_or_else(|| ApiError::unknown("role", name))?;
    Ok(details(role, &policy))
}

/// Makes an empty role.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
    description: &str,
    approval: bool,
) -> Result<RoleDetails, ApiError> {
    app.change(caller, async |change| {
        Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        if !store::insert_role(change, name, description).await? {
            return Err(ApiError::already_there("role", name));
        }
        change.record(json!({ "action": "role.created", "role": name }));
        if approval {
            set_approval(change, name, approval).await?;
        }
        change.role_changed(name);
        let role = required(change, name).await?;
        Ok(RoleDetails {
            role,
            permissions: Vec::new(),
            juniors: Vec::new(),
            approval,
        })
    })
    .await
}

/// Changes the description, and whether a second person must confirm that somebody is given the role.
pub(crate) async fn update(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
    description: Option<&str>,
    approval: Option<bool>,
) -> Result<RoleDetails, ApiError> {
    app.change(caller, async |change| {
        let rights = require_authority_over(app, change, caller, name).await?;
        let before = rights.policy.role(name.as_str());
        let before = before.is_some_and(|rules| rules.approval);
        if let Some(approval) = approval.filter(|approval| *approval != before) {
            set_approval(change, name, approval).await?;
        }
        if let Some(description) = description {
            store::update_role(change, name, description).await?;
            change.record(json!({ "action": "role.described", "role": name }));
        }
        Ok(RoleDetails {
            approval: approval.unwrap_or(before),
            ..details(required(change, name).await?, &rights.policy)
        })
    })
    .await
}

async fn set_approval(
    change: &mut Change<'_>,
    name: &RoleName,
    approval: bool,
) -> Result<(), ApiError> {
    store::set_approval(change, name, approval).await?;
    change.record(json!({ "action": "role.approval", "role": name, "approval": approval }));
    change.role_changed(name);
    Ok(())
}

/// Deletes a role with its assignments and its place in the hierarchy.
pub(crate) async fn delete(app: &App, caller: Caller<'_>, name: &RoleName) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        if builtin::is_builtin(name) {
            return Err(ApiError::rule(
                "builtin_role",
                format!("role `{name}` is rolecall's own and stays"),
                vec![name.clone()],
            ));
        }
        if app.settings().registration_roles.contains(name) {
            return Err(ApiError::InUse {
                kind: "role",
                name: name.to_string(),
                by: "`registration.roles` names it".into(),
            });
        }
        if let Some(constraint) = constraint_about(&rights.policy, name) {
            return Err(ApiError::InUse {
                kind: "role",
                name: name.to_string(),
                by: format!("constraint `{constraint}` is about it"),
            });
        }
        if store::find_role(change.conn(), name).await?.is_none() {
            return Ok(());
        }
        rights.cover([name])?;
        // with it goes that others inherit it
        for senior in rights.policy.seniors(name) {
            change.role_changed(&senior);
        }
        remove(change, name).await?;
        // the roles below it too: a token may carry one of them alone, activated by way of this role
        for lost in rights.policy.closure([name]) {
            change.raise_floor(FloorKind::Role, lost.as_str());
        }
        change.record(json!({ "action": "role.deleted", "role": name }));
        change.role_changed(name);
        Ok(())
    })
    .await
}

/// Takes a role away with all that relates to it.
///
/// A token for a tenant that carries other roles alone names the role nowhere, and yet it may have been the one
/// by which its subject is in the tenant.
pub(crate) async fn remove(change: &mut Change<'_>, name: &RoleName) -> Result<(), ApiError> {
    for subject in assignment_store::in_tenants(change.conn(), name).await? {
        change.raise_floor(FloorKind::Subject, &subject);
    }
    store::delete_role(change, name).await?;
    Ok(())
}

/// Lets a role hold a permission or a wildcard; whether it did not before.
pub(crate) async fn grant(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
    pattern: &PermissionPattern,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = require_authority_over(app, change, caller, name).await?;
        if !rights.policy.knows(pattern) {
            return Err(ApiError::unknown("permission", pattern));
        }
        rights
            .authority
            .covers_pattern(pattern)
            .map_err(ApiError::Exceeds)?;
        if store::insert_grant(change, name, pattern).await? {
            change.record(
                json!({ "action": "permission.granted", "role": name, "permission": pattern }),
            );
            change.role_changed(name);
        }
        Ok(())
    })
    .await
}

/// Takes a permission or a wildcard from a role.
pub(crate) async fn revoke(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
    pattern: &PermissionPattern,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        require_authority_over(app, change, caller, name).await?;
        if store::delete_grant(change, name, pattern).await? {
            // the tokens of all that inherit the role carry its name, so one floor reaches them
            change.raise_floor(FloorKind::Role, name.as_str());
            change.record(
                json!({ "action": "permission.revoked", "role": name, "permission": pattern }),
            );
            change.role_changed(name);
        }
        Ok(())
    })
    .await
}

/// Lets `senior` inherit `junior`.
pub(crate) async fn inherit(
    app: &App,
    caller: Caller<'_>,
    senior: &RoleName,
    junior: &RoleName,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = require_authority_over(app, change, caller, senior).await?;
        if store::find_role(change.conn(), junior).await?.is_none() {
            return Err(ApiError::unknown("role", junior));
        }
        rights.cover([junior])?;
        if let Some(path) = rights.policy.cycle_with(senior, junior) {
            let shown = path
                .iter()
                .map(RoleName::as_str)
                .collect::<Vec<_>>()
                .join(" -> ");
            return Err(ApiError::Rule {
                rule: "role_hierarchy_cycle",
                detail: format!("roles may not inherit each other: {shown}"),
                roles: vec![senior.clone(), junior.clone()],
                path,
            });
        }
        if store::insert_junior(change, senior, junior).await? {
            let mut rules = PolicyBuilder::from(&**rights.policy);
            rules.inherit(senior.clone(), junior.clone());
            let after = rules.build().map_err(ApiError::internal)?;
            let now = change.now();
            let transition = Transition::between(&rights.policy, &after);
            requests::check_approval_bypass(change.conn(), now, &transition).await?;
            separation::demand_apart(app, change.conn(), now, &transition).await?;
            separation::end_tokens(change, &transition);
            change.record(json!({ "action": "junior.added", "role": senior, "junior": junior }));
            change.role_changed(senior);
        }
        Ok(())
    })
    .await
}

/// Ends that `senior` inherits `junior`: a loss for whoever has `senior`, of `junior` and all below it.
pub(crate) async fn disinherit(
    app: &App,
    caller: Caller<'_>,
    senior: &RoleName,
    junior: &RoleName,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = require_authority_over(app, change, caller, senior).await?;
        if store::delete_junior(change, senior, junior).await? {
            for below in rights.policy.closure([junior]) {
                change.raise_floor(FloorKind::Role, below.as_str());
            }
            change.raise_floor(FloorKind::Role, senior.as_str());
            change.record(json!({ "action": "junior.removed", "role": senior, "junior": junior }));
            change.role_changed(senior);
        }
        Ok(())
    })
    .await
}

/// A constraint that is about a role.
fn constraint_about<'p>(policy: &'p Policy, role: &RoleName) -> Option<&'p ConstraintName> {
    let mut constraints = policy.constraints();
    let found = constraints.find(|(_, constraint)| constraint.roles.contains(role));
    found.map(|(name, _)| name)
}

async fn required(change: &mut Change<'_>, name: &RoleName) -> Result<Role, ApiError> {
    store::find_role(change.conn(), name)
        .await?
        .ok_or_else(|| ApiError::unknown("role", name))
}

/// Asks for the permission to write roles, that the role exists and may be edited, and the delegation limit.
async fn require_authority_over(
    app: &App,
    change: &mut Change<'_>,
    caller: Caller<'_>,
    name: &RoleName,
) -> Result<Rights, ApiError> {
    let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
    required(change, name).await?;
    if builtin::is_fixed(name) {
        return Err(ApiError::rule(
            "builtin_role",
            format!("role `{name}` is rolecall's own and cannot be changed"),
            vec![name.clone()],
        ));
    }
    rights.cover([name])?;
    Ok(rights)
}
