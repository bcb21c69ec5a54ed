//! The rules for role assignments.

use rolecall::PermissionName as _;
use rolecall_core::{FloorKind, RoleAssignment, RoleName, TenantName, Timestamp, is_unprintable};
use serde_json::json;

use super::{
    assigning::{
        Assignee, Outcome, Validity, check_last_admin, count_lasting_admins, is_same,
        write_assignment,
    },
    assignment_store,
    ended_store::{self, EndedAssignment},
    request_ending, requests, separation, store,
};
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, reads, rights::Rights},
    boxed::Boxed,
    error::{ApiError, FieldError},
    reasons::Reason,
    sessions::losses::end_unadmitted,
    store::{Change, outbox::Notice},
};

/// The most characters that the reason of an assignment may have.
const MAX_REASON: usize = 500;

/// Returns up to `limit` assignments of a user or client after `(role, tenant)`: those of one tenant, or all.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    assignee: Assignee<'_>,
    after: (&str, &str),
    tenant: Option<&TenantName>,
    limit: i64,
) -> Result<Vec<RoleAssignment>, ApiError> {
    reads::require_in(app, caller, tenant, may::ReadAssignments::NAME).await?;
    let mut conn = app.store().read().await?;
    let now = app.now();
    assignee.require_exists(&mut conn, now).await?;
    Ok(assignment_store::list(&mut conn, assignee.id(), after, tenant, limit).await?)
}

/// Assigns `role`, or replaces the validity of the present assignment. If a second person must approve it, requests it
/// instead.
pub(crate) async fn assign(
    app: &App,
    caller: Caller<'_>,
    assignee: Assignee<'_>,
    role: &RoleName,
    tenant: Option<&TenantName>,
    validity: &Validity,
) -> Result<Outcome, ApiError> {
    app.change(caller, async |change| {
        let rights =
            Rights::require_in(app, change, caller, tenant, may::WriteAssignments::NAME).await?;
        assign_in(change, &rights, caller, assignee, role, tenant, validity).await
    })
    .await
}

/// As [`assign`], inside a larger change.
pub(crate) fn assign_in<'a>(
    change: &'a mut Change<'_>,
    rights: &'a Rights,
    caller: Caller<'a>,
    assignee: Assignee<'a>,
    role: &'a RoleName,
    tenant: Option<&'a TenantName>,
    validity: &'a Validity,
) -> Boxed<'a, Result<Outcome, ApiError>> {
    Box::pin(async move {
        let (now, subject) = (change.now(), assignee.id());
        assignee.require_exists(change.conn(), now).await?;
        require_role(change, assignee, role).await?;
        rights.cover_in(tenant, [role])?;
        check_validity(validity, now)?;
        let before = assignment_store::find(change.conn(), subject, role, tenant).await?;
        let given = RoleAssignment {
            role: role.clone(),
            tenant: tenant.cloned(),
            valid_from: validity.valid_from,
            expires_at: validity.expires_at,
            reason: validity.reason.clone(),
            assigned_by: caller.actor().to_string(),
            assigned_at: now,
        };
        if before
            .as_ref()
            .is_some_and(|before| is_same(before, &given))
        {
            return Ok(Outcome::Assigned);
        }
        separation::check_assignment(change, &rights.policy, subject, &given).await?;
        if requests::needs_approval(&rights.policy, before.as_ref(), &given, now) {
            requests::check_may_request(caller, assignee, role)?;
            return requests::request(change, assignee, &given).await;
        }
        request_ending::end_matching(change, subject, role, tenant).await?;
        write_assignment(change, assignee, before.as_ref(), &given, None).await?;
        Ok(Outcome::Assigned)
    })
}

/// Removes the assignment of `role`, if there is one, and the request for it.
pub(crate) async fn unassign(
    app: &App,
    caller: Caller<'_>,
    assignee: Assignee<'_>,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights =
            Rights::require_in(app, change, caller, tenant, may::WriteAssignments::NAME).await?;
        let (now, subject) = (change.now(), assignee.id());
        // the role itself need not exist
        assignee.require_exists(change.conn(), now).await?;
        rights.cover_in(tenant, [role])?;
        request_ending::end_matching(change, subject, role, tenant).await?;
        let admins = count_lasting_admins(change).await?;
        if !assignment_store::delete(change, subject, role, tenant).await? {
            return Ok(());
        }
        check_last_admin(change, admins).await?;
        let ended = EndedAssignment {
            role: role.clone(),
            tenant: tenant.cloned(),
            ended_at: now,
            ended_by: caller.actor().to_string(),
        };
        ended_store::put_ended(change, subject, &ended).await?;
        change.raise_floor_in(tenant, FloorKind::Subject, subject);
        change.record(
            json!({ "action": "role.unassigned", "subject": subject, "role": role, "tenant": tenant }),
        );
        if let Assignee::User(user) = assignee {
            let lost = Notice::RoleLost { role, tenant };
            change.notify(user, lost).await?;
            end_unadmitted(change, &rights.policy, user).await?;
        }
        Ok(())
    })
    .await
}

