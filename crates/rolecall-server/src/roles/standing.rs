//! What a user has and why: the roles that assignments give, inherited ones too, and the permissions, each with its path.

use std::collections::BTreeMap;

use rolecall::PermissionName as _;
use rolecall_core::{
    AssignmentStatus, Permission, PermissionPattern, Policy, RoleAssignment, RoleName, TenantName,
    Timestamp, counts_in_tenant,
};

use super::{assigning::Assignee, assignment_store};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads},
    error::ApiError,
};

/// A role that a user has, by the shortest way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldRole {
    pub(crate) role: RoleName,
    /// The tenant of the assignment.
    pub(crate) tenant: Option<TenantName>,
    /// The roles from the assigned one down to this, both included.
    pub(crate) path: Vec<RoleName>,
}

/// A permission that a user has, by the shortest way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldPermission {
    pub(crate) permission: Permission,
    pub(crate) tenant: Option<TenantName>,
    /// The roles from the assigned one down to the one that holds the permission itself.
    pub(crate) path: Vec<RoleName>,
    /// The permission or wildcard that the last role holds.
    pub(crate) grant: PermissionPattern,
}

/// What the assignments of a user give now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) roles: Vec<HeldRole>,
    pub(crate) permissions: Vec<HeldPermission>,
}

/// Returns what the assignments of a user give now, and how: in every tenant, or what counts in one of them.
///
/// # Errors
///
/// 403 without the permissions to read role assignments there, and roles.
pub(crate) async fn standing(
    app: &App,
    caller: Caller<'_>,
    user: &str,
    tenant: Option<&TenantName>,
) -> Result<Standing, ApiError> {
    reads::require_in(app, caller, tenant, may::ReadAssignments::NAME).await?;
    reads::require(app, caller, may::ReadRoles::NAME).await?;
    let now = app.now();
    let mut conn = app.store().read().await?;
    Assignee::User(user).require_exists(&mut conn, now).await?;
    let policy = app.policy().newest(&mut conn).await?;
    let mut assignments = assignment_store::all_of(&mut conn, user).await?;
    assignments.retain(|given| tenant.is_none() || given.tenant.as_ref() == tenant);
    Ok(Standing::of(&policy, &assignments, now))
}

impl Standing {
    /// Returns what assignments give at a time.
    fn of(policy: &Policy, assignments: &[RoleAssignment], now: Timestamp) -> Self {
        let mut roles: BTreeMap<(Option<TenantName>, RoleName), Vec<RoleName>> = BTreeMap::new();
        let mut permissions: BTreeMap<
            (Option<TenantName>, Permission),
            (Vec<RoleName>, PermissionPattern),
        > = BTreeMap::new();
        let in_force = |given: &&RoleAssignment| {
            given.status(given.tenant.as_ref(), now) == AssignmentStatus::InForce
        };
        for given in assignments.iter().filter(in_force) {
            for role in policy.closure([&given.role]) {
                let Some(path) = policy.path(&given.role, &role) else {
                    continue;
                };
                let known = roles
                    .entry((given.tenant.clone(), role))
                    .or_insert_with(|| path.clone());
                if path.len() < known.len() {
                    *known = path;
                }
            }
            for permission in policy.permissions_of([&given.role]) {
                // what cannot be held in a tenant is not given by an assignment there
                if given.tenant.is_some() && !counts_in_tenant(&permission) {
                    continue;
                }
                let Some(by) = policy.derivation(&given.role, &permission) else {
                    continue;
                };
                let key = (given.tenant.clone(), permission);
                let known = permissions.entry(key).or_insert_with(|| by.clone());
                if by.0.len() < known.0.len() {
                    *known = by;
                }
            }
        }
        let role = |((tenant, role), path)| HeldRole { role, tenant, path };
        let permission = |((tenant, permission), (path, grant))| HeldPermission {
            permission,
            tenant,
            path,
            grant,
        };
        Self {
            roles: roles.into_iter().map(role).collect(),
            permissions: permissions.into_iter().map(permission).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall_core::PolicyBuilder;

    use super::*;

    fn given(role: &str, tenant: Option<&str>, expires: Option<i64>) -> RoleAssignment {
        RoleAssignment {
            role: role.parse().unwrap(),
            tenant: tenant.map(|name| name.parse().unwrap()),
            valid_from: None,
            expires_at: expires.map(Timestamp::from_seconds),
            reason: None,
            assigned_by: "system".to_owned(),
            assigned_at: Timestamp::from_seconds(0),
        }
    }

    fn policy() -> Policy {
        let mut builder = PolicyBuilder::default();
        for permission in ["items:read", "items:write", "rolecall.users:read"] {
            builder.permission(permission.parse().unwrap());
        }
        for role in ["viewer", "editor", "chief"] {
            builder.role(role.parse().unwrap());
        }
        for (role, permission) in [
            ("viewer", "items:read"),
            ("editor", "items:write"),
            ("chief", "rolecall.users:read"),
        ] {
            builder.grant(role.parse().unwrap(), permission.parse().unwrap());
        }
        builder.inherit("editor".parse().unwrap(), "viewer".parse().unwrap());
        builder.inherit("chief".parse().unwrap(), "editor".parse().unwrap());
        builder.build().unwrap()
    }

    fn shown(standing: &Standing) -> Vec<String> {
        let held = standing.permissions.iter();
        let line = |one: &HeldPermission| {
            let path: Vec<&str> = one.path.iter().map(RoleName::as_str).collect();
            let tenant = one.tenant.as_ref().map_or("", TenantName::as_str);
            format!("{tenant}/{}: {}", one.permission, path.join(">"))
        };
        held.map(line).collect()
    }

    #[test]
    fn each_permission_comes_with_its_shortest_path_in_each_tenant() {
        let now = Timestamp::from_seconds(100);
        let standing = Standing::of(
            &policy(),
            &[
                given("chief", None, None),
                given("viewer", None, None),
                given("editor", Some("acme"), None),
                given("chief", Some("gone"), Some(100)),
            ],
            now,
        );
        assert_eq!(
            shown(&standing),
            [
                "/items:read: viewer",
                "/items:write: chief>editor",
                "/rolecall.users:read: chief",
                "acme/items:read: editor>viewer",
                "acme/items:write: editor",
            ]
        );
        assert_eq!(standing.roles.len(), 5);
    }

    #[test]
    fn what_rolecall_allows_only_globally_is_not_given_in_a_tenant() {
        let now = Timestamp::from_seconds(100);
        let standing = Standing::of(&policy(), &[given("chief", Some("acme"), None)], now);
        let names = shown(&standing);
        let counts = counts_in_tenant(&"rolecall.users:read".parse().unwrap());
        assert_eq!(
            names
                .iter()
                .any(|line| line.contains("rolecall.users:read")),
            counts
        );
    }
}
