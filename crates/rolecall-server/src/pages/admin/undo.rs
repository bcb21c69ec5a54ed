//! Addresses of pages that undo an action: they do the opposite, with the form filled in.

use http::StatusCode;
use rolecall::PermissionName as _;
use rolecall_core::{RoleAssignment, RoleName, TenantName, Timestamp};

use super::{
    links::{HISTORY, link},
    visit::Visit,
    whose::path_of,
};
use crate::{
    authority::may,
    error::ApiError,
    policy::history,
    roles::{assigning::Assignee, assignments},
    times::rfc3339,
};

/// The most assignments among which the one before is looked for.
const LOOKED_AT: i64 = 200;

/// Returns the assignment that a change is about to replace or end, for those who may read it there.
pub(super) async fn assignment_before(
    visit: &Visit,
    whose: Assignee<'_>,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<Option<RoleAssignment>, ApiError> {
    if !visit.may(may::ReadAssignments::NAME) {
        return Ok(None);
    }
    let (app, caller) = (&visit.app, visit.caller());
    let found = assignments::list(app, caller, whose, ("", ""), tenant, LOOKED_AT).await;
    let found = match found {
        Ok(found) => found,
        Err(error) if error.status() == StatusCode::FORBIDDEN => return Ok(None),
        Err(error) => return Err(error),
    };
    let is_same = |one: &RoleAssignment| one.role == *role && one.tenant.as_ref() == tenant;
    Ok(found.into_iter().find(is_same))
}

/// Returns the address that gives a role again as it was given before.
pub(super) fn of_unassigned(whose: Assignee<'_>, before: &RoleAssignment) -> String {
    let tenant = before.tenant.as_ref().map(ToString::to_string);
    let (from, until) = (typed(before.valid_from), typed(before.expires_at));
    let members = [
        ("role", before.role.as_str()),
        ("tenant", tenant.as_deref().unwrap_or_default()),
        ("from", &from),
        ("until", &until),
        ("reason", before.reason.as_deref().unwrap_or_default()),
    ];
    link(&format!("{}/assign", path_of(whose)), &members)
}

/// Returns the address that takes away a role which was just given; if it changed an assignment, the one that changes it
/// back.
pub(super) fn of_assigned(
    whose: Assignee<'_>,
    (role, tenant): (&RoleName, Option<&TenantName>),
    before: Option<&RoleAssignment>,
) -> String {
    if let Some(before) = before {
        return of_unassigned(whose, before);
    }
    let tenant = tenant.map(ToString::to_string).unwrap_or_default();
    let members = [("role", role.as_str()), ("tenant", &tenant)];
    link(&format!("{}/unassign", path_of(whose)), &members)
}

/// Returns a time as a form has it, to the second in UTC.
fn typed(time: Option<Timestamp>) -> String {
    let Some(time) = time else {
        return String::new();
    };
    let exact = rfc3339(time);
    let exact = exact.get(..19).unwrap_or(&exact);
    exact.strip_suffix(":00").unwrap_or(exact).to_owned()
}

/// The policy before a change; none for those who may not go back to it.
pub(super) struct PolicyBefore(Option<history::Before>);

/// Reads the policy before a change of it.
pub(super) async fn policy_before(visit: &Visit) -> Result<PolicyBefore, ApiError> {
    let may_go_back =
        visit.may_globally(may::ReadPolicy::NAME) && visit.may_globally(may::WritePolicy::NAME);
    if !may_go_back {
        return Ok(PolicyBefore(None));
    }
    let before = history::before(&visit.app).await?;
    Ok(PolicyBefore(Some(before)))
}

impl PolicyBefore {
    /// Keeps the policy before a change that was made as a version of the history, and returns its address. If that fails, the
    /// change is made all the same: only the way back is not offered.
    pub(super) async fn keep(self, visit: &Visit) -> Option<String> {
        match history::keep_before(&visit.app, &self.0?).await {
            Ok(revision) => Some(format!("{HISTORY}/{revision}")),
            Err(error) => {
                error.log();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::frame::undo_named, *};

    #[test]
    fn a_role_is_given_again_as_it_was() {
        let time = |text: &str| crate::times::parse_rfc3339(text);
        let before = RoleAssignment {
            role: "editor".parse().unwrap(),
            tenant: Some("acme".parse().unwrap()),
            valid_from: time("2030-01-02T12:00:00Z"),
            expires_at: time("2030-02-02T12:00:07.5Z"),
            reason: Some("Stands in & helps".to_owned()),
            assigned_by: "system".to_owned(),
            assigned_at: Timestamp::from_seconds(0),
        };
        let address = of_unassigned(Assignee::User("u1"), &before);
        assert_eq!(
            address,
            "/admin/users/u1/assign?role=editor&tenant=acme&from=2030-01-02T12%3A00\
             &until=2030-02-02T12%3A00%3A07&reason=Stands+in+%26+helps"
        );
        assert_eq!(undo_named("unassigned", &address), address);
        let named = (&before.role, before.tenant.as_ref());
        let address = of_assigned(Assignee::Client("shop"), named, None);
        assert_eq!(
            address,
            "/admin/clients/shop/unassign?role=editor&tenant=acme"
        );
        assert_eq!(undo_named("assigned", &address), address);
        let changed = of_assigned(Assignee::Client("shop"), named, Some(&before));
        assert!(changed.starts_with("/admin/clients/shop/assign?role=editor&tenant=acme&from="));
    }
}
