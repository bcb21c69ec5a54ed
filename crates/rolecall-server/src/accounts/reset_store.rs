//! The makers of reset codes and first passwords, in the database.

use rolecall_core::Timestamp;

use crate::store::{Change, Conn, StoreError, gate, queries, query, rows};

queries! {
    FIND = "SELECT reset_id AS id, reset_at AS at, reset_by AS by, reset_address AS address, reset_unconfirmed AS is_unconfirmed, \
        reset_confirmed_by AS confirmed_by, reset_expires_at AS expires_at FROM users WHERE id = $1 AND (must_change_password = $2 OR reset_code_hash IS NOT NULL)";
    SET = "UPDATE users SET reset_by = $2, reset_address = $3, reset_unconfirmed = $4, reset_confirmed_by = NULL, \
        reset_id = $5, reset_at = $6 WHERE id = $1";
    CONFIRM = "UPDATE users SET reset_unconfirmed = $3, reset_confirmed_by = $2 WHERE id = $1 AND reset_unconfirmed = $4 \
        AND reset_id = $5";
}

rows! {
    /// The maker of a reset code, or of the first password of a user.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub(crate) struct ResetOrigin {
        /// The confirmation of a second person names it; `None` for a code from before resets had one.
        pub(crate) id: Option<String>,
        pub(crate) at: Option<Timestamp>,
        /// As the audit log names them; `None` for a code from before this was recorded.
        pub(crate) by: Option<String>,
        /// `None` on the command line.
        pub(crate) address: Option<String>,
        /// The code is worth nothing until its owner or a second person confirms it.
        pub(crate) is_unconfirmed: bool,
        /// The second person, as the audit log names them.
        pub(crate) confirmed_by: Option<String>,
        /// The end of the code; `None` for a first password.
        pub(crate) expires_at: Option<Timestamp>,
    }
}

/// Sets the maker of a user's reset code or first password.
pub(crate) async fn set_origin(
    change: &mut Change<'_>,
    id: &str,
    origin: &ResetOrigin,
) -> Result<(), StoreError> {
    gate::hold(change.conn(), id).await?;
    query(SET)
        .bind(id)
        .bind(origin.by.as_deref())
        .bind(origin.address.as_deref())
        .bind(origin.is_unconfirmed)
        .bind(origin.id.as_deref())
        .bind(origin.at)
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Finds the maker of a user's reset code or first password; `None` if the user need not change the password.
pub(crate) async fn find_origin(
    conn: &mut Conn,
    id: &str,
) -> Result<Option<ResetOrigin>, StoreError> {
    query(FIND).bind(id).bind(true).fetch_optional(conn).await
}

/// Writes who has confirmed the code of a reset; false if it waits for nobody, or another reset has replaced it.
pub(crate) async fn confirm(
    change: &mut Change<'_>,
    id: &str,
    reset: &str,
    by: &str,
) -> Result<bool, StoreError> {
    gate::hold(change.conn(), id).await?;
    let confirm = query(CONFIRM).bind(id).bind(by).bind(false).bind(true);
    Ok(confirm.bind(reset).execute(change.conn()).await? == 1)
}
