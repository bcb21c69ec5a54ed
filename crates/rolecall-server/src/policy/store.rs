use std::collections::BTreeMap;

use rolecall_core::Permission;

use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    ROLE_DESCRIPTIONS = "SELECT name, description FROM roles";
    PERMISSION_DESCRIPTIONS = "SELECT name, description FROM permissions";
    UPDATE_PERMISSION = "UPDATE permissions SET description = $2 WHERE name = $1";
}

/// What roles and permissions are for, by name.
pub(super) async fn descriptions(
    conn: &mut Conn,
) -> Result<(BTreeMap<String, String>, BTreeMap<String, String>), StoreError> {
    let roles: Vec<(String, String)> = on!(conn, |c| sqlx::query_as(ROLE_DESCRIPTIONS)
        .fetch_all(c)
        .await)?;
    let permissions: Vec<(String, String)> = on!(conn, |c| {
        sqlx::query_as(PERMISSION_DESCRIPTIONS).fetch_all(c).await
    })?;
    Ok((
        roles.into_iter().collect(),
        permissions.into_iter().collect(),
    ))
}

pub(super) async fn update_permission(
    change: &mut Change<'_>,
    permission: &Permission,
    description: &str,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(UPDATE_PERMISSION)
        .bind(permission.as_str())
        .bind(description)
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}
