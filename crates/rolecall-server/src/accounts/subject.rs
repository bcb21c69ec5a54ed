//! What a subject holds, read in one statement together with the head it is read at.

use rolecall_core::{RoleName, Timestamp};

use super::store::Status;
use crate::store::{Conn, Head, StoreError, on, queries};

queries! {
    READ_SUBJECT = "SELECT h.revision, h.policy_revision, h.keys_revision, h.era, h.longest_ttl_seconds, \
        u.username, u.disabled, u.must_change_password, a.role, a.expires_at \
        FROM head h CROSS JOIN users u \
        LEFT JOIN role_assignments a ON a.subject_id = u.id AND a.tenant = '' \
             AND (a.valid_from IS NULL OR a.valid_from <= $2) AND (a.expires_at IS NULL OR a.expires_at > $2) \
        WHERE h.id = 1 AND u.id = $1 ORDER BY a.role";
}

/// A user as a token or a decision is made from them.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) head: Head,
    pub(crate) username: String,
    pub(crate) status: Status,
    /// Assigned, global, valid now; with the end of the assignment.
    pub(crate) roles: Vec<(RoleName, Option<Timestamp>)>,
}

type Row = (
    i64,
    i64,
    i64,
    String,
    i64,
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
    for (
        revision,
        policy_revision,
        keys_revision,
        era,
        longest_ttl_seconds,
        username,
        disabled,
        must_change,
        role,
        expires_at,
    ) in rows
    {
        let subject = subject.get_or_insert_with(|| Subject {
            head: Head {
                revision,
                policy_revision,
                keys_revision,
                era,
                longest_ttl_seconds,
            },
            username,
            status: Status::of(disabled, must_change),
            roles: Vec::new(),
        });
        if let Some(role) = role {
            let role = role.parse().map_err(StoreError::inconsistent)?;
            subject
                .roles
                .push((role, expires_at.map(Timestamp::from_micros)));
        }
    }
    Ok(subject)
}
