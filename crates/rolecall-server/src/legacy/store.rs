use crate::store::{Conn, StoreError, on, queries};

queries! {
    FIND_IMPORTED = "SELECT id FROM users WHERE legacy_name = $1";
}

/// The id of the user who was imported under this name and from whom nothing was taken since.
pub(super) async fn find_imported(
    conn: &mut Conn,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> = on!(conn, |c| sqlx::query_as(FIND_IMPORTED)
        .bind(name)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(id,)| id))
}
