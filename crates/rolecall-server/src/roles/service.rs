//! The rules for roles: the permissions that they hold, and the roles that they inherit.

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{
    ConstraintName, FloorKind, PermissionPattern, Policy, PolicyBuilder, RoleName, RoleRules,
};
use serde_json::json;

use super::{
    assignment_store,
    checks::Checks,
    definition::require_authority_over,
    details::{self, RoleDetails},
    losses, open_roles, permissions, store,
};
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, policy_limits::check_policy, reads, rights::Rights},
    error::ApiError,
    reasons::Reason,
    store::Change,
};

/// Returns up to `limit` roles whose name is above `after`, by name.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<RoleDetails>, ApiError> {
    search(app, caller, "", after, limit).await
}

/// As [`list`], of the roles that have `text` in their name or description.
pub(crate) async fn search(
    app: &App,
    caller: Caller<'_>,
    text: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<RoleDetails>, ApiError> {
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let roles = store::list_roles(&mut conn, text, after, limit).await?;
    Ok(roles
        .into_iter()
        .map(|role| RoleDetails::under(&policy, role))
        .collect())
}

/// Returns a role.
///
/// # Errors
///
/// Refused if there is no such role.
pub(crate) async fn get(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
) -> Result<RoleDetails, ApiError> {
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    let mut conn = app.store().read().await?;
    let policy = app.policy().newest(&mut conn).await?;
    let role = store::find_role(&mut conn, name)
        .await?
        .ok_or_else(|| ApiError::unknown("role", name))?;
    Ok(RoleDetails::under(&policy, role))
}

/// Deletes a role with its assignments and its place in the hierarchy; false if there is none.
pub(crate) async fn delete(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
) -> Result<bool, ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        if builtin::is_builtin(name) {
            let role = name.to_string();
            return Err(ApiError::because(
                Reason::RoleStays { role },
                vec![name.clone()],
            ));
        }
        if app.settings().registration_roles.contains(name) {
            return Err(ApiError::in_use("role", name, Reason::NamedByRegistration));
        }
        if let Some(constraint) = constraint_with(&rights.policy, name) {
            let constraint = constraint.to_string();
            let by = Reason::ListedByConstraint { constraint };
            return Err(ApiError::in_use("role", name, by));
        }
        if store::find_role(change.conn(), name).await?.is_none() {
            return Ok(false);
        }
        rights.cover([name])?;
        // the roles that inherit it no longer do
        for senior in rights.policy.seniors(name) {
            change.role_changed(&senior);
        }
        // the roles below it too: a token may carry just one of them, activated through this role
        let below = rights.policy.closure([name]);
        let lost = rights.policy.permissions_of([name]);
        losses::end_tokens(change, &rights.policy, &below, lost).await?;
        remove(change, name).await?;
        change.record(json!({ "action": "role.deleted", "role": name }));
        change.role_changed(name);
        Ok(true)
    })
    .await
}

/// Deletes a role with its assignments, and ends the tokens for each tenant in which a subject has it.
///
/// Such a token may carry other roles alone and name this role nowhere, although its subject is in the tenant through
/// this role.
pub(crate) async fn remove(change: &mut Change<'_>, name: &RoleName) -> Result<(), ApiError> {
    for (subject, tenant) in assignment_store::in_tenants(change.conn(), name).await? {
        change.raise_floor_in(Some(&tenant), FloorKind::Subject, &subject);
    }
    change.notify_lost(name).await?;
    store::delete_role(change, name).await?;
    Ok(())
}

/// Grants a permission or a wildcard to a role.
///
/// # Errors
///
/// Refused if there is no such role or permission, if the caller does not hold what the role holds or is granted, and
/// if everyone who registers would get a permission of rolecall's own.
pub(crate) async fn grant(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
    pattern: &PermissionPattern,
) -> Result<RoleDetails, ApiError> {
    app.change(caller, async |change| {
        let (rights, role) = require_authority_over(app, change, caller, name).await?;
        if !rights.policy.knows(pattern) {
            return Err(ApiError::unknown("permission", pattern));
        }
        rights
            .authority
            .covers_pattern(pattern)
            .map_err(ApiError::Exceeds)?;
        open_roles::check_grant(app, &rights.policy, name, pattern)?;
        let mut after = PolicyBuilder::from(&**rights.policy);
        after.grant(name.clone(), pattern.clone());
        let after = after.build().map_err(ApiError::internal)?;
        check_policy(&app.settings().policy, &rights.policy, &after)?;
        if store::insert_grant(change, name, pattern).await? {
            change.record(
                json!({ "action": "permission.granted", "role": name, "permission": pattern }),
            );
            change.role_changed(name);
        }
        let mut rules = details::rules_of(&rights.policy, name);
        rules.permissions.insert(pattern.clone());
        Ok(RoleDetails::new(role, rules))
    })
    .await
}

