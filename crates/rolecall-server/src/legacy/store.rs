//! Users of the application before, by the names that its tokens carry.

use crate::store::{Conn, StoreError, queries, query};

queries! {
    FIND_IMPORTED = "SELECT id FROM users WHERE legacy_name = $1";
}

/// Returns the id of the user who was imported under this name, as long as nothing was taken from them since.
pub(super) async fn find_imported(
    conn: &mut Conn,
    name: &str,
) -> Result<Option<String>, StoreError> {
    query(FIND_IMPORTED).bind(name).fetch_optional(conn).await
}
