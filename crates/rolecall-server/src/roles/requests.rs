//! The rules for requests: assignments that one person requests and another person approves.

use std::collections::BTreeSet;

use rolecall::PermissionName as _;
use rolecall_core::{Policy, RoleAssignment, RoleName, SubjectKind, TenantName, Timestamp};
use serde_json::json;

use super::{
    assigning::{self, Assignee, Outcome},
    assignment_store,
    holder_store::each_holder,
    request_ending,
    request_store::{self as store, AssignmentRequest},
    separation,
    transition::Transition,
};
use crate::{
    app::App,
    authority::{caller::Caller, may, reads, rights::Rights},
    clients::store as clients,
    error::ApiError,
    ids,
    reasons::Reason,
    store::{Actor, Change, Conn},
    times::rfc3339,
};

impl AssignmentRequest {
    /// Returns the user or client that the role is requested for.
    pub(crate) fn assignee(&self) -> Assignee<'_> {
        match self.kind {
            SubjectKind::User => Assignee::User(&self.subject),
            SubjectKind::Client => Assignee::Client(&self.subject),
        }
    }

    /// Returns the name of the user or client; the id for a caller who may not read users.
    pub(crate) fn shown_name(&self) -> &str {
        if self.name.is_empty() {
            &self.subject
        } else {
            &self.name
        }
    }

    /// Forgets the name for a caller who may not see it.
    fn shown_if(mut self, sees_names: bool) -> Self {
        if !sees_names {
            self.name.clear();
        }
        self
    }
}

/// Returns true if the requests have names for `caller`.
async fn sees_names(app: &App, caller: Caller<'_>) -> Result<bool, ApiError> {
    reads::may(app, caller, may::ReadUsers::NAME).await
}

/// Returns up to `limit` requests after an id, oldest first: those in one tenant, or all.
pub(crate) async fn list(
    app: &App,
    caller: Caller<'_>,
    after: &str,
    tenant: Option<&TenantName>,
    limit: i64,
) -> Result<Vec<AssignmentRequest>, ApiError> {
    reads::require_in(app, caller, tenant, may::ReadAssignments::NAME).await?;
    let sees_names = sees_names(app, caller).await?;
    let mut conn = app.store().read().await?;
    let found = store::list(&mut conn, after, tenant, None, limit).await?;
    let shown = found.into_iter().map(|one| one.shown_if(sees_names));
    Ok(shown.collect())
}

/// Returns the caller's own open requests for a subject. It needs no permission.
pub(crate) async fn list_own(
    app: &App,
    caller: Caller<'_>,
    subject: &str,
) -> Result<Vec<AssignmentRequest>, ApiError> {
    let requester = caller.actor().to_string();
    let mut conn = app.store().read().await?;
    let mut requests = store::list(&mut conn, "", None, Some(subject), i64::MAX).await?;
    requests.retain(|request| request.requested_by() == requester);
    Ok(requests)
}

/// Returns a request.
///
/// # Errors
///
/// Refused if there is no such request, or the caller may not read assignments in its tenant.
pub(crate) async fn get(
    app: &App,
    caller: Caller<'_>,
    id: &str,
) -> Result<AssignmentRequest, ApiError> {
    let mut conn = app.store().read().await?;
    let found = store::find(&mut conn, id).await?;
    drop(conn);
    let request = found.ok_or_else(|| unknown(id))?;
    let tenant = request.assignment.tenant.as_ref();
    reads::require_in(app, caller, tenant, may::ReadAssignments::NAME).await?;
    Ok(request.shown_if(sees_names(app, caller).await?))
}

fn unknown(id: &str) -> ApiError {
    ApiError::unknown("request", &id)
}

