//! The head row, and the floors that end tokens.

use rolecall::{Principal, token::VerifiedClaims};
use rolecall_core::{Floor, FloorKind, Revision, Timestamp};

use super::{
    conn::Conn,
    error::StoreError,
    query::{queries, query},
    row::{Columns, FromRow, rows},
};

queries! {
    READ_HEAD = "SELECT revision, policy_revision, keys_revision, era, longest_ttl_seconds FROM head WHERE id = 1";
    // each revision has one entry, whose mark depends on all before it
    READ_POSITION = "SELECT h.revision, h.policy_revision, h.keys_revision, h.era, h.longest_ttl_seconds, \
        COALESCE(n.mark, '') AS mark, COALESCE(b.mark, '') AS mark_before FROM head h \
        LEFT JOIN audit n ON n.revision = h.revision LEFT JOIN audit b ON b.revision = $1 WHERE h.id = 1";
    READ_MARK = "SELECT mark FROM audit WHERE revision = $1";
    IS_ENDED = "SELECT COUNT(*) FROM floors WHERE revision > $1 AND (tenant = '' OR tenant = $2) \
        AND ((kind = 'subject' AND subject = $3) OR (kind = 'client' AND subject = $4) \
        OR (kind = 'sid' AND subject = $5) OR (kind = 'jti' AND subject = $6))";
    READ_FLOORS = "SELECT kind, subject, tenant, revision, ends_at FROM floors WHERE revision > $1";
    READ_FLOORS_OF = "SELECT kind, subject, tenant, revision, ends_at FROM floors WHERE revision > $1 AND (kind = 'role' \
        OR (kind = 'subject' AND subject = $2) OR (kind = 'client' AND subject = $3) \
        OR (kind = 'sid' AND subject = $4) OR (kind = 'jti' AND subject = $5))";
    PRUNE_FLOORS = "DELETE FROM floors WHERE ends_at < $1 \
        AND (kind, subject, tenant) IN (SELECT kind, subject, tenant FROM floors WHERE ends_at < $1 LIMIT $2)";
}

rows! {
    /// The row that orders all changes.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Head {
        pub(crate) revision: Revision,
        pub(crate) policy_revision: Revision,
        pub(crate) keys_revision: Revision,
        pub(crate) era: String,
        pub(crate) longest_ttl_seconds: i64,
    }
}

rows! {
    /// The head with the marks of two revisions, which show whether the history is the one that was seen before.
    #[derive(Clone, Debug)]
    pub(crate) struct HeadPosition {
        pub(crate) head: Head,
        /// The mark of its revision.
        pub(crate) mark: String,
        /// The mark that the revision has now which was asked about.
        pub(crate) mark_before: String,
    }
}

impl FromRow for Floor {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let kind = columns.text()?;
        let kind = FloorKind::ALL.into_iter().find(|one| one.as_str() == kind);
        Ok(Self {
            kind: kind.ok_or_else(|| StoreError::inconsistent("a floor of an unknown kind"))?,
            key: columns.named("subject")?,
            tenant: Some(columns.named("tenant")?).filter(|tenant: &String| !tenant.is_empty()),
            revision: columns.named("revision")?,
            until: columns.named("ends_at")?,
        })
    }
}

/// Reads the head as it stands now.
pub(crate) async fn read_head(conn: &mut Conn) -> Result<Head, StoreError> {
    query(READ_HEAD).fetch_one(conn).await
}

/// Reads the head, and the mark that the revision `before` has.
pub(crate) async fn read_position(
    conn: &mut Conn,
    before: Revision,
) -> Result<HeadPosition, StoreError> {
    query(READ_POSITION).bind(before).fetch_one(conn).await
}

/// Returns the mark of a revision; `None` if there is no such revision.
pub(crate) async fn read_mark(
    conn: &mut Conn,
    revision: Revision,
) -> Result<Option<String>, StoreError> {
    query(READ_MARK).bind(revision).fetch_optional(conn).await
}

/// Returns the floors that were raised after the revision `after`.
pub(crate) async fn read_floors(
    conn: &mut Conn,
    after: Revision,
) -> Result<Vec<Floor>, StoreError> {
    query(READ_FLOORS).bind(after).fetch_all(conn).await
}

/// Returns the floors above a token that name it, and all floors of roles above it. Its cost does not grow with the
/// number of revocations of others.
pub(crate) async fn read_floors_of(
    conn: &mut Conn,
    token: &VerifiedClaims,
) -> Result<Vec<Floor>, StoreError> {
    query(READ_FLOORS_OF)
        .bind(token.rev)
        .bind(token.sub.as_str())
        .bind(token.client_id.as_str())
        .bind(token.sid.as_deref().unwrap_or_default())
        .bind(token.jti.as_str())
        .fetch_all(conn)
        .await
}

/// Deletes up to `limit` floors that have outlived every token below them, and returns their number.
pub(crate) async fn prune_floors(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE_FLOORS)
        .bind(now)
        .bind(limit)
        .execute(conn)
        .await
}

/// Returns true if a token was ended, as the database knows it now: this node may not have read that yet.
pub(crate) async fn is_ended(conn: &mut Conn, token: &Principal) -> Result<bool, StoreError> {
    let floors_above: i64 = query(IS_ENDED)
        .bind(token.rev())
        .bind(token.tenant().unwrap_or_default())
        .bind(token.subject())
        .bind(token.client_id())
        .bind(token.session().unwrap_or_default())
        .bind(token.token_id())
        .fetch_one(conn)
        .await?;
    Ok(floors_above > 0)
}
