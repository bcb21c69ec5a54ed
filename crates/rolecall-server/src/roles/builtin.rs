use std::sync::LazyLock;

use rolecall_core::{Permission, RoleName};

/// rolecall's own permissions, and what each allows.
pub(crate) const PERMISSIONS: &[(&str, &str)] = &[
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
pub(crate) const ADMIN: &str = "rolecall.admin";
/// For guards in other processes.
pub(crate) const RESOURCE_SERVER: &str = "rolecall.resource-server";
/// Given at registration; otherwise an ordinary role.
pub(crate) const USER: &str = "user";

/// The roles that exist from the start.
pub(crate) const ROLES: &[(&str, &str)] = &[
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
pub(crate) const RESOURCE_SERVER_PERMISSIONS: &[&str] =
    &["rolecall.feed:read", "rolecall.tokens:introspect"];

/// The permission that lifts the delegation limit.
#[expect(clippy::expect_used, reason = "a constant that the tests parse")]
pub(crate) static ANY: LazyLock<Permission> =
    LazyLock::new(|| "rolecall.assignments:any".parse().expect("a permission"));

/// The role [`ADMIN`] as a name.
#[expect(clippy::expect_used, reason = "a constant that the tests parse")]
pub(crate) static ADMIN_ROLE: LazyLock<RoleName> =
    LazyLock::new(|| ADMIN.parse().expect("a role name"));

/// Whether a role is one of those that cannot be edited or deleted.
pub(crate) fn is_fixed(role: &RoleName) -> bool {
    role.as_str() == ADMIN || role.as_str() == RESOURCE_SERVER
}

/// Whether a role cannot be deleted.
pub(crate) fn is_builtin(role: &RoleName) -> bool {
    ROLES.iter().any(|(name, _)| *name == role.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_and_is_reserved() {
        for (name, _) in PERMISSIONS {
            assert!(name.parse::<Permission>().unwrap().is_reserved(), "{name}");
        }
        assert_eq!(ANY.as_str(), "rolecall.assignments:any");
        assert!(is_fixed(&ADMIN_ROLE) && is_builtin(&ADMIN_ROLE));
        assert!(
            ROLES
                .iter()
                .all(|(name, _)| name.parse::<RoleName>().is_ok())
        );
        assert!(
            RESOURCE_SERVER_PERMISSIONS
                .iter()
                .all(|held| PERMISSIONS.iter().any(|(name, _)| name == held))
        );
    }
}