async fn require_role(
    change: &mut Change<'_>,
    assignee: Assignee<'_>,
    role: &RoleName,
) -> Result<(), ApiError> {
    let found = store::find_role(change.conn(), role).await?;
    found.ok_or_else(|| ApiError::unknown("role", role))?;
    if role.as_str() == builtin::RESOURCE_SERVER && matches!(assignee, Assignee::User(_)) {
        let name = role.to_string();
        let reason = Reason::ClientsOnly { role: name };
        return Err(ApiError::because(reason, vec![role.clone()]));
    }
    Ok(())
}

fn check_validity(validity: &Validity, now: Timestamp) -> Result<(), ApiError> {
    let reason = validity.reason.as_deref().unwrap_or_default();
    if reason.chars().count() > MAX_REASON || reason.contains(is_unprintable) {
        let most = MAX_REASON.to_string();
        return Err(ApiError::Invalid(FieldError::because(
            "reason",
            "value_error",
            Reason::WhyTooLong { most },
        )));
    }
    if validity.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::Invalid(FieldError::because(
            "expires_at",
            "in_the_past",
            Reason::EndHasPassed,
        )));
    }
    if let (Some(from), Some(end)) = (validity.valid_from, validity.expires_at)
        && from >= end
    {
        return Err(ApiError::Invalid(FieldError::because(
            "expires_at",
            "before_valid_from",
            Reason::EndBeforeBeginning,
        )));
    }
    Ok(())
}

/// Returns true if anybody has `rolecall.admin` globally, also who cannot sign in at present.
pub(crate) async fn is_administrated(app: &App) -> Result<bool, ApiError> {
    let mut conn = app.store().read().await?;
    Ok(assignment_store::is_assigned(&mut conn, &builtin::ADMIN_ROLE).await?)
}

/// Counts the active users who have `rolecall.admin` globally and without an end.
pub(crate) async fn count_admins(app: &App) -> Result<i64, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    Ok(assignment_store::count_lasting(&mut conn, &builtin::ADMIN_ROLE, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::service as users;

    #[test]
    fn a_validity_that_can_never_hold_is_refused() {
        let now = Timestamp::from_seconds(100);
        let validity = |from: Option<i64>, end: Option<i64>| Validity {
            valid_from: from.map(Timestamp::from_seconds),
            expires_at: end.map(Timestamp::from_seconds),
            reason: None,
        };
        assert!(check_validity(&validity(None, Some(100)), now).is_err());
        assert!(check_validity(&validity(Some(300), Some(300)), now).is_err());
        assert!(check_validity(&validity(Some(50), Some(101)), now).is_ok());
    }

    #[tokio::test]
    async fn a_user_who_must_change_the_password_is_not_the_last_administrator() {
        let server = crate::Embedded::builder("sqlite::memory:")
            .demo_user("one", "a password of one", &["rolecall.admin"])
            .demo_user("two", "a password of two", &["rolecall.admin"])
            .open()
            .await
            .unwrap();
        let (app, caller) = (server.app(), Caller::System);
        let id = async |name| {
            let found = users::list(app, Caller::System, "", Some(name), "", 1)
                .await
                .unwrap();
            found.first().unwrap().id.clone()
        };
        let (one, two) = (id("one").await, id("two").await);
        crate::accounts::reset::start(app, caller, &two, None)
            .await
            .unwrap();
        let last = |refused| {
            matches!(
                refused,
                ApiError::Rule {
                    rule: "last_administrator",
                    ..
                }
            )
        };
        assert!(last(users::delete(app, caller, &one).await.unwrap_err()));
        let forced = users::Changes {
            status: Some(crate::authority::subject::Status::PasswordChangeRequired),
            ..users::Changes::default()
        };
        let refused = users::update(app, caller, &one, &forced).await;
        assert!(last(refused.unwrap_err()));
        // a reset is the way back for an administrator who is locked out
        crate::accounts::reset::start(app, caller, &one, None)
            .await
            .unwrap();
        users::delete(app, caller, &two).await.unwrap();
    }
}
