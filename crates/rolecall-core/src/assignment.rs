use crate::{Permission, PermissionPattern, RoleName, TenantName, Timestamp};

/// The object whose permissions count from an assignment within a tenant too, for that tenant.
const ASSIGNMENTS: &str = "rolecall.assignments";

/// That a subject has a role (NIST RBAC: an element of UA), perhaps in one tenant and for some time only.
///
/// The subject is known from where the assignment stands; role and tenant are its key beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAssignment {
    /// The role that is given.
    pub role: RoleName,
    /// The tenant that it is limited to; `None` for a global assignment, which counts in every tenant.
    pub tenant: Option<TenantName>,
    /// When it begins to count; `None` for at once.
    pub valid_from: Option<Timestamp>,
    /// When it stops to count: from this moment on it gives nothing. `None` for never.
    pub expires_at: Option<Timestamp>,
    /// Why it was given, in the giver's words.
    pub reason: Option<String>,
    /// Who gave it, as the audit log names them.
    pub assigned_by: String,
    /// When it was given, or last changed.
    pub assigned_at: Timestamp,
}

/// Whether an assignment counts for a question, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    InForce,
    /// It begins later.
    NotYetValid,
    /// It is over.
    Expired,
    /// It is limited to a tenant that was not asked about.
    OtherTenant,
}

impl RoleAssignment {
    /// One that is global and counts from the beginning of time, without an end.
    #[must_use]
    pub fn lasting(role: &RoleName) -> Self {
        Self {
            role: role.clone(),
            tenant: None,
            valid_from: None,
            expires_at: None,
            reason: None,
            assigned_by: String::new(),
            assigned_at: Timestamp::default(),
        }
    }

    /// How it stands at the time `at`, for `tenant` or for none.
    #[must_use]
    pub fn standing(&self, tenant: Option<&TenantName>, at: Timestamp) -> Standing {
        if self.tenant.is_some() && self.tenant.as_ref() != tenant {
            Standing::OtherTenant
        } else if self.valid_from.is_some_and(|from| at < from) {
            Standing::NotYetValid
        } else if self.expires_at.is_some_and(|end| at >= end) {
            Standing::Expired
        } else {
            Standing::InForce
        }
    }

    /// Whether an assignment limited so can give `permission`: rolecall's own come from global ones alone,
    /// but those to give and take roles may come from a tenant, for that tenant.
    #[must_use]
    pub fn can_give(&self, permission: &Permission) -> bool {
        self.tenant.is_none() || counts_in_tenant(permission)
    }

    /// Whether it can make its holder count as one of `role`: rolecall's own roles are global.
    #[must_use]
    pub fn can_give_role(&self, role: &RoleName) -> bool {
        self.tenant.is_none() || !role.is_reserved()
    }
}

/// Whether `permission` counts when it comes from an assignment that is limited to a tenant.
#[must_use]
pub fn counts_in_tenant(permission: &Permission) -> bool {
    !permission.is_reserved() || permission.object() == ASSIGNMENTS
}

/// The same for what a role holds: a permission, or every operation of an object.
pub(crate) fn pattern_counts_in_tenant(pattern: &PermissionPattern) -> bool {
    let of_assignments = || {
        let rest = pattern.as_str().strip_prefix(ASSIGNMENTS);
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    !pattern.is_reserved() || of_assignments()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(tenant: Option<&str>, from: Option<i64>, end: Option<i64>) -> RoleAssignment {
        RoleAssignment {
            role: "editor".parse().unwrap(),
            tenant: tenant.map(|tenant| tenant.parse().unwrap()),
            valid_from: from.map(Timestamp::from_seconds),
            expires_at: end.map(Timestamp::from_seconds),
            reason: None,
            assigned_by: "system".into(),
            assigned_at: Timestamp::from_seconds(0),
        }
    }

    #[test]
    fn an_assignment_counts_from_its_first_moment_and_no_longer_at_its_last() {
        let at = |seconds| {
            given(None, Some(10), Some(20)).standing(None, Timestamp::from_seconds(seconds))
        };
        assert_eq!(at(9), Standing::NotYetValid);
        assert_eq!(at(10), Standing::InForce);
        assert_eq!(at(19), Standing::InForce);
        assert_eq!(at(20), Standing::Expired);
    }

    #[test]
    fn a_global_assignment_counts_everywhere_and_one_of_a_tenant_only_there() {
        let acme = "acme".parse().unwrap();
        let now = Timestamp::from_seconds(0);
        let standing = |of: Option<&str>, asked| given(of, None, None).standing(asked, now);
        assert_eq!(standing(None, None), Standing::InForce);
        assert_eq!(standing(None, Some(&acme)), Standing::InForce);
        assert_eq!(standing(Some("acme"), Some(&acme)), Standing::InForce);
        assert_eq!(standing(Some("acme"), None), Standing::OtherTenant);
        assert_eq!(standing(Some("other"), Some(&acme)), Standing::OtherTenant);
    }

    #[test]
    fn rolecalls_own_permissions_are_global_but_those_to_give_roles() {
        let (local, global) = (given(Some("acme"), None, None), given(None, None, None));
        let can = |given: &RoleAssignment, name: &str| given.can_give(&name.parse().unwrap());
        assert!(can(&local, "items:read") && can(&global, "rolecall.users:write"));
        assert!(can(&local, "rolecall.assignments:write"));
        assert!(!can(&local, "rolecall.users:write"));
        assert!(!can(&local, "rolecall.assignments.x:write"));
        assert!(!local.can_give_role(&"rolecall.admin".parse().unwrap()));
        assert!(global.can_give_role(&"rolecall.admin".parse().unwrap()));
    }

    #[test]
    fn a_pattern_counts_in_a_tenant_if_the_permissions_do_that_it_covers() {
        for (pattern, counts) in [
            ("items:*", true),
            ("items:read", true),
            ("rolecall.assignments:*", true),
            ("rolecall.assignments:any", true),
            ("rolecall.assignments.x:*", false),
            ("rolecall.users:*", false),
            ("rolecall.users:write", false),
        ] {
            let pattern = pattern.parse().unwrap();
            assert_eq!(pattern_counts_in_tenant(&pattern), counts, "{pattern}");
        }
    }
}