/// Grants a permission or a wildcard to a role, and creates the permission if it does not exist.
///
/// # Errors
///
/// As [`grant`]. A permission that was created stays.
pub(crate) async fn grant_new(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
    pattern: &PermissionPattern,
) -> Result<RoleDetails, ApiError> {
    match grant(app, caller, name, pattern).await {
        Err(ApiError::Unknown {
            kind: "permission", ..
        }) => {}
        done => return done,
    }
    permissions::create_missing(app, caller, pattern).await?;
    grant(app, caller, name, pattern).await
}

/// Revokes a permission or a wildcard from a role.
pub(crate) async fn revoke(
    app: &App,
    caller: Caller<'_>,
    name: &RoleName,
    pattern: &PermissionPattern,
) -> Result<RoleDetails, ApiError> {
    app.change(caller, async |change| {
        let (rights, role) = require_authority_over(app, change, caller, name).await?;
        if store::delete_grant(change, name, pattern).await? {
            let mut rules = details::rules_of(&rights.policy, name);
            rules.permissions.remove(pattern);
            // tokens that carry a senior of the role carry its name too, so one floor reaches them all
            end_losing(
                change,
                &rights.policy,
                BTreeSet::from([name.clone()]),
                name,
                rules,
            )
            .await?;
            change.record(
                json!({ "action": "permission.revoked", "role": name, "permission": pattern }),
            );
            change.role_changed(name);
        }
        let mut rules = details::rules_of(&rights.policy, name);
        rules.permissions.remove(pattern);
        Ok(RoleDetails::new(role, rules))
    })
    .await
}

/// Makes `senior` inherit `junior`.
///
/// # Errors
///
/// Refused if one of the roles does not exist, the hierarchy would have a cycle, a subject would come to break a
/// constraint, or would have a role that needs approval without one, or if everyone who registers would get a permission
/// of rolecall's own.
pub(crate) async fn inherit(
    app: &App,
    caller: Caller<'_>,
    senior: &RoleName,
    junior: &RoleName,
) -> Result<RoleDetails, ApiError> {
    let checks = Checks::default();
    loop {
        let done = app.change(caller, async |change| {
            let (rights, role) = require_authority_over(app, change, caller, senior).await?;
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
                return Err(ApiError::because_along(
                    Reason::HierarchyCycle { path: shown },
                    vec![senior.clone(), junior.clone()],
                    path,
                ));
            }
            if store::insert_junior(change, senior, junior).await? {
                let mut rules = PolicyBuilder::from(&**rights.policy);
                rules.inherit(senior.clone(), junior.clone());
                let after = rules.build().map_err(ApiError::internal)?;
                check_policy(&app.settings().policy, &rights.policy, &after)?;
                open_roles::check(app, &rights.policy, &after)?;
                let before = &rights.policy.policy;
                checks.require(app, change, before, &after).await?;
                change
                    .record(json!({ "action": "junior.added", "role": senior, "junior": junior }));
                change.role_changed(senior);
            }
            let mut rules = details::rules_of(&rights.policy, senior);
            rules.juniors.insert(junior.clone());
            Ok(RoleDetails::new(role, rules))
        });
        let done = done.await;
        if let Some(done) = checks.outcome(app, caller, done).await {
            return done;
        }
    }
}

/// Stops `senior` from inheriting `junior`. Subjects with `senior` lose `junior` and every role below it.
pub(crate) async fn disinherit(
    app: &App,
    caller: Caller<'_>,
    senior: &RoleName,
    junior: &RoleName,
) -> Result<RoleDetails, ApiError> {
    app.change(caller, async |change| {
        let (rights, role) = require_authority_over(app, change, caller, senior).await?;
        if store::delete_junior(change, senior, junior).await? {
            let mut losing = rights.policy.closure([junior]);
            losing.insert(senior.clone());
            let mut rules = details::rules_of(&rights.policy, senior);
            rules.juniors.remove(junior);
            end_losing(change, &rights.policy, losing, senior, rules).await?;
            change.record(json!({ "action": "junior.removed", "role": senior, "junior": junior }));
            change.role_changed(senior);
        }
        let mut rules = details::rules_of(&rights.policy, senior);
        rules.juniors.remove(junior);
        Ok(RoleDetails::new(role, rules))
    })
    .await
}

/// Ends the tokens with the roles that lose something when `role` has only these rules.
async fn end_losing(
    change: &mut Change<'_>,
    policy: &Policy,
    losing: BTreeSet<RoleName>,
    role: &RoleName,
    rules: RoleRules,
) -> Result<(), ApiError> {
    let mut after = PolicyBuilder::from(policy);
    after.set_role(role.clone(), rules);
    let after = after.build().map_err(ApiError::internal)?;
    let lost = losses::between(policy, &after, &losing);
    losses::end_tokens(change, policy, &losing, lost).await?;
    Ok(())
}

/// Returns the first constraint that lists a role.
fn constraint_with<'p>(policy: &'p Policy, role: &RoleName) -> Option<&'p ConstraintName> {
    let mut constraints = policy.constraints();
    let found = constraints.find(|(_, constraint)| constraint.roles.contains(role));
    found.map(|(name, _)| name)
}
