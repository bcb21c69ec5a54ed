//! Versions of the policy document in the database.

use rolecall_core::{Revision, Timestamp};

use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    INSERT_VERSION = "INSERT INTO rolecall_policy_versions (revision, seen_revision, digest, bytes, document) \
        VALUES ($1, $1, $2, $3, $4) ON CONFLICT (revision) DO NOTHING";
    CONFIRM_VERSION = "UPDATE rolecall_policy_versions SET seen_revision = $2 WHERE revision = $1 AND seen_revision < $2";
    NEWEST_VERSION = "SELECT revision, seen_revision, digest FROM rolecall_policy_versions ORDER BY revision DESC LIMIT 1";
    LIST_VERSIONS = "SELECT v.revision, a.at, v.digest, v.bytes FROM rolecall_policy_versions v \
        LEFT JOIN audit a ON a.revision = v.revision WHERE v.revision < $1 ORDER BY v.revision DESC LIMIT $2";
    FIND_VERSION = "SELECT document FROM rolecall_policy_versions WHERE revision = $1";
    VERSION_SIZES = "SELECT revision, bytes FROM rolecall_policy_versions ORDER BY revision DESC";
    DELETE_VERSIONS = "DELETE FROM rolecall_policy_versions WHERE revision < $1";
}

rows! {
    /// A version of the policy, without its document.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Version {
        pub(crate) revision: Revision,
        /// The time of the revision, if the audit log still has it.
        pub(crate) at: Option<Timestamp>,
        pub(crate) digest: String,
        pub(crate) bytes: i64,
    }

    /// The newest version.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Newest {
        pub(super) revision: Revision,
        pub(super) seen_revision: Revision,
        pub(super) digest: String,
    }
}

/// Writes a version, unless the revision has one.
pub(super) async fn insert(
    conn: &mut Conn,
    revision: Revision,
    digest: &str,
    document: &str,
) -> Result<(), StoreError> {
    query(INSERT_VERSION)
        .bind(revision)
        .bind(digest)
        .bind(i64::try_from(document.len()).unwrap_or(i64::MAX))
        .bind(document)
        .execute(conn)
        .await?;
    Ok(())
}

/// Notes that the version of `revision` was still in force at a later one.
pub(super) async fn confirm(
    conn: &mut Conn,
    revision: Revision,
    seen: Revision,
) -> Result<(), StoreError> {
    let confirm = query(CONFIRM_VERSION).bind(revision).bind(seen);
    confirm.execute(conn).await?;
    Ok(())
}

/// Returns the newest version.
pub(super) async fn newest(conn: &mut Conn) -> Result<Option<Newest>, StoreError> {
    query(NEWEST_VERSION).fetch_optional(conn).await
}

/// Returns up to `limit` versions before a revision, the newest first.
pub(super) async fn list(
    conn: &mut Conn,
    before: Revision,
    limit: i64,
) -> Result<Vec<Version>, StoreError> {
    let versions = query(LIST_VERSIONS).bind(before).bind(limit);
    versions.fetch_all(conn).await
}

/// Returns the document of a version.
pub(super) async fn find(
    conn: &mut Conn,
    revision: Revision,
) -> Result<Option<String>, StoreError> {
    query(FIND_VERSION)
        .bind(revision)
        .fetch_optional(conn)
        .await
}

/// Deletes the oldest versions beyond `most`, and beyond so many bytes together; the newest stays.
pub(super) async fn prune(conn: &mut Conn, most: usize, most_bytes: i64) -> Result<(), StoreError> {
    let sizes: Vec<(Revision, i64)> = query(VERSION_SIZES).fetch_all(conn).await?;
    let mut bytes = 0_i64;
    let mut kept = None;
    for (revision, size) in sizes.into_iter().take(most) {
        bytes = bytes.saturating_add(size);
        if kept.is_some() && bytes > most_bytes {
            break;
        }
        kept = Some(revision);
    }
    if let Some(kept) = kept {
        query(DELETE_VERSIONS).bind(kept).execute(conn).await?;
    }
    Ok(())
}
