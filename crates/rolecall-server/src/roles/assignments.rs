//! The rules for role assignments.

use rolecall_core::{FloorKind, RoleAssignment, RoleName, TenantName, Timestamp};
use serde_json::json;

use super::{assignment_store, builtin, request_store::Request, requests, separation, store};
use crate::{
    accounts::{
        authority::{Caller, Rights},
        store as accounts,
        views::rfc3339,
    },
    app::App,
    clients::store as clients,
    decisions::store::{self as ended, EndedAssignment},
    error::{ApiError, FieldError},
    store::{Change, Conn},
};

/// Who gives and takes roles needs this permission, whatever way they go.
pub(crate) const WRITE: &str = "rolecall.assignments:write";
/// And who lists them, this one.
pub(crate) const READ: &str = "rolecall.assignments:read";

const MAX_REASON: usize = 500;

/// Until when an assignment counts, and why it was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validity {
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) reason: Option<String>,
}

/// Who is given a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignee<'a> {
    /// A user, by id.
    User(&'a str),
    /// An OAuth client, by id.
    Client(&'a str),
}

/// What became of an assignment.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It is in force as it was asked for.
    Assigned,
    /// A second person has to confirm it.
    Requested(Box<Request>),
}

impl<'a> Assignee<'a> {
    pub(super) fn id(self) -> &'a str {
        match self {
            Self::User(id) | Self::Client(id) => id,
        }
    }

    /// Whoever the path names must exist, and be of that kind.
    async fn demand(self, conn: &mut Conn, now: Timestamp) -> Result<(), ApiError> {
        let (kind, found) = match self {
            Self::User(id) => ("user", accounts::find_user(conn, id, now).await?.is_some()),
            Self::Client(id) => ("client", clients::find(conn, id).await?.is_some()),
        };
        if found {
            Ok(())
        } else {
            Err(ApiError::unknown(kind, &self.id()))
        }
    }
}

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
        let rights = Rights::demand_in(app, change, caller, tenant, WRITE).await?;
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
    separation::keep_apart(change, &rights.policy.1, user, &given).await?;
    if requests::is_needed(&rights.policy.1, before.as_ref(), &given, now) {
        return requests::ask(change, whose, &given).await;
    }
    requests::end_for(change, user, role, tenant).await?;
    give(change, whose, before.as_ref(), &given, None).await?;
    Ok(Outcome::Assigned)
}

