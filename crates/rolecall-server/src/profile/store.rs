//! Profiles in the database: a JSON object beside each user.

use rolecall_core::Timestamp;

use super::stored::StoredProfile;
use crate::store::{Change, Conn, StoreError, queries, query, rows};

queries! {
    WRITE_PROFILE = "UPDATE users SET profile = $2, updated_at = $3 WHERE id = $1";
    READ_CLAIMED = "SELECT email, email_verified_at, profile FROM users WHERE id = $1";
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

/// Writes the profile of a user.
pub(crate) async fn write(
    change: &mut Change<'_>,
    id: &str,
    profile: &StoredProfile,
) -> Result<(), StoreError> {
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
