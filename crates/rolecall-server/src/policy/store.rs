//! Descriptions of roles and permissions, which the policy itself does not hold.

use std::collections::BTreeMap;

use rolecall_core::Permission;

use crate::store::{Change, Conn, StoreError, queries, query};

queries! {
    ROLE_DESCRIPTIONS = "SELECT name, description FROM roles";
    PERMISSION_DESCRIPTIONS = "SELECT name, description FROM permissions";
    UPDATE_PERMISSION = "UPDATE permissions SET description = $2 WHERE name = $1";
}

/// Returns the descriptions of roles and of permissions, each by name.
pub(super) async fn descriptions(
    conn: &mut Conn,
) -> Result<(BTreeMap<String, String>, BTreeMap<String, String>), StoreError> {
    let roles = query(ROLE_DESCRIPTIONS).fetch_all(conn).await?;
    let permissions = query(PERMISSION_DESCRIPTIONS).fetch_all(conn).await?;
    Ok((
        roles.into_iter().collect(),
        permissions.into_iter().collect(),
    ))
}

/// Replaces the description of a permission.
pub(super) async fn update_permission(
    change: &mut Change<'_>,
    permission: &Permission,
    description: &str,
) -> Result<(), StoreError> {
    query(UPDATE_PERMISSION)
        .bind(permission.as_str())
        .bind(description)
        .execute(change.conn())
        .await?;
    Ok(())
}
