//! Role assignments: which role a subject has, in which tenant, from when and until when.

use crate::{Permission, PermissionPattern, RoleName, TenantName, Timestamp};

/// The one object of rolecall's own whose permissions also count when they come from a tenant.
const ASSIGNMENTS: &str = "rolecall.assignments";

/// An assignment of a role to a subject (user assignment, UA, in NIST RBAC).
///
/// It can be limited to a tenant and to a period. The subject is not part of it: assignments are always kept with the
/// subject to which they belong, where role and tenant identify them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAssignment {
    /// The role that is assigned.
    pub role: RoleName,
    /// The tenant to which the assignment is limited; `None` for a global one, which counts in every tenant.
    pub tenant: Option<TenantName>,
    /// The first moment at which the assignment is in force; `None` if it always was.
    pub valid_from: Option<Timestamp>,
    /// The first moment at which the assignment is no longer in force; `None` if it never expires.
    pub expires_at: Option<Timestamp>,
    /// The reason that the assigner gave.
    pub reason: Option<String>,
    /// The actor who assigned the role, named as in the audit log.
    pub assigned_by: String,
    /// The time at which the role was assigned, or the assignment last changed.
    pub assigned_at: Timestamp,
}

/// The status of an assignment in a tenant at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssignmentStatus {
    /// The assignment counts.
    InForce,
    /// The assignment begins later.
    NotYetValid,
    /// The assignment has expired.
    Expired,
    /// The assignment is limited to another tenant.
    OtherTenant,
}

impl RoleAssignment {
    /// Creates a global assignment of `role` that has no beginning and never expires.
    #[must_use]
    pub fn permanent(role: &RoleName) -> Self {
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

    /// Returns the status of the assignment in `tenant`, or outside any tenant, at the moment `at`.
    ///
    /// ```
    /// use rolecall_core::{AssignmentStatus, RoleAssignment, Timestamp};
    ///
    /// let mut assignment = RoleAssignment::permanent(&"editor".parse()?);
    /// assignment.expires_at = Some(Timestamp::from_seconds(100));
    /// assert_eq!(assignment.status(None, Timestamp::from_seconds(99)), AssignmentStatus::InForce);
    /// assert_eq!(assignment.status(None, Timestamp::from_seconds(100)), AssignmentStatus::Expired);
    /// # Ok::<(), rolecall_core::ParseNameError>(())
    /// ```
    #[must_use]
    pub fn status(&self, tenant: Option<&TenantName>, at: Timestamp) -> AssignmentStatus {
        if self.tenant.is_some() && self.tenant.as_ref() != tenant {
            AssignmentStatus::OtherTenant
        } else if self.valid_from.is_some_and(|from| at < from) {
            AssignmentStatus::NotYetValid
        } else if self.expires_at.is_some_and(|end| at >= end) {
            AssignmentStatus::Expired
        } else {
            AssignmentStatus::InForce
        }
    }

    /// Returns true if the assignment can give `permission` to its subject.
    ///
    /// A global assignment can give every permission, one within a tenant only those that
    /// [count in a tenant](counts_in_tenant).
    #[must_use]
    pub fn can_give(&self, permission: &Permission) -> bool {
        self.tenant.is_none() || counts_in_tenant(permission)
    }

    /// Returns true if the assignment can give `role` to its subject, by assignment or inheritance.
    ///
    /// rolecall's own roles are always global, so an assignment within a tenant never gives one.
    #[must_use]
    pub fn can_give_role(&self, role: &RoleName) -> bool {
        self.tenant.is_none() || !role.is_reserved()
    }
}

/// Returns true if `permission` counts when it comes from an assignment within a tenant.
///
/// An application's permissions do. Of rolecall's own, only `rolecall.assignments:*` do, for that tenant.
#[must_use]
pub fn counts_in_tenant(permission: &Permission) -> bool {
    !permission.is_reserved() || permission.object() == ASSIGNMENTS
}

/// Returns true if the permissions that `pattern` covers [count in a tenant](counts_in_tenant).
pub(crate) fn pattern_counts_in_tenant(pattern: &PermissionPattern) -> bool {
    let is_about_assignments = || {
        let rest = pattern.as_str().strip_prefix(ASSIGNMENTS);
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    !pattern.is_reserved() || is_about_assignments()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(tenant: Option<&str>, from: Option<i64>, end: Option<i64>) -> RoleAssignment {
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
    fn an_assignment_is_in_force_from_its_start_until_just_before_its_end() {
        let at = |seconds| {
            assignment(None, Some(10), Some(20)).status(None, Timestamp::from_seconds(seconds))
        };
        assert_eq!(at(9), AssignmentStatus::NotYetValid);
        assert_eq!(at(10), AssignmentStatus::InForce);
        assert_eq!(at(19), AssignmentStatus::InForce);
        assert_eq!(at(20), AssignmentStatus::Expired);
    }

    #[test]
    fn global_assignments_count_everywhere_and_those_of_a_tenant_only_there() {
        use AssignmentStatus::{InForce, OtherTenant};
        let acme = "acme".parse().unwrap();
        let now = Timestamp::from_seconds(0);
        let status = |of: Option<&str>, tenant| assignment(of, None, None).status(tenant, now);
        assert_eq!(status(None, None), InForce);
        assert_eq!(status(None, Some(&acme)), InForce);
        assert_eq!(status(Some("acme"), Some(&acme)), InForce);
        assert_eq!(status(Some("acme"), None), OtherTenant);
        assert_eq!(status(Some("other"), Some(&acme)), OtherTenant);
    }

    #[test]
    fn a_tenant_gives_no_reserved_permissions_except_those_for_assignments() {
        let local = assignment(Some("acme"), None, None);
        let global = assignment(None, None, None);
        let can = |by: &RoleAssignment, name: &str| by.can_give(&name.parse().unwrap());
        assert!(can(&local, "items:read") && can(&global, "rolecall.users:write"));
        assert!(can(&local, "rolecall.assignments:write"));
        assert!(!can(&local, "rolecall.users:write"));
        assert!(!can(&local, "rolecall.assignments.x:write"));
        assert!(!local.can_give_role(&"rolecall.admin".parse().unwrap()));
        assert!(global.can_give_role(&"rolecall.admin".parse().unwrap()));
    }

    #[test]
    fn a_pattern_counts_in_a_tenant_if_its_permissions_do() {
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
