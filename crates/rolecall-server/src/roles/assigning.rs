//! Writing an assignment, once everything about it was checked.

use rolecall_core::{FloorKind, RoleAssignment, Timestamp};
use serde_json::json;

use super::{assignment_store, ended_store as ended, request_store::Request};
use crate::{
    accounts::store as accounts,
    authority::{builtin, rights::Rights},
    clients::store as clients,
    error::ApiError,
    store::{Change, Conn},
    times::rfc3339,
};

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
    pub(super) async fn demand(self, conn: &mut Conn, now: Timestamp) -> Result<(), ApiError> {
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

/// The delegation limit on a subject: all that it holds or will hold, in whatever tenant.
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
