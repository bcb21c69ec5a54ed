//! The rules for permissions.

use super::store::{self, PermissionRow};
use crate::{
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::{ApiError, FieldError},
};
use rolecall::PermissionName as _;
use rolecall_core::{Permission, PermissionPattern, RESERVED_PREFIX};
use serde_json::json;

pub(crate) async fn list(
    app: &App,
    after: &str,
    limit: i64,
) -> Result<Vec<PermissionRow>, ApiError> {
    let mut conn = app.store().read().await?;
    Ok(store::list_permissions(&mut conn, after, limit).await?)
}

/// Makes a permission. Whoever holds the wildcard of its object gains it.
pub(crate) async fn create(
    app: &App,
    caller: Caller<'_>,
    name: &Permission,
    description: &str,
) -> Result<PermissionRow, ApiError> {
    refuse_reserved(name.as_str())?;
    app.change(caller, async |change| {
        Rights::require(app, change, caller, may::WriteRoles::NAME).await?;
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
            return Err(ApiError::rule(
                "builtin_permission",
                format!("permission `{name}` is rolecall's own and stays"),
                Vec::new(),
            ));
        }
        let policy = &rights.policy;
        let pattern = PermissionPattern::from(name.clone());
        if !policy.knows(&pattern) {
            return Ok(());
        }
        let by_name: Vec<_> = policy
            .roles()
            .filter(|(_, rules)| rules.permissions.contains(&pattern))
            .map(|(role, _)| role.clone())
            .collect();
        if let Some(holder) = by_name.first() {
            let by = format!("role `{holder}` holds it");
            return Err(ApiError::InUse {
                kind: "permission",
                name: name.to_string(),
                by,
            });
        }
        rights
            .authority
            .covers_pattern(&pattern)
            .map_err(ApiError::Exceeds)?;
        // it may still be held through a wildcard: those roles lose it
        for (role, rules) in policy.roles() {
            if rules.permissions.iter().any(|held| held.matches(name)) {
                change.raise_floor(rolecall_core::FloorKind::Role, role.as_str());
            }
        }
        store::delete_permission(change, name).await?;
        drop_empty_wildcards(change, policy, name).await?;
        change.record(json!({ "action": "permission.deleted", "permission": name }));
        change.permission_changed(name);
        Ok(())
    })
    .await
}

/// A wildcard needs at least one permission of its object; with the last of them it goes.
async fn drop_empty_wildcards(
    change: &mut crate::store::Change<'_>,
    policy: &rolecall_core::Policy,
    gone: &Permission,
) -> Result<(), ApiError> {
    if policy
        .permissions()
        .any(|left| left.object() == gone.object() && left != gone)
    {
        return Ok(());
    }
    let wildcard: PermissionPattern = format!("{}:*", gone.object())
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

/// Makes the permission that `pattern` is, unless it is there, a wildcard, or one of rolecall's own.
pub(crate) async fn ensure(
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

/// New names under `rolecall.` are refused.
pub(crate) fn refuse_reserved(name: &str) -> Result<(), ApiError> {
    if name.starts_with(RESERVED_PREFIX) {
        let msg = format!("names that begin with `{RESERVED_PREFIX}` are rolecall's own");
        return Err(ApiError::Invalid(FieldError::body("name", "reserved", msg)));
    }
    Ok(())
}
