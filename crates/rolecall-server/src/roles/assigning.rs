//! Writing an assignment, after every check on it.

use rolecall_core::{FloorKind, RoleAssignment, Timestamp};
use serde_json::json;

use super::{assignment_store, ended_store, request_store::AssignmentRequest};
use crate::{
    accounts::store as accounts,
    authority::{builtin, rights::Rights},
    clients::store as clients,
    error::ApiError,
    reasons::Reason,
    store::{Change, Conn},
    times::rfc3339,
};

/// The time in which an assignment is valid, and the reason for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validity {
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) reason: Option<String>,
}

/// The user or client that a role is assigned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignee<'a> {
    /// A user, by id.
    User(&'a str),
    /// An OAuth client, by id.
    Client(&'a str),
}

/// The result of assigning a role.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// The assignment is in force.
    Assigned,
    /// A second person has to confirm the assignment.
    Requested(Box<AssignmentRequest>),
}

impl<'a> Assignee<'a> {
    pub(super) fn id(self) -> &'a str {
        match self {
            Self::User(id) | Self::Client(id) => id,
        }
    }

    /// Requires that the user or client exists.
    pub(super) async fn require_exists(
        self,
        conn: &mut Conn,
        now: Timestamp,
    ) -> Result<(), ApiError> {
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

/// Writes an assignment in place of the one `before`, with its audit entry. `request` is the request that it confirms.
pub(super) async fn write_assignment(
    change: &mut Change<'_>,
    assignee: Assignee<'_>,
    before: Option<&RoleAssignment>,
    given: &RoleAssignment,
    request: Option<&AssignmentRequest>,
) -> Result<(), ApiError> {
    let (now, user) = (change.now(), assignee.id());
    let (role, tenant) = (&given.role, given.tenant.as_ref());
    let admins = count_lasting_admins(change).await?;
    assignment_store::put(change, user, given).await?;
    ended_store::delete_ended(change, user, role, tenant).await?;
    if before.is_some_and(|before| is_loss(before, given, now)) {
        change.raise_floor_in(tenant, FloorKind::Subject, user);
    }
    check_last_admin(change, admins).await?;
    let mut entry = json!({
        "action": "role.assigned", "subject": user, "role": role, "tenant": tenant,
        "valid_from": given.valid_from.map(rfc3339), "expires_at": given.expires_at.map(rfc3339),
    });
    if let (Some(request), Some(members)) = (request, entry.as_object_mut()) {
        members.insert("request".to_owned(), json!(request.id));
        members.insert("requested_by".to_owned(), json!(request.requested_by()));
    }
    change.record(entry);
    Ok(())
}

/// Checks the delegation limit against every role that a subject has or will have, in any tenant.
pub(crate) async fn cover_subject(
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

pub(super) fn is_same(before: &RoleAssignment, after: &RoleAssignment) -> bool {
    before.valid_from == after.valid_from
        && before.expires_at == after.expires_at
        && before.reason == after.reason
}

/// Returns the start, not before `now`, and the end of the time in which an assignment is valid.
fn span(given: &RoleAssignment, now: Timestamp) -> (Timestamp, Timestamp) {
    let start = given.valid_from.unwrap_or(now).max(now);
    (start, given.expires_at.unwrap_or(Timestamp::MAX))
}

/// Returns true if the assignment is valid for less time than before: it ends earlier or begins later.
fn is_loss(before: &RoleAssignment, after: &RoleAssignment, now: Timestamp) -> bool {
    let (before, after) = (span(before, now), span(after, now));
    after.1 < before.1 || after.0 > before.0
}

/// Returns true if the assignment is valid at a time at which it was not before.
pub(super) fn is_gain(before: &RoleAssignment, after: &RoleAssignment, now: Timestamp) -> bool {
    let (before, after) = (span(before, now), span(after, now));
    after.1 > before.1 || after.0 < before.0
}

/// Returns true if anybody has `rolecall.admin` globally, also who cannot sign in at present.
pub(crate) async fn is_administrated(change: &mut Change<'_>) -> Result<bool, ApiError> {
    Ok(assignment_store::is_assigned(change.conn(), &builtin::ADMIN_ROLE).await?)
}

/// Counts the active users who have `rolecall.admin` globally and without an end.
pub(crate) async fn count_lasting_admins(change: &mut Change<'_>) -> Result<i64, ApiError> {
    let now = change.now();
    Ok(assignment_store::count_lasting(change.conn(), &builtin::ADMIN_ROLE, now).await?)
}

/// Refuses the change if no active user has `rolecall.admin` globally and without an end any more, and `before` did.
pub(crate) async fn check_last_admin(change: &mut Change<'_>, before: i64) -> Result<(), ApiError> {
    if before > 0 && count_lasting_admins(change).await? == 0 {
        let role = builtin::ADMIN_ROLE.to_string();
        return Err(ApiError::because(
            Reason::LastAdministrator { role },
            vec![builtin::ADMIN_ROLE.clone()],
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
