//! Remembered devices in the database.

use rolecall_core::Timestamp;

use crate::store::{Change, Conn, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO rolecall_remembered_devices (id, hash, era, subject_id, address, created_at, last_used_at, expires_at) \
        SELECT $1, $2, h.era, $3, $4, $5, $5, $6 FROM head h WHERE h.id = 1";
    TRIM = "DELETE FROM rolecall_remembered_devices WHERE subject_id = $1 AND id NOT IN \
        (SELECT id FROM rolecall_remembered_devices WHERE subject_id = $1 ORDER BY last_used_at DESC, id DESC LIMIT $2)";
    FIND = "SELECT d.id FROM rolecall_remembered_devices d JOIN head h ON h.id = 1 AND h.era = d.era \
        WHERE d.hash = $1 AND d.subject_id = $2 AND d.expires_at > $3 AND d.created_at > $4";
    LIST = "SELECT d.id, d.address, d.created_at, d.last_used_at FROM rolecall_remembered_devices d JOIN head h ON h.id = 1 AND h.era = d.era \
        WHERE d.subject_id = $1 AND d.expires_at > $2 AND d.created_at > $3 ORDER BY d.last_used_at DESC, d.id";
    ALL_OF = "SELECT id, address, created_at, last_used_at FROM rolecall_remembered_devices WHERE subject_id = $1 ORDER BY id";
    TOUCH = "UPDATE rolecall_remembered_devices SET last_used_at = $2 WHERE id = $1";
    DELETE = "DELETE FROM rolecall_remembered_devices WHERE id = $1 AND subject_id = $2";
    DELETE_ALL = "DELETE FROM rolecall_remembered_devices WHERE subject_id = $1 RETURNING id";
    DELETE_OTHERS = "DELETE FROM rolecall_remembered_devices WHERE subject_id = $1 AND id <> $2";
    PRUNE = "DELETE FROM rolecall_remembered_devices WHERE id IN \
        (SELECT id FROM rolecall_remembered_devices WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
}

rows! {
    /// A device on which a sign-in asks for no second factor.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct RememberedDevice {
        pub(crate) id: String,
        /// The address at which it was remembered.
        pub(crate) address: String,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Timestamp,
    }
}

/// Writes a device of a user, of whom the `keep` devices used last are remembered.
pub(super) async fn insert(
    conn: &mut Conn,
    (subject, hash): (&str, &str),
    device: &RememberedDevice,
    expires_at: Timestamp,
    keep: i64,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(device.id.as_str())
        .bind(hash)
        .bind(subject)
        .bind(device.address.as_str())
        .bind(device.created_at)
        .bind(expires_at)
        .execute(conn)
        .await?;
    query(TRIM).bind(subject).bind(keep).execute(conn).await?;
    Ok(())
}

/// Returns the id of the device with this hash, if it is one of the user in the present era and was remembered after `since`.
pub(super) async fn find(
    conn: &mut Conn,
    (hash, subject): (&str, &str),
    now: Timestamp,
    since: Timestamp,
) -> Result<Option<String>, StoreError> {
    let find = query(FIND).bind(hash).bind(subject).bind(now).bind(since);
    find.fetch_optional(conn).await
}

/// Returns the devices of a user in the present era that were remembered after `since`, the last used one first.
pub(super) async fn list(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
    since: Timestamp,
) -> Result<Vec<RememberedDevice>, StoreError> {
    let list = query(LIST).bind(subject).bind(now).bind(since);
    list.fetch_all(conn).await
}

/// Returns every device of a user, also those that are not remembered any more.
pub(crate) async fn all_of(
    conn: &mut Conn,
    subject: &str,
) -> Result<Vec<RememberedDevice>, StoreError> {
    query(ALL_OF).bind(subject).fetch_all(conn).await
}

/// Notes that a device was used.
pub(super) async fn touch(conn: &mut Conn, id: &str, now: Timestamp) -> Result<(), StoreError> {
    query(TOUCH).bind(id).bind(now).execute(conn).await?;
    Ok(())
}

/// Forgets a device of a user; false if there is none.
pub(crate) async fn delete(
    change: &mut Change<'_>,
    id: &str,
    subject: &str,
) -> Result<bool, StoreError> {
    let delete = query(DELETE).bind(id).bind(subject);
    Ok(delete.execute(change.conn()).await? > 0)
}

/// Forgets all devices of a user, and returns their ids.
pub(crate) async fn delete_all(
    change: &mut Change<'_>,
    subject: &str,
) -> Result<Vec<String>, StoreError> {
    query(DELETE_ALL)
        .bind(subject)
        .fetch_all(change.conn())
        .await
}

/// Forgets the devices of a user except `keep`.
pub(crate) async fn delete_others(
    change: &mut Change<'_>,
    subject: &str,
    keep: &str,
) -> Result<(), StoreError> {
    let delete = query(DELETE_OTHERS).bind(subject).bind(keep);
    delete.execute(change.conn()).await?;
    Ok(())
}

/// Deletes up to `limit` devices that expired before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}
