//! Profiles in the database: a JSON object beside each user.

use rolecall_core::Timestamp;

use super::stored::StoredProfile;
use crate::store::{Change, Conn, StoreError, gate, queries, query, rows};

queries! {
    WRITE_PROFILE = "UPDATE users SET profile = $2, updated_at = $3 WHERE id = $1";
    READ_CLAIMED = "SELECT email, email_verified_at, profile FROM users WHERE id = $1";
    LIST_STORED = "SELECT id, username, profile FROM users WHERE profile IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
}

rows! {
    /// The data of a user that can be put into tokens.
    #[derive(Default)]
    pub(crate) struct Claimed {
        pub(crate) email: Option<String>,
        pub(crate) email_verified_at: Option<Timestamp>,
        pub(crate) profile: StoredProfile,
    }
}

rows! {
    /// A user with a profile.
    pub(super) struct Stored {
        pub(super) id: String,
        pub(super) username: String,
        pub(super) profile: StoredProfile,
    }
}

/// Returns the users with a profile after the id `after`, in the order of their ids.
pub(super) async fn list_stored(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<Stored>, StoreError> {
    query(LIST_STORED)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// Writes the profile of a user.
pub(crate) async fn write(
    change: &mut Change<'_>,
    id: &str,
    profile: &StoredProfile,
) -> Result<(), StoreError> {
    gate::hold(change.conn(), id).await?;
    let now = change.now();
    query(WRITE_PROFILE)
        .bind(id)
        .bind(profile.text())
        .bind(now)
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Reads what the tokens of a user may carry.
pub(crate) async fn read_claimed(conn: &mut Conn, id: &str) -> Result<Claimed, StoreError> {
    let claimed: Option<Claimed> = query(READ_CLAIMED).bind(id).fetch_optional(conn).await?;
    Ok(claimed.unwrap_or_default())
}
