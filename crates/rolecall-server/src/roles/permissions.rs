//! The rules for permissions.

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{Permission, PermissionPattern, Policy, PolicyBuilder};
use serde_json::json;

use super::{
    losses,
    names::{check_description, check_name},
    store::{self, PermissionRow},
};
use crate::{
    app::App,
    authority::{caller::Caller, may, policy_limits::check_policy, reads, rights::Rights},
    error::ApiError,
    reasons::Reason,
    store::Change,
};

/// Returns up to `limit` permissions whose name is above `after`, by name.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<PermissionRow>, ApiError> {
    search(app, caller, "", after, limit).await
}

/// As [`list`], of the permissions that have `text` in their name or description.
pub(crate) async fn search(
    app: &App,
    caller: Caller<'_>,
    text: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<PermissionRow>, ApiError> {
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    let mut conn = app.store().read().await?;
    Ok(store::list_permissions(&mut conn, text, after, limit).await?)
}

/// Returns a permission.
///
/// # Errors
///
/// [`ApiError::Unknown`] if it does not exist.
pub(crate) async fn get(
    app: &App,
    caller: Caller<'_>,
    name: &Permission,
) -> Result<PermissionRow, ApiError> {
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    let mut conn = app.store().read().await?;
    let found = store::find_permission(&mut conn, name).await?;
    found.ok_or_else(|| ApiError::unknown("permission", name))
}

/// Creates a permission. A role that holds the wildcard of its object gains it.
///
/// # Errors
///
/// Refused if the name is reserved or exists, or the description is too long.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    name: &Permission,
    description: &str,
) -> Result<PermissionRow, ApiError> {
    check_name(name.as_str())?;
    check_description(description)?;
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        let mut after = PolicyBuilder::from(&**rights.policy);
        after.permission(name.clone());
        let after = after.build().map_err(ApiError::internal)?;
        check_policy(&app.settings().policy, &rights.policy, &after)?;
        if !store::insert_permission(change, name, description).await? {
            return Err(ApiError::already_there("permission", name));
        }
        change.record(json!({ "action": "permission.created", "permission": name }));
        change.permission_changed(name);
        let created = store::find_permission(change.conn(), name).await?;
        created.ok_or_else(|| ApiError::unknown("permission", name))
    })
    .await
}

/// Deletes a permission that no role holds by its name.
pub(crate) async fn delete(
    app: &App,
    caller: Caller<'_>,
    name: &Permission,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights = Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
        if name.is_reserved() {
            let permission = name.to_string();
            let reason = Reason::PermissionStays { permission };
            return Err(ApiError::because(reason, Vec::new()));
        }
        let policy = &rights.policy;
        let pattern = PermissionPattern::from(name.clone());
        if !policy.knows(&pattern) {
            return Ok(());
        }
        let mut roles = policy.roles();
        let holder = roles.find(|(_, rules)| rules.permissions.contains(&pattern));
        if let Some((holder, _)) = holder {
            let role = holder.to_string();
            let by = Reason::HeldByRole { role };
            return Err(ApiError::in_use("permission", name, by));
        }
        rights
            .authority
            .covers_pattern(&pattern)
            .map_err(ApiError::Exceeds)?;
        // a role may still hold it through a wildcard, and loses it
        let losing = policy.roles();
        let losing =
            losing.filter(|(_, rules)| rules.permissions.iter().any(|held| held.matches(name)));
        let losing = losing.map(|(role, _)| role.clone()).collect();
        losses::end_tokens(change, policy, &losing, BTreeSet::from([name.clone()])).await?;
        store::delete_permission(change, name).await?;
        delete_empty_wildcards(change, policy, name).await?;
        change.record(json!({ "action": "permission.deleted", "permission": name }));
        change.permission_changed(name);
        Ok(())
    })
    .await
}

/// Deletes the wildcard of an object from every role, if `deleted` was the last permission of that object.
async fn delete_empty_wildcards(
    change: &mut Change<'_>,
    policy: &Policy,
    deleted: &Permission,
) -> Result<(), ApiError> {
    if policy
        .permissions()
        .any(|left| left.object() == deleted.object() && left != deleted)
    {
        return Ok(());
    }
    let wildcard: PermissionPattern = format!("{}:*", deleted.object())
        .parse()
        .map_err(ApiError::internal)?;
    for (role, rules) in policy.roles() {
        if rules.permissions.contains(&wildcard) {
            store::delete_grant(change, role, &wildcard).await?;
            change.role_changed(role);
        }
    }
    Ok(())
}

/// Creates the permission that `pattern` names, unless it exists, or `pattern` is reserved or a wildcard.
pub(super) async fn create_missing(
    app: &App,
    caller: Caller<'_>,
    pattern: &PermissionPattern,
) -> Result<(), ApiError> {
    let Some(permission) = pattern
        .as_permission()
        .filter(|permission| !permission.is_reserved())
    else {
        return Ok(());
    };
    match create(app, caller, &permission, "").await {
        Ok(_) | Err(ApiError::AlreadyThere { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
