//! E-mail addresses in the database.

use crate::{
    app::App,
    store::{Change, Conn, StoreError, queries, query},
    usernames::folded,
};

queries! {
    FIND_BY_EMAIL = "SELECT id FROM users WHERE email_key = $1 AND id <> $2 LIMIT 1";
    FIND_BY_VERIFIED_EMAIL = "SELECT id FROM users WHERE email_key = $1 AND email_verified_at IS NOT NULL AND id <> $2 LIMIT 1";
    TAKE_UNVERIFIED = "UPDATE users SET email = NULL, email_key = NULL WHERE email_key = $1 AND email_verified_at IS NULL";
    // a name comes before an address
    FIND_NAMED = "SELECT n.username FROM (SELECT username, 0 AS place FROM users WHERE username = $1 \
        UNION ALL SELECT username, 1 AS place FROM users WHERE email_key = $2 AND email_verified_at IS NOT NULL) n \
        ORDER BY n.place LIMIT 1";
}

/// Returns true if a user other than `own` has this e-mail address, without regard to case.
pub(crate) async fn is_email_used(
    conn: &mut Conn,
    email: &str,
    own: &str,
) -> Result<bool, StoreError> {
    let find = query(FIND_BY_EMAIL).bind(folded(email)).bind(own);
    let found: Option<String> = find.fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Returns true if this e-mail address, without regard to case, is the verified one of a user other than `own`.
pub(crate) async fn is_email_verified(
    conn: &mut Conn,
    email: &str,
    own: &str,
) -> Result<bool, StoreError> {
    let find = query(FIND_BY_VERIFIED_EMAIL).bind(folded(email)).bind(own);
    let found: Option<String> = find.fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Takes an address from the users who have it without having proven it, for the one who has, where an address belongs to
/// one user only.
pub(crate) async fn take_unverified(
    app: &App,
    change: &mut Change<'_>,
    email: &str,
) -> Result<(), StoreError> {
    if app.settings().unique_email {
        let take = query(TAKE_UNVERIFIED).bind(folded(email));
        take.execute(change.conn()).await?;
    }
    Ok(())
}

/// Returns the name of the user with exactly this name, or else of the one whose verified e-mail address this is, compared
/// without regard to case.
pub(crate) async fn find_named(
    conn: &mut Conn,
    username: &str,
    email: &str,
) -> Result<Option<String>, StoreError> {
    let name = query(FIND_NAMED).bind(username).bind(folded(email));
    name.fetch_optional(conn).await
}
