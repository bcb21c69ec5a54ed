use rolecall_core::{Floor, FloorKind, Revision, Timestamp};

use super::{Conn, StoreError, on, queries};

queries! {
    READ_HEAD = "SELECT revision, policy_revision, keys_revision, era, longest_ttl_seconds FROM head WHERE id = 1";
    READ_FLOORS = "SELECT kind, subject, revision, ends_at FROM floors WHERE revision > $1";
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
