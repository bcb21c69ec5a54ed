//! The built-in roles and permissions of rolecall.

use std::sync::LazyLock;

use rolecall::PermissionName as _;
use rolecall_core::{Permission, RoleName};

use super::may;

pub(crate) use rolecall_core::builtin::{
    ADMIN, PERMISSIONS, RESOURCE_SERVER, RESOURCE_SERVER_PERMISSIONS, ROLES, is_builtin, is_fixed,
};

/// The permission that lifts the delegation limit.
#[expect(clippy::expect_used, reason = "a constant that the tests parse")]
pub(crate) static ANY: LazyLock<Permission> =
    LazyLock::new(|| may::AssignAny::NAME.parse().expect("a permission"));

/// The role [`ADMIN`] as a name.
#[expect(clippy::expect_used, reason = "a constant that the tests parse")]
pub(crate) static ADMIN_ROLE: LazyLock<RoleName> =
    LazyLock::new(|| ADMIN.parse().expect("a role name"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_parse_and_are_the_core_s() {
        assert!(PERMISSIONS.iter().any(|(name, _)| *name == ANY.as_str()));
        assert_eq!(ADMIN_ROLE.as_str(), ADMIN);
    }
}
