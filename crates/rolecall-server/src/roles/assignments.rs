//! The rules for role assignments.

use super::{
    assigning::{Assignee, Outcome, Validity, give, is_same, keep_an_admin, lasting_admins},
    assignment_store, ended_store as ended,
    ended_store::EndedAssignment,
    requests, separation, store,
};
use crate::{
    app::App,
    authority::{builtin, caller::Caller, may, rights::Rights},
    error::{ApiError, FieldError},
    store::Change,
};
use rolecall::PermissionName as _;
use rolecall_core::{FloorKind, RoleAssignment, RoleName, TenantName, Timestamp};
use serde_json::json;

const MAX_REASON: usize = 500;

/// Up to `limit` assignments of a user or client after `(role, tenant)`: those of one tenant, or all.
pub(crate) async fn list(
    app: &App,
    whose: Assignee<'_>,
    after: (&str, &str),
    tenant: Option<&TenantName>,
    limit: i64,
) -> Result<Vec<RoleAssignment>, ApiError> {
    let mut conn = app.store().read().await?;
    let now = app.now();
    whose.demand(&mut conn, now).await?;
    Ok(assignment_store::list(&mut conn, whose.id(), after, tenant, limit).await?)
}

/// Gives `role`, or replaces the validity of an assignment that is there; or asks for it, where a second person
/// must confirm.
pub(crate) async fn assign(
    app: &App,
    caller: Caller<'_>,
    whose: Assignee<'_>,
    role: &RoleName,
    tenant: Option<&TenantName>,
    validity: &Validity,
) -> Result<Outcome, ApiError> {
    app.change(caller, async |change| {
        let rights =
            Rights::require_in(app, change, caller, tenant, may::WriteAssignments::NAME).await?;
        assign_in(change, &rights, caller, whose, role, tenant, validity).await
    })
    .await
}

/// The same inside a change that does more.
pub(crate) async fn assign_in(
    change: &mut Change<'_>,
    rights: &Rights,
    caller: Caller<'_>,
    whose: Assignee<'_>,
    role: &RoleName,
    tenant: Option<&TenantName>,
    validity: &Validity,
) -> Result<Outcome, ApiError> {
    let (now, user) = (change.now(), whose.id());
    whose.demand(change.conn(), now).await?;
    demand_role(change, whose, role).await?;
    rights.cover_in(tenant, [role])?;
    check_validity(validity, now)?;
    let before = assignment_store::find(change.conn(), user, role, tenant).await?;
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
    separation::keep_apart(change, &rights.policy, user, &given).await?;
    if requests::is_needed(&rights.policy, before.as_ref(), &given, now) {
        return requests::ask(change, whose, &given).await;
    }
    requests::end_for(change, user, role, tenant).await?;
    give(change, whose, before.as_ref(), &given, None).await?;
    Ok(Outcome::Assigned)
}

/// Takes `role` away.
pub(crate) async fn unassign(
    app: &App,
    caller: Caller<'_>,
    whose: Assignee<'_>,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let rights =
            Rights::require_in(app, change, caller, tenant, may::WriteAssignments::NAME).await?;
        let (now, user) = (change.now(), whose.id());
        // the role that is taken away need not exist
        whose.demand(change.conn(), now).await?;
        rights.cover_in(tenant, [role])?;
        requests::end_for(change, user, role, tenant).await?;
        let lasting = lasting_admins(change).await?;
        if !assignment_store::delete(change, user, role, tenant).await? {
            return Ok(());
        }
        keep_an_admin(change, lasting).await?;
        let ended = EndedAssignment {
            role: role.clone(),
            tenant: tenant.cloned(),
            ended_at: now,
            ended_by: caller.actor().to_string(),
        };
        ended::remember_ended(change, user, &ended).await?;
        change.raise_floor(FloorKind::Subject, user);
        change.record(
            json!({ "action": "role.unassigned", "subject": user, "role": role, "tenant": tenant }),
        );
        Ok(())
    })
    .await
}

async fn demand_role(
    change: &mut Change<'_>,
    whose: Assignee<'_>,
    role: &RoleName,
) -> Result<(), ApiError> {
    let found = store::find_role(change.conn(), role).await?;
    found.ok_or_else(|| ApiError::unknown("role", role))?;
    if role.as_str() == builtin::RESOURCE_SERVER && matches!(whose, Assignee::User(_)) {
        let detail = format!("role `{role}` is for clients only");
        return Err(ApiError::rule("clients_only", detail, vec![role.clone()]));
    }
    Ok(())
}

fn check_validity(validity: &Validity, now: Timestamp) -> Result<(), ApiError> {
    let reason = validity.reason.as_deref().unwrap_or_default();
    if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        return Err(ApiError::Invalid(FieldError::body(
            "reason",
            "value_error",
            format!("reason is at most {MAX_REASON} characters, none of them a control character"),
        )));
    }
    if validity.expires_at.is_some_and(|end| end <= now) {
        return Err(ApiError::Invalid(FieldError::body(
            "expires_at",
            "in_the_past",
            "expires_at has already passed",
        )));
    }
    if let (Some(from), Some(end)) = (validity.valid_from, validity.expires_at)
        && from >= end
    {
        return Err(ApiError::Invalid(FieldError::body(
            "expires_at",
            "before_valid_from",
            "expires_at must come after valid_from",
        )));
    }
    Ok(())
}

/// How many users can administer the accounts.
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
    async fn whoever_waits_for_a_new_password_does_not_count_as_the_last_administrator() {
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
        users::reset(app, caller, &two).await.unwrap();
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
        users::reset(app, caller, &one).await.unwrap();
        users::delete(app, caller, &two).await.unwrap();
    }
}
