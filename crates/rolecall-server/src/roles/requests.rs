//! Roles that nobody gives alone: asked for by one, confirmed by another.

use super::{
    assigning::{self, Assignee, Outcome},
    assignment_store,
    holder_store::holders_of,
    request_store as store,
    request_store::Request,
    separation,
    transition::Transition,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, rights::Rights},
    error::ApiError,
    ids,
    store::{Change, Conn},
    times::rfc3339,
};
use rolecall::PermissionName as _;
use rolecall_core::{Policy, RoleAssignment, RoleName, SubjectKind, TenantName, Timestamp};
use serde_json::json;

impl Request {
    /// Who is to have the role.
    pub(crate) fn whose(&self) -> Assignee<'_> {
        match self.kind {
            SubjectKind::User => Assignee::User(&self.subject),
            SubjectKind::Client => Assignee::Client(&self.subject),
        }
    }

    /// Who asked for it, as the audit log names them.
    pub(crate) fn requested_by(&self) -> &str {
        &self.asked.assigned_by
    }
}

/// Up to `limit` requests after an id, the oldest first: those in one tenant, or all; for one subject, or all.
pub(crate) async fn list(
    app: &App,
    after: &str,
    tenant: Option<&TenantName>,
    subject: Option<&str>,
    limit: i64,
) -> Result<Vec<Request>, ApiError> {
    let mut conn = app.store().read().await?;
    Ok(store::list(&mut conn, after, tenant, subject, limit).await?)
}

pub(crate) async fn get(app: &App, id: &str) -> Result<Request, ApiError> {
    let mut conn = app.store().read().await?;
    let found = store::find(&mut conn, id).await?;
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> ApiError {
    ApiError::unknown("request", &id)
}

/// Gives what somebody else asked for, if both may give it now.
pub(crate) async fn confirm(app: &App, caller: Caller<'_>, id: &str) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let found = store::find(change.conn(), id).await?;
        let request = found.ok_or_else(|| unknown(id))?;
        let (asked, now) = (&request.asked, change.now());
        let tenant = asked.tenant.as_ref();
        let rights =
            Rights::require_in(app, change, caller, tenant, may::WriteAssignments::NAME).await?;
        rights.cover_in(tenant, [&asked.role])?;
        demand_another(caller, &request)?;
        demand_requester(app, change, &request).await?;
        if asked.expires_at.is_some_and(|end| end <= now) {
            let why = "what was asked for is over by now: ask anew";
            return Err(refusal(why, &asked.role));
        }
        let given = RoleAssignment {
            assigned_by: caller.actor().to_string(),
            assigned_at: now,
            ..asked.clone()
        };
        separation::keep_apart(change, &rights.policy, &request.subject, &given).await?;
        store::delete(change, id).await?;
        let whose = request.whose();
        let before = assignment_store::find(change.conn(), whose.id(), &given.role, tenant).await?;
        assigning::give(change, whose, before.as_ref(), &given, Some(&request)).await
    })
    .await
}

/// Takes a request back, or turns it down.
pub(crate) async fn end(app: &App, caller: Caller<'_>, id: &str) -> Result<(), ApiError> {
    app.change(caller, async |change| {
        let Some(request) = store::find(change.conn(), id).await? else {
            Rights::load(app, change, caller).await?;
            return Ok(());
        };
        if caller.actor().to_string() == request.requested_by() {
            Rights::load(app, change, caller).await?;
        } else {
            let tenant = request.asked.tenant.as_ref();
            let rights =
                Rights::require_in(app, change, caller, tenant, may::WriteAssignments::NAME)
                    .await?;
            rights.cover_in(tenant, [&request.asked.role])?;
        }
        remove(change, &request).await
    })
    .await
}

/// Ends what was asked for about an assignment that is made, changed or taken away meanwhile: it was asked for
/// beside another state of things.
pub(super) async fn end_for(
    change: &mut Change<'_>,
    subject: &str,
    role: &RoleName,
    tenant: Option<&TenantName>,
) -> Result<(), ApiError> {
    match store::find_for(change.conn(), subject, role, tenant).await? {
        Some(request) => remove(change, &request).await,
        None => Ok(()),
    }
}

async fn remove(change: &mut Change<'_>, request: &Request) -> Result<(), ApiError> {
    store::delete(change, &request.id).await?;
    change.record(json!({
        "action": "role.request_ended", "request": request.id, "subject": request.subject,
        "role": request.asked.role, "tenant": request.asked.tenant, "requested_by": request.requested_by(),
    }));
    Ok(())
}

/// Whether a second person must confirm `given`: the role is one of those, and this is more than `before`.
pub(super) fn is_needed(
    policy: &Policy,
    before: Option<&RoleAssignment>,
    given: &RoleAssignment,
    now: Timestamp,
) -> bool {
    policy.approval_path(&given.role).is_some()
        && before.is_none_or(|before| assigning::is_gain(before, given, now))
}