/// Assigns the requested role, and returns the request that it confirmed.
///
/// # Errors
///
/// Refused if the caller made the request, is a client, or may not assign the role; if the requester may no longer
/// assign it; if the requested time has passed; or if the subject would break a constraint.
pub(crate) async fn confirm(
    app: &App,
    caller: Caller<'_>,
    id: &str,
) -> Result<AssignmentRequest, ApiError> {
    app.change(caller, async |change| {
        let found = store::find(change.conn(), id).await?;
        let request = found.ok_or_else(|| unknown(id))?;
        let (requested, now) = (&request.assignment, change.now());
        let tenant = requested.tenant.as_ref();
        let rights =
            Rights::require_in(app, change, caller, tenant, may::WriteAssignments::NAME).await?;
        rights.cover_in(tenant, [&requested.role])?;
        check_second_person(change, caller, &request).await?;
        check_requester(app, change, &request).await?;
        if requested.expires_at.is_some_and(|end| end <= now) {
            let refuse = |role| Reason::RequestTooLate { role };
            return Err(refusal(refuse, &requested.role));
        }
        let given = RoleAssignment {
            assigned_by: caller.actor().to_string(),
            assigned_at: now,
            ..requested.clone()
        };
        separation::check_assignment(change, &rights.policy, &request.subject, &given).await?;
        store::delete(change, id).await?;
        let assignee = request.assignee();
        let before =
            assignment_store::find(change.conn(), assignee.id(), &given.role, tenant).await?;
        assigning::write_assignment(change, assignee, before.as_ref(), &given, Some(&request))
            .await?;
        Ok(request)
    })
    .await
}

/// Withdraws the caller's own request, or rejects that of another person. Returns it, or `None` if there is none.
pub(crate) async fn end(
    app: &App,
    caller: Caller<'_>,
    id: &str,
) -> Result<Option<AssignmentRequest>, ApiError> {
    app.change(caller, async |change| {
        let Some(request) = store::find(change.conn(), id).await? else {
            Rights::load(app, change, caller).await?;
            return Ok(None);
        };
        if caller.actor().to_string() == request.requested_by() {
            Rights::load(app, change, caller).await?;
        } else {
            let tenant = request.assignment.tenant.as_ref();
            let rights =
                Rights::require_in(app, change, caller, tenant, may::WriteAssignments::NAME)
                    .await?;
            rights.cover_in(tenant, [&request.assignment.role])?;
        }
        request_ending::end(change, &request).await?;
        Ok(Some(request))
    })
    .await
}

/// Returns true if a second person must approve `given`: the role needs approval, and `given` is valid for longer than
/// `before`.
pub(super) fn needs_approval(
    policy: &Policy,
    before: Option<&RoleAssignment>,
    given: &RoleAssignment,
    now: Timestamp,
) -> bool {
    policy.approval_path(&given.role).is_some()
        && before.is_none_or(|before| assigning::is_gain(before, given, now))
}

/// Refuses a request by a client for a user: whoever controls the client could confirm it.
pub(super) fn check_may_request(
    caller: Caller<'_>,
    assignee: Assignee<'_>,
    role: &RoleName,
) -> Result<(), ApiError> {
    match (caller, assignee) {
        (Caller::Token(principal), Assignee::User(_))
            if principal.kind() == SubjectKind::Client =>
        {
            Err(refusal(|role| Reason::RequestedByClient { role }, role))
        }
        _ => Ok(()),
    }
}

/// Requests an assignment. An earlier request of the same person is replaced under another id, so that nobody confirms
/// a request that they did not see.
pub(super) async fn request(
    change: &mut Change<'_>,
    assignee: Assignee<'_>,
    requested: &RoleAssignment,
) -> Result<Outcome, ApiError> {
    let (now, subject) = (change.now(), assignee.id());
    let tenant = requested.tenant.as_ref();
    let earlier = store::find_for(change.conn(), subject, &requested.role, tenant).await?;
    if let Some(earlier) = &earlier {
        if earlier.requested_by() == requested.assigned_by {
            if assigning::is_same(&earlier.assignment, requested) {
                return Ok(Outcome::Requested(Box::new(earlier.clone())));
            }
        } else if earlier.assignment.expires_at.is_none_or(|end| end > now) {
            let refuse = |role| Reason::RequestedByOther { role };
            return Err(refusal(refuse, &requested.role));
        }
        store::delete(change, &earlier.id).await?;
    }
    let id = ids::new_id(now).map_err(ApiError::internal)?;
    store::insert(change, &id, subject, requested).await?;
    change.record(json!({
        "action": "role.requested", "request": id, "subject": subject, "role": requested.role, "tenant": tenant,
        "valid_from": requested.valid_from.map(rfc3339), "expires_at": requested.expires_at.map(rfc3339),
        "replaces": earlier.map(|earlier| earlier.id),
    }));
    let request = store::find(change.conn(), &id).await?;
    let request = request.ok_or_else(|| unknown(&id))?;
    Ok(Outcome::Requested(Box::new(request)))
}

