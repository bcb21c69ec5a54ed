use rolecall::Principal;
use rolecall_core::{Floor, FloorKind, Revision, Timestamp};

use super::{Conn, StoreError, on, queries};

queries! {
    READ_HEAD = "SELECT revision, policy_revision, keys_revision, era, longest_ttl_seconds FROM head WHERE id = 1";
    IS_ENDED = "SELECT COUNT(*) FROM floors WHERE revision > $1 AND ((kind = 'subject' AND subject = $2) \
        OR (kind = 'client' AND subject = $3) OR (kind = 'sid' AND subject = $4) OR (kind = 'jti' AND subject = $5))";
    READ_FLOORS = "SELECT kind, subject, revision, ends_at FROM floors WHERE revision > $1";
    PRUNE_FLOORS = "DELETE FROM floors WHERE ends_at < $1 \
        AND (kind, subject) IN (SELECT kind, subject FROM floors WHERE ends_at < $1 LIMIT $2)";
}

/// The row that orders everything, as it stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) revision: Revision,
    pub(crate) policy_revision: Revision,
    pub(crate) keys_revision: Revision,
    pub(crate) era: String,
    pub(crate) longest_ttl_seconds: i64,
}

impl Head {
    pub(super) fn from_row(row: (i64, i64, i64, String, i64)) -> Self {
        let (revision, policy_revision, keys_revision, era, longest_ttl_seconds) = row;
        Self {
            revision,
            policy_revision,
            keys_revision,
            era,
            longest_ttl_seconds,
        }
    }
}

pub(crate) async fn read_head(conn: &mut Conn) -> Result<Head, StoreError> {
    Ok(Head::from_row(on!(conn, |c| sqlx::query_as(READ_HEAD)
        .fetch_one(c)
        .await)?))
}

/// The floors raised after `after`.
pub(crate) async fn read_floors(
    conn: &mut Conn,
    after: Revision,
) -> Result<Vec<Floor>, StoreError> {
    let rows: Vec<(String, String, i64, i64)> = on!(conn, |c| sqlx::query_as(READ_FLOORS)
        .bind(after)
        .fetch_all(c)
        .await)?;
    rows.into_iter()
        .map(|(kind, key, revision, until)| {
            let kind = FloorKind::ALL.into_iter().find(|one| one.as_str() == kind);
            let kind =
                kind.ok_or_else(|| StoreError::inconsistent("a floor of an unknown kind"))?;
            Ok(Floor {
                kind,
                key,
                revision,
                until: Timestamp::from_micros(until),
            })
        })
        .collect()
}

/// Forgets up to `limit` floors that no token can lie under any more; how many.
pub(crate) async fn prune_floors(
    conn: &mut Conn,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    Ok(on!(conn, |c| sqlx::query(PRUNE_FLOORS)
        .bind(now.micros())
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}

/// Whether a token was ended, as the database knows it now: a node may not have heard of it yet.
pub(crate) async fn is_ended(conn: &mut Conn, token: &Principal) -> Result<bool, StoreError> {
    let (above,): (i64,) = on!(conn, |c| sqlx::query_as(IS_ENDED)
        .bind(token.rev())
        .bind(token.subject())
        .bind(token.client_id())
        .bind(token.session().unwrap_or_default())
        .bind(token.token_id())
        .fetch_one(c)
        .await)?;
    Ok(above > 0)
}
