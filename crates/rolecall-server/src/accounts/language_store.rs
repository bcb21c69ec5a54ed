//! The languages of users in the database: that of the page on which somebody signed in last, for mails to them.

use crate::store::{Conn, StoreError, queries, query};

queries! {
    KEEP = "UPDATE users SET language = $2 WHERE id = $1 AND (language IS NULL OR language <> $2)";
    FIND = "SELECT language FROM users WHERE id = $1 AND language IS NOT NULL";
}

/// Writes the language of a user, if it differs.
pub(crate) async fn keep(conn: &mut Conn, id: &str, language: &str) -> Result<(), StoreError> {
    query(KEEP).bind(id).bind(language).execute(conn).await?;
    Ok(())
}

/// Returns the language of a user; `None` if it is not known.
pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<String>, StoreError> {
    query(FIND).bind(id).fetch_optional(conn).await
}
