//! The outbox: what is to be done after a commit, written in the transaction that it tells of.

use std::time::Duration;

use rolecall_core::{RoleName, TenantName, Timestamp};
use serde_json::{Value, json};

use super::{
    change::Change,
    conn::Conn,
    error::StoreError,
    query::{queries, query},
    row::rows,
};

queries! {
    WRITE_NOTICE = "INSERT INTO rolecall_outbox \
        (id, kind, subject_id, revision, part, payload, created_at, attempts, next_attempt_at) \
        SELECT $1, $2, $3, CAST($4 AS BIGINT), CAST($5 AS BIGINT), $6, CAST($7 AS BIGINT), 0, CAST($7 AS BIGINT) \
        WHERE EXISTS (SELECT 1 FROM rolecall_outbox_readers WHERE kind = $2 AND ends_at > CAST($7 AS BIGINT))";
    // the names of roles and tenants need no escapes in JSON
    WRITE_LOST_ROLE = "INSERT INTO rolecall_outbox \
        (id, kind, subject_id, revision, part, payload, created_at, attempts, next_attempt_at) \
        SELECT $1 || CAST(lost.place + CAST($2 AS BIGINT) AS TEXT), $3, lost.subject_id, CAST($4 AS BIGINT), \
            lost.place + CAST($2 AS BIGINT), '{\"role\":\"' || lost.role || '\",\"tenant\":\"' || lost.tenant || '\"}', \
            CAST($5 AS BIGINT), 0, CAST($5 AS BIGINT) \
        FROM (SELECT a.subject_id, a.role, a.tenant, ROW_NUMBER() OVER (ORDER BY a.subject_id, a.tenant) AS place \
              FROM role_assignments a JOIN users u ON u.id = a.subject_id WHERE a.role = $6) lost \
        WHERE EXISTS (SELECT 1 FROM rolecall_outbox_readers WHERE kind = $3 AND ends_at > CAST($5 AS BIGINT))";
    FIND_DUE = "SELECT o.id, o.kind, o.subject_id, o.payload, o.created_at, o.attempts, u.username, u.email \
        FROM rolecall_outbox o LEFT JOIN users u ON u.id = o.subject_id \
        WHERE o.given_up_at IS NULL AND o.next_attempt_at <= $1 AND o.kind IN ($2, $3, $4, $5, $6) \
        AND NOT EXISTS (SELECT 1 FROM rolecall_outbox e WHERE e.subject_id = o.subject_id AND e.given_up_at IS NULL \
            AND e.kind IN ($2, $3, $4, $5, $6) \
            AND (e.revision < o.revision OR (e.revision = o.revision AND e.part < o.part))) \
        ORDER BY o.revision, o.part LIMIT 1";
    BEGIN_ATTEMPT = "UPDATE rolecall_outbox SET attempts = attempts + 1, next_attempt_at = $2 WHERE id = $1";
    DELETE_ENTRY = "DELETE FROM rolecall_outbox WHERE id = $1";
    GIVE_UP = "UPDATE rolecall_outbox SET given_up_at = $2 WHERE id = $1";
    PUT_READER = "INSERT INTO rolecall_outbox_readers (kind, ends_at) VALUES ($1, $2) \
        ON CONFLICT (kind) DO UPDATE SET ends_at = excluded.ends_at";
    PRUNE_OUTBOX = "DELETE FROM rolecall_outbox WHERE id IN \
        (SELECT id FROM rolecall_outbox WHERE created_at < $1 ORDER BY id LIMIT $2)";
}

/// Something that happened to a user.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Notice<'a> {
    Registered,
    Deleted,
    Disabled,
    PasswordChanged,
    RoleLost {
        role: &'a RoleName,
        tenant: Option<&'a TenantName>,
    },
}

/// The kind of [`Notice::RoleLost`].
pub(crate) const ROLE_LOST: &str = "user.role_lost";

