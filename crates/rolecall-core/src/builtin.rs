//! rolecall's own permissions and roles, which are there without anybody naming them.

use crate::{Permission, PermissionPattern, PolicyBuilder, RoleName};

/// rolecall's own permissions, and what each allows.
pub const PERMISSIONS: &[(&str, &str)] = &[
    (
        "rolecall.assignments:any",
        "act on any role, assignment, user or client, whatever it holds",
    ),
    ("rolecall.assignments:read", "see who has which role"),
    ("rolecall.assignments:write", "give and take roles"),
    ("rolecall.audit:read", "read the audit log"),
    ("rolecall.clients:read", "see OAuth clients"),
    (
        "rolecall.clients:write",
        "make, change and delete OAuth clients",
    ),
    ("rolecall.decisions:read", "have decisions explained"),
    (
        "rolecall.feed:read",
        "follow what was lost, as a guard in another process does",
    ),
    (
        "rolecall.keys:read",
        "see the public halves of the signing keys",
    ),
    ("rolecall.keys:rotate", "rotate the signing keys"),
    ("rolecall.policy:read", "read the whole policy"),
    ("rolecall.policy:write", "replace the whole policy"),
    ("rolecall.roles:read", "see roles and permissions"),
    (
        "rolecall.roles:write",
        "make, change and delete roles and permissions",
    ),
    ("rolecall.sessions:revoke", "end the sessions of others"),
    (
        "rolecall.tokens:introspect",
        "ask whether a token is active",
    ),
    ("rolecall.users:read", "see users"),
    ("rolecall.users:write", "make, change and delete users"),
];

/// The owner of the accounts: holds every permission of rolecall's own, and cannot be edited.
pub const ADMIN: &str = "rolecall.admin";
/// For guards in other processes; cannot be edited.
pub const RESOURCE_SERVER: &str = "rolecall.resource-server";
/// Given at registration; otherwise an ordinary role.
pub const USER: &str = "user";

/// The roles that exist from the start, and whom each is for.
pub const ROLES: &[(&str, &str)] = &[
    (
        ADMIN,
        "owns the accounts: every permission of rolecall's own",
    ),
    (
        RESOURCE_SERVER,
        "for guards in other processes: introspection and the feed",
    ),
    (USER, "everyone who registers"),
];

/// What [`RESOURCE_SERVER`] holds.
pub const RESOURCE_SERVER_PERMISSIONS: &[&str] =
    &["rolecall.feed:read", "rolecall.tokens:introspect"];

/// Whether a role is one of those that cannot be edited or deleted.
#[must_use]
pub fn is_fixed(role: &RoleName) -> bool {
    role.as_str() == ADMIN || role.as_str() == RESOURCE_SERVER
}

/// Whether a role cannot be deleted.
#[must_use]
pub fn is_builtin(role: &RoleName) -> bool {
    ROLES.iter().any(|(name, _)| *name == role.as_str())
}

/// Rules that hold rolecall's own permissions and roles and nothing else.
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
    fn every_name_parses_and_is_reserved_and_is_among_the_rules() {
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
        let guards: RoleName = RESOURCE_SERVER.parse().unwrap();
        assert_eq!(
            policy.effective([&guards]).len(),
            RESOURCE_SERVER_PERMISSIONS.len()
        );
    }
}
