//! The permissions and roles that exist in every database: rolecall's own, and the role `user`.

use crate::{Permission, PermissionPattern, PolicyBuilder, RoleName};

/// rolecall's own permissions, each with its description.
pub const PERMISSIONS: &[(&str, &str)] = &[
    (
        "rolecall.assignments:any",
        "act on any role, assignment, user or client, whatever it holds",
    ),
    ("rolecall.assignments:read", "see role assignments"),
    ("rolecall.assignments:write", "assign and unassign roles"),
    ("rolecall.audit:read", "read the audit log"),
    ("rolecall.clients:read", "see OAuth clients"),
    (
        "rolecall.clients:write",
        "create, change and delete OAuth clients",
    ),
    (
        "rolecall.decisions:read",
        "ask for decisions and their explanation",
    ),
    (
        "rolecall.feed:read",
        "read the feed of revocations, as guards in other processes do",
    ),
    ("rolecall.keys:read", "see the public signing keys"),
    ("rolecall.keys:rotate", "rotate the signing keys"),
    ("rolecall.policy:read", "read the whole policy"),
    ("rolecall.policy:write", "replace the whole policy"),
    ("rolecall.resources:read", "see resources"),
    (
        "rolecall.resources:write",
        "register, change and delete resources",
    ),
    ("rolecall.roles:read", "see roles and permissions"),
    (
        "rolecall.roles:write",
        "create, change and delete roles and permissions",
    ),
    ("rolecall.sessions:revoke", "end the sessions of others"),
    ("rolecall.tokens:introspect", "introspect tokens"),
    ("rolecall.users:read", "see users"),
    ("rolecall.users:write", "create, change and delete users"),
];

/// The role of administrators: it holds all of rolecall's own permissions and cannot be edited.
pub const ADMIN: &str = "rolecall.admin";
/// The role of clients that are guards in other processes; it cannot be edited.
pub const RESOURCE_SERVER: &str = "rolecall.resource-server";
/// The role that users get when they register; it can be edited but not deleted.
pub const USER: &str = "user";

/// The roles that exist from the start, each with its description.
pub const ROLES: &[(&str, &str)] = &[
    (ADMIN, "administers rolecall: holds all of its permissions"),
    (
        RESOURCE_SERVER,
        "for guards in other processes: introspection and the feed",
    ),
    (USER, "everyone who registers"),
];

/// The permissions of the role [`RESOURCE_SERVER`].
pub const RESOURCE_SERVER_PERMISSIONS: &[&str] =
    &["rolecall.feed:read", "rolecall.tokens:introspect"];

/// Returns true if `role` can be neither edited nor deleted.
#[must_use]
pub fn is_fixed(role: &RoleName) -> bool {
    role.as_str() == ADMIN || role.as_str() == RESOURCE_SERVER
}

/// Returns true if `role` exists in every database and cannot be deleted.
#[must_use]
pub fn is_builtin(role: &RoleName) -> bool {
    ROLES.iter().any(|(name, _)| *name == role.as_str())
}

/// Returns a builder with the permissions and roles of this module, to which an application's are added.
///
/// ```
/// use rolecall_core::builtin;
///
/// let policy = builtin::rules().build()?;
/// assert!(policy.effective([&"rolecall.admin".parse()?]).allows("rolecall.users:write"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn rules() -> PolicyBuilder {
    let mut rules = PolicyBuilder::default();
    for (name, _) in PERMISSIONS {
        if let Ok(permission) = name.parse::<Permission>() {
            grant(
                &mut rules,
                ADMIN,
                PermissionPattern::from(permission.clone()),
            );
            rules.permission(permission);
        }
    }
    for name in RESOURCE_SERVER_PERMISSIONS {
        if let Ok(pattern) = name.parse() {
            grant(&mut rules, RESOURCE_SERVER, pattern);
        }
    }
    if let Ok(user) = USER.parse() {
        rules.role(user);
    }
    rules
}

fn grant(rules: &mut PolicyBuilder, role: &str, pattern: PermissionPattern) {
    if let Ok(role) = role.parse() {
        rules.grant(role, pattern);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_names_are_valid_reserved_and_part_of_the_rules() {
        let policy = rules().build().unwrap();
        for (name, _) in PERMISSIONS {
            assert!(name.parse::<Permission>().unwrap().is_reserved(), "{name}");
        }
        assert_eq!(policy.permissions().count(), PERMISSIONS.len());
        assert_eq!(policy.roles().count(), ROLES.len());
        assert!(ROLES.iter().all(|(name, _)| policy.role(name).is_some()));
        let admin: RoleName = ADMIN.parse().unwrap();
        assert!(is_fixed(&admin) && is_builtin(&admin));
        assert_eq!(policy.effective([&admin]).len(), PERMISSIONS.len());
        let resource_server: RoleName = RESOURCE_SERVER.parse().unwrap();
        assert_eq!(
            policy.effective([&resource_server]).len(),
            RESOURCE_SERVER_PERMISSIONS.len()
        );
    }
}