/// Writes an assignment for which everything was asked, in the place of the one `before`: also one that somebody
/// requested.
pub(super) async fn give(
    change: &mut Change<'_>,
    whose: Assignee<'_>,
    before: Option<&RoleAssignment>,
    given: &RoleAssignment,
    request: Option<&Request>,
) -> Result<(), ApiError> {
    let (now, user) = (change.now(), whose.id());
    let (role, tenant) = (&given.role, given.tenant.as_ref());
    let lasting = lasting_admins(change).await?;
    assignment_store::put(change, user, given).await?;
    ended::forget_ended(change, user, role, tenant).await?;
    if before.is_some_and(|before| is_loss(before, given, now)) {
        change.raise_floor(FloorKind::Subject, user);
    }
    keep_an_admin(change, lasting).await?;
    let mut told = json!({
        "action": "role.assigned", "subject": user, "role": role, "tenant": tenant,
        "valid_from": given.valid_from.map(rfc3339), "expires_at": given.expires_at.map(rfc3339),
    });
    if let (Some(request), Some(members)) = (request, told.as_object_mut()) {
        members.insert("request".to_owned(), json!(request.id));
        members.insert("requested_by".to_owned(), json!(request.requested_by()));
    }
    change.record(told);
    Ok(())
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
        let rights = Rights::demand_in(app, change, caller, tenant, WRITE).await?;
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

/// The delegation limit on a subject: all that it holds or will hold, in whatever tenant.
pub(crate) async fn cover_all_of(
    change: &mut Change<'_>,
    rights: &Rights,
    subject: &str,
) -> Result<(), ApiError> {
    let now = change.now();
    for (role, tenant) in assignment_store::roles_of(change.conn(), subject, now).await? {
        rights.cover_in(tenant.as_ref(), [&role])?;
    }
    Ok(())
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

pub(super) fn is_same(before: &RoleAssignment, after: &RoleAssignment) -> bool {
    before.valid_from == after.valid_from
        && before.expires_at == after.expires_at
        && before.reason == after.reason
}

/// From when on an assignment counts, of the time that is left, and until when.
fn span(given: &RoleAssignment, now: Timestamp) -> (Timestamp, Timestamp) {
    let start = given.valid_from.unwrap_or(now).max(now);
    (start, given.expires_at.unwrap_or(Timestamp::MAX))
}

/// Whether the same session would get less than before: it ends earlier, or begins later than now.
fn is_loss(before: &RoleAssignment, after: &RoleAssignment, now: Timestamp) -> bool {
    let (before, after) = (span(before, now), span(after, now));
    after.1 < before.1 || after.0 > before.0
}

/// Whether it would get more than before at some time.
pub(super) fn is_gain(before: &RoleAssignment, after: &RoleAssignment, now: Timestamp) -> bool {
    let (before, after) = (span(before, now), span(after, now));
    after.1 > before.1 || after.0 < before.0
}

/// How many lasting holders the role `rolecall.admin` has.
pub(crate) async fn lasting_admins(change: &mut Change<'_>) -> Result<i64, ApiError> {
    let now = change.now();
    Ok(assignment_store::count_lasting(change.conn(), &builtin::ADMIN_ROLE, now).await?)
}

/// How many users can administer the accounts.
pub(crate) async fn count_admins(app: &App) -> Result<i64, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    Ok(assignment_store::count_lasting(&mut conn, &builtin::ADMIN_ROLE, now).await?)
}

/// The last active, unlimited holder of `rolecall.admin` stays: refused if there were some `before` and none is left.
pub(crate) async fn keep_an_admin(change: &mut Change<'_>, before: i64) -> Result<(), ApiError> {
    if before > 0 && lasting_admins(change).await? == 0 {
        let role = builtin::ADMIN_ROLE.clone();
        return Err(ApiError::rule(
            "last_administrator",
            format!("the last active holder of `{role}` stays"),
            vec![role],
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::service as users;

    fn given(valid_from: Option<i64>, expires_at: Option<i64>) -> RoleAssignment {
        RoleAssignment {
            role: "editor".parse().unwrap(),
            tenant: None,
            valid_from: valid_from.map(Timestamp::from_seconds),
            expires_at: expires_at.map(Timestamp::from_seconds),
            reason: None,
            assigned_by: "system".into(),
            assigned_at: Timestamp::from_seconds(0),
        }
    }

    #[test]
    fn ending_earlier_or_beginning_later_is_a_loss_and_nothing_else_is() {
        let now = Timestamp::from_seconds(100);
        let lost = |before, after| is_loss(&before, &after, now);
        assert!(lost(given(None, None), given(None, Some(200))));
        assert!(lost(given(None, Some(300)), given(None, Some(200))));
        assert!(lost(given(None, None), given(Some(150), None)));
        assert!(!lost(given(None, Some(200)), given(None, None)));
        assert!(
            !lost(given(Some(50), None), given(Some(90), None)),
            "both have begun"
        );
        assert!(!lost(given(Some(150), None), given(None, None)));
    }

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
            let found = users::list(app, "", Some(name), "", 1).await.unwrap();
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
            status: Some(accounts::Status::PasswordChangeRequired),
            ..users::Changes::default()
        };
        let refused = users::update(app, caller, &one, &forced).await;
        assert!(last(refused.unwrap_err()));
        // a reset is the way back for an administrator who is locked out
        users::reset(app, caller, &one).await.unwrap();
        users::delete(app, caller, &two).await.unwrap();
    }
}