/// Notes that `asked` is asked for. What the same person asked for before is replaced under another id, so that
/// nobody confirms what they did not see.
pub(super) async fn ask(
    change: &mut Change<'_>,
    whose: Assignee<'_>,
    asked: &RoleAssignment,
) -> Result<Outcome, ApiError> {
    let (now, subject) = (change.now(), whose.id());
    let tenant = asked.tenant.as_ref();
    let there = store::find_for(change.conn(), subject, &asked.role, tenant).await?;
    if let Some(there) = &there {
        if there.requested_by() == asked.assigned_by {
            if assigning::is_same(&there.asked, asked) {
                return Ok(Outcome::Requested(Box::new(there.clone())));
            }
        } else if there.asked.expires_at.is_none_or(|end| end > now) {
            let why = "somebody else has asked for it already: confirm or end that request";
            return Err(refusal(why, &asked.role));
        }
        store::delete(change, &there.id).await?;
    }
    let id = ids::new_id(now).map_err(ApiError::internal)?;
    store::insert(change, &id, subject, asked).await?;
    change.record(json!({
        "action": "role.requested", "request": id, "subject": subject, "role": asked.role, "tenant": tenant,
        "valid_from": asked.valid_from.map(rfc3339), "expires_at": asked.expires_at.map(rfc3339),
        "replaces": there.map(|there| there.id),
    }));
    let made = store::find(change.conn(), &id).await?;
    let made = made.ok_or_else(|| unknown(&id))?;
    Ok(Outcome::Requested(Box::new(made)))
}

fn refusal(why: &str, role: &RoleName) -> ApiError {
    let detail = format!("role `{role}` needs a second person: {why}");
    ApiError::rule("approval", detail, vec![role.clone()])
}

/// Two tokens, sessions or shells of one person are one person, and a program is none.
fn demand_another(caller: Caller<'_>, request: &Request) -> Result<(), ApiError> {
    let role = &request.asked.role;
    if caller.actor().to_string() == request.requested_by() {
        return Err(refusal("another person must confirm", role));
    }
    match caller {
        Caller::Token(principal) if principal.kind() == SubjectKind::Client => {
            Err(refusal("a client cannot confirm", role))
        }
        _ => Ok(()),
    }
}

/// Whoever asked must still be one who may give it.
async fn demand_requester(
    app: &App,
    change: &mut Change<'_>,
    request: &Request,
) -> Result<(), ApiError> {
    let by = request.requested_by();
    let id = by
        .strip_prefix("user:")
        .or_else(|| by.strip_prefix("client:"));
    // the machine's own, and rolecall itself
    let Some(user_id) = id else {
        return Ok(());
    };
    let asked = &request.asked;
    let tenant = asked.tenant.as_ref();
    let checked =
        match Rights::require_of(app, change, user_id, tenant, may::WriteAssignments::NAME).await {
            Ok(rights) => rights.cover_in(tenant, [&asked.role]),
            Err(refused) => Err(refused),
        };
    checked.map_err(|error| match error {
        ApiError::Internal(_) => error,
        _ => refusal("whoever asked may not give it any more", &asked.role),
    })
}

/// Refuses new edges of the hierarchy by which somebody would come to hold a role that needs a second person
/// without one.
pub(crate) async fn check_approval_bypass(
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<(), ApiError> {
    let (old, new) = (transition.before, transition.after);
    let mut concerned = std::collections::BTreeSet::new();
    for (senior, junior) in &transition.edges {
        if new.approval_path(junior).is_some() {
            concerned.extend(new.seniors(senior));
        }
    }
    if concerned.is_empty() {
        return Ok(());
    }
    let holders = holders_of(conn, &concerned).await?;
    let mut gains = holders
        .values()
        .filter_map(|holder| new.unapproved_gain(old, &holder.assignments, now));
    let Some(gain) = gains.next() else {
        return Ok(());
    };
    let detail = format!(
        "role `{}` needs a second person: somebody who has `{}` would come to have it without one",
        gain.role,
        gain.path.first().unwrap_or(&gain.role)
    );
    Err(ApiError::Rule {
        rule: "approval",
        detail,
        roles: vec![gain.role],
        path: gain.path,
    })
}

/// What an import cannot do: it has nobody to confirm it.
pub(crate) fn not_in_an_import(policy: &Policy, role: &RoleName) -> Option<String> {
    policy.approval_path(role)?;
    Some(format!(
        "role `{role}` needs a second person: assign it after the import"
    ))
}

/// The requests that are open for a subject.
pub(crate) async fn open_for(app: &App, subject: &str) -> Result<Vec<Request>, ApiError> {
    list(app, "", None, Some(subject), i64::MAX).await
}