impl Notice<'_> {
    /// Returns the kind under which the entry is stored.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Registered => "user.registered",
            Self::Deleted => "user.deleted",
            Self::Disabled => "user.disabled",
            Self::PasswordChanged => "user.password_changed",
            Self::RoleLost { .. } => ROLE_LOST,
        }
    }

    fn payload(self) -> Value {
        match self {
            Self::RoleLost { role, tenant } => {
                json!({ "role": role, "tenant": tenant.map_or("", TenantName::as_str) })
            }
            _ => json!({}),
        }
    }
}

rows! {
    /// An entry that is due.
    #[derive(Clone, Debug)]
    pub(crate) struct Due {
        pub(crate) id: String,
        pub(crate) kind: String,
        pub(crate) subject_id: String,
        pub(crate) payload: String,
        pub(crate) created_at: Timestamp,
        /// The attempts so far.
        pub(crate) attempts: i64,
        /// The name of the user, if the user still exists.
        pub(crate) username: Option<String>,
        pub(crate) email: Option<String>,
    }
}

/// The number of kinds that one query looks for.
const KINDS: usize = 5;

impl Change<'_> {
    /// Writes an entry of the outbox for `user`, if some process reads entries of this kind.
    pub(crate) async fn notify(
        &mut self,
        user: &str,
        notice: Notice<'_>,
    ) -> Result<(), StoreError> {
        let (revision, part, now) = (self.head().revision, self.notices(), self.now());
        let id = format!("{}{part}", self.notice_prefix());
        let rows = query(WRITE_NOTICE)
            .bind(id)
            .bind(notice.kind())
            .bind(user)
            .bind(revision)
            .bind(part)
            .bind(notice.payload().to_string())
            .bind(now)
            .execute(self.conn())
            .await?;
        self.count_notices(rows);
        Ok(())
    }

    /// Writes an entry for each assignment of `role` to a user, all of which are about to be deleted.
    pub(crate) async fn notify_lost(&mut self, role: &RoleName) -> Result<(), StoreError> {
        let (revision, now) = (self.head().revision, self.now());
        // numbers of rows begin at 1
        let before = self.notices() - 1;
        let rows = query(WRITE_LOST_ROLE)
            .bind(self.notice_prefix())
            .bind(before)
            .bind(ROLE_LOST)
            .bind(revision)
            .bind(now)
            .bind(role.as_str())
            .execute(self.conn())
            .await?;
        self.count_notices(rows);
        Ok(())
    }

    /// An era never comes back, so ids of its revisions are unique, also after an older backup was restored.
    fn notice_prefix(&self) -> String {
        format!("{}.{}.", self.head().era, self.head().revision)
    }
}

/// Finds the oldest entry of these kinds that is due and whose subject has none before it.
pub(crate) async fn find_due(
    conn: &mut Conn,
    kinds: &[&str],
    now: Timestamp,
) -> Result<Option<Due>, StoreError> {
    let mut due = query(FIND_DUE).bind(now);
    for place in 0..KINDS {
        due = due.bind(kinds.get(place).copied().unwrap_or_default());
    }
    due.fetch_optional(conn).await
}

/// Counts an attempt, and sets when the next one is due unless this one succeeds: a process that dies in it is followed
/// by another attempt.
pub(crate) async fn begin_attempt(
    conn: &mut Conn,
    id: &str,
    next_attempt_at: Timestamp,
) -> Result<(), StoreError> {
    query(BEGIN_ATTEMPT)
        .bind(id)
        .bind(next_attempt_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes an entry that is done.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    query(DELETE_ENTRY).bind(id).execute(conn).await?;
    Ok(())
}

/// Marks an entry that no further attempt is made for.
pub(crate) async fn give_up(conn: &mut Conn, id: &str, now: Timestamp) -> Result<(), StoreError> {
    query(GIVE_UP).bind(id).bind(now).execute(conn).await?;
    Ok(())
}

/// Lets entries of these kinds be written for `length`.
pub(crate) async fn put_readers(
    conn: &mut Conn,
    kinds: &[&str],
    now: Timestamp,
    length: Duration,
) -> Result<(), StoreError> {
    for kind in kinds {
        query(PUT_READER)
            .bind(*kind)
            .bind(now.plus(length))
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Deletes up to `limit` entries that were written before `before`; returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE_OUTBOX)
        .bind(before)
        .bind(limit)
        .execute(conn)
        .await
}
