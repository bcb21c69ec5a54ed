//! What a subject holds, read in one statement together with the head it is read at.

use std::sync::Arc;

use rolecall_core::{Policy, Revision, RoleName, SubjectKind, Timestamp};

use super::store::Status;
use crate::{
    app::App,
    store::{Conn, Head, StoreError, on, queries},
};

queries! {
    READ_SUBJECT = "SELECT h.revision, h.policy_revision, h.keys_revision, h.era, h.longest_ttl_seconds, \
        s.kind, COALESCE(u.username, c.name) AS username, COALESCE(u.disabled, c.public) AS disabled, \
        COALESCE(u.must_change_password, c.public) AS must_change_password, a.role, a.expires_at \
        FROM head h CROSS JOIN subjects s LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        LEFT JOIN role_assignments a ON a.subject_id = s.id AND a.tenant = '' \
             AND (a.valid_from IS NULL OR a.valid_from <= $2) AND (a.expires_at IS NULL OR a.expires_at > $2) \
        WHERE h.id = 1 AND s.id = $1 ORDER BY a.role";
}

/// A user or client as a token or a decision is made from them.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) id: String,
    pub(crate) kind: SubjectKind,
    pub(crate) head: Head,
    /// The name of a client, for one.
    pub(crate) username: String,
    pub(crate) status: Status,
    /// Assigned, global, valid now; with the end of the assignment.
    pub(crate) roles: Vec<(RoleName, Option<Timestamp>)>,
}

impl Subject {
    /// The policy by which its roles are read: that of its own head, or a later one.
    pub(crate) async fn policy(
        &self,
        app: &App,
        conn: &mut Conn,
    ) -> Result<Arc<(Revision, Arc<Policy>)>, StoreError> {
        let revision = self.head.policy_revision;
        app.policy().at_least(conn, revision).await
    }
}

/// The head, what the subject is, and one of its assignments.
type Row = (
    i64,
    i64,
    i64,
    String,
    i64,
    String,
    String,
    bool,
    bool,
    Option<String>,
    Option<i64>,
);

/// Reads what `id` holds at `now`. The clock is read before the statement runs, so a token made from the
/// answer cannot be younger than what it says.
pub(crate) async fn read(
    conn: &mut Conn,
    id: &str,
    now: Timestamp,
) -> Result<Option<Subject>, StoreError> {
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(READ_SUBJECT)
        .bind(id)
        .bind(now.micros())
        .fetch_all(c)
        .await)?;
    let mut subject: Option<Subject> = None;
    for row in rows {
        let (revision, policy_revision, keys_revision, era, longest_ttl_seconds, ..) = row;
        let (.., kind, username, disabled, must_change, role, expires_at) = row;
        let subject = subject.get_or_insert_with(|| Subject {
            id: id.to_owned(),
            kind: if kind == "client" {
                SubjectKind::Client
            } else {
                SubjectKind::User
            },
            head: Head {
                revision,
                policy_revision,
                keys_revision,
                era,
                longest_ttl_seconds,
            },
            username,
            // a public client cannot prove who it is, so it never acts for itself
            status: Status::of(disabled, must_change),
            roles: Vec::new(),
        });
        if let Some(role) = role {
            let role = role.parse().map_err(StoreError::inconsistent)?;
            let ends = expires_at.map(Timestamp::from_micros);
            subject.roles.push((role, ends));
        }
    }
    Ok(subject)
}