fn refusal(reason: impl FnOnce(String) -> Reason, role: &RoleName) -> ApiError {
    ApiError::because(reason(role.to_string()), vec![role.clone()])
}

/// Refuses to let the requester confirm, through whatever token or shell, to let a client confirm, and to let a person
/// confirm what a client requested that they control.
async fn check_second_person(
    change: &mut Change<'_>,
    caller: Caller<'_>,
    request: &AssignmentRequest,
) -> Result<(), ApiError> {
    let role = &request.assignment.role;
    let actor = caller.actor().to_string();
    if actor == request.requested_by() {
        return Err(refusal(|role| Reason::RequestIsOwn { role }, role));
    }
    if let Caller::Token(principal) = caller
        && principal.kind() == SubjectKind::Client
    {
        return Err(refusal(|role| Reason::ConfirmedByClient { role }, role));
    }
    let Some(client) = request.requested_by().strip_prefix("client:") else {
        return Ok(());
    };
    if request.kind == SubjectKind::User {
        return Err(refusal(|role| Reason::RequestedByClient { role }, role));
    }
    let controllers = clients::all_controllers(change.conn(), client).await?;
    if controllers.is_empty() {
        let refuse = |role| Reason::RequestOfUnknownClient { role };
        return Err(refusal(refuse, role));
    }
    if controllers.contains(&actor) {
        return Err(refusal(|role| Reason::RequestOfOwnClient { role }, role));
    }
    Ok(())
}

/// Refuses if the requester may no longer assign the role.
async fn check_requester(
    app: &App,
    change: &mut Change<'_>,
    request: &AssignmentRequest,
) -> Result<(), ApiError> {
    // a request from the command line of the machine, or by rolecall itself
    let Some(user_id) = Actor::subject_in(request.requested_by()) else {
        return Ok(());
    };
    let requested = &request.assignment;
    let tenant = requested.tenant.as_ref();
    let checked =
        match Rights::require_of(app, change, user_id, tenant, may::WriteAssignments::NAME).await {
            Ok(rights) => rights.cover_in(tenant, [&requested.role]),
            Err(refused) => Err(refused),
        };
    checked.map_err(|error| match error {
        ApiError::Internal(_) => error,
        _ => refusal(|role| Reason::RequesterLost { role }, &requested.role),
    })
}

/// Returns the roles whose holders could come to have a role that needs approval without one, through new edges of the
/// hierarchy.
pub(crate) fn bypassing(transition: &Transition<'_>) -> BTreeSet<RoleName> {
    let new = transition.after;
    let marked = new.roles().filter(|(_, rules)| rules.approval);
    let needing = new.seniors_of(marked.map(|(role, _)| role));
    let edges = transition.edges.iter();
    let edges = edges.filter(|(_, junior)| needing.contains(*junior));
    new.seniors_of(edges.map(|(senior, _)| *senior))
}

/// Refuses new edges of the hierarchy through which a subject would come to have a role that needs approval without an
/// approval.
pub(crate) async fn check_approval_bypass(
    conn: &mut Conn,
    now: Timestamp,
    transition: &Transition<'_>,
) -> Result<(), ApiError> {
    let (old, new) = (transition.before, transition.after);
    let mut gain = None;
    each_holder(conn, &bypassing(transition), |holder| {
        if gain.is_none() {
            gain = new.unapproved_gain(old, &holder.assignments, now);
        }
    })
    .await?;
    let Some(gain) = gain else {
        return Ok(());
    };
    let reason = Reason::ApprovalBypassed {
        role: gain.role.to_string(),
        senior: gain.path.first().unwrap_or(&gain.role).to_string(),
    };
    let roles = vec![gain.role];
    Err(ApiError::because_along(reason, roles, gain.path))
}

/// Returns the reason why an import cannot assign a role that needs approval: an import has no second person.
pub(crate) fn import_refusal(policy: &Policy, role: &RoleName) -> Option<String> {
    policy.approval_path(role)?;
    Some(format!(
        "role `{role}` needs a second person: assign it after the import"
    ))
}
