//! Roles and permissions in the database, and the policy that they make.

use rolecall_core::{Acr, Permission, PermissionPattern, RoleName, Timestamp};

use crate::store::{Change, Conn, Statement, StoreError, anywhere, queries, query, rows};

queries! {
    FIND_ROLE = "SELECT name, description, created_at, updated_at FROM roles WHERE name = $1";
    LIST_ROLES = "SELECT name, description, created_at, updated_at FROM roles WHERE name > $1 \
        AND ($3 = '' OR LOWER(name) LIKE LOWER($3) ESCAPE '!' OR LOWER(description) LIKE LOWER($3) ESCAPE '!') \
        ORDER BY name LIMIT $2";
    INSERT_ROLE = "INSERT INTO roles (name, description, created_at, updated_at) VALUES ($1, $2, $3, $3) ON CONFLICT (name) DO NOTHING";
    UPDATE_ROLE = "UPDATE roles SET description = $2, updated_at = $3 WHERE name = $1";
    SET_APPROVAL = "UPDATE roles SET approval = $2, updated_at = $3 WHERE name = $1";
    SET_BY_NAME = "UPDATE roles SET by_name = $2, updated_at = $3 WHERE name = $1";
    SET_ACR = "UPDATE roles SET acr = $2, updated_at = $3 WHERE name = $1";
    LIST_NEEDING_MORE = "SELECT name FROM roles WHERE acr <> 'aal1' ORDER BY name LIMIT $1";
    DELETE_ROLE = "DELETE FROM roles WHERE name = $1";
    FIND_PERMISSION = "SELECT name, description, created_at FROM permissions WHERE name = $1";
    LIST_PERMISSIONS = "SELECT name, description, created_at FROM permissions WHERE name > $1 \
        AND ($3 = '' OR LOWER(name) LIKE LOWER($3) ESCAPE '!' OR LOWER(description) LIKE LOWER($3) ESCAPE '!') \
        ORDER BY name LIMIT $2";
    INSERT_PERMISSION = "INSERT INTO permissions (name, object, description, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING";
    DELETE_PERMISSION = "DELETE FROM permissions WHERE name = $1";
    INSERT_GRANT = "INSERT INTO role_permissions (role, permission) VALUES ($1, $2) ON CONFLICT (role, permission) DO NOTHING";
    DELETE_GRANT = "DELETE FROM role_permissions WHERE role = $1 AND permission = $2";
    INSERT_WILDCARD = "INSERT INTO role_wildcards (role, object) VALUES ($1, $2) ON CONFLICT (role, object) DO NOTHING";
    DELETE_WILDCARD = "DELETE FROM role_wildcards WHERE role = $1 AND object = $2";
    INSERT_JUNIOR = "INSERT INTO role_juniors (senior, junior) VALUES ($1, $2) ON CONFLICT (senior, junior) DO NOTHING";
    DELETE_JUNIOR = "DELETE FROM role_juniors WHERE senior = $1 AND junior = $2";
}

rows! {
    /// A role without its permissions, which the [`Policy`] holds.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Role {
        pub(crate) name: RoleName,
        pub(crate) description: String,
        pub(crate) created_at: Timestamp,
        pub(crate) updated_at: Timestamp,
    }

    /// A permission with its description.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct PermissionRow {
        pub(crate) name: Permission,
        pub(crate) description: String,
        pub(crate) created_at: Timestamp,
    }
}

/// Finds a role by name.
pub(crate) async fn find_role(
    conn: &mut Conn,
    name: &RoleName,
) -> Result<Option<Role>, StoreError> {
    let role = query(FIND_ROLE).bind(name.as_str());
    role.fetch_optional(conn).await
}

/// Returns up to `limit` roles whose name is above `after`, by name: those that have `search` in name or description.
pub(crate) async fn list_roles(
    conn: &mut Conn,
    search: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Role>, StoreError> {
    let roles = query(LIST_ROLES).bind(after).bind(limit);
    roles.bind(anywhere(search)).fetch_all(conn).await
}

/// Finds a permission by name.
pub(crate) async fn find_permission(
    conn: &mut Conn,
    name: &Permission,
) -> Result<Option<PermissionRow>, StoreError> {
    let permission = query(FIND_PERMISSION).bind(name.as_str());
    permission.fetch_optional(conn).await
}

/// Returns up to `limit` permissions whose name is above `after`, by name: those that have `search` in name or description.
pub(crate) async fn list_permissions(
    conn: &mut Conn,
    search: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<PermissionRow>, StoreError> {
    let permissions = query(LIST_PERMISSIONS).bind(after).bind(limit);
    permissions.bind(anywhere(search)).fetch_all(conn).await
}

/// Runs a statement; true if it changed a row.
async fn changes_a_row(
    change: &mut Change<'_>,
    statement: Statement<'_>,
) -> Result<bool, StoreError> {
    Ok(statement.execute(change.conn()).await? > 0)
}

/// Creates a role; false if it exists.
pub(crate) async fn insert_role(
    change: &mut Change<'_>,
    name: &RoleName,
    description: &str,
) -> Result<bool, StoreError> {
    let insert = query(INSERT_ROLE).bind(name.as_str()).bind(description);
    let insert = insert.bind(change.now());
    changes_a_row(change, insert).await
}

/// Replaces the description of a role; false if there is none.
pub(crate) async fn update_role(
    change: &mut Change<'_>,
    name: &RoleName,
    description: &str,
) -> Result<bool, StoreError> {
    let update = query(UPDATE_ROLE).bind(name.as_str()).bind(description);
    let update = update.bind(change.now());
    changes_a_row(change, update).await
}

/// Sets if a second person must approve each assignment of the role.
pub(crate) async fn set_approval(
    change: &mut Change<'_>,
    name: &RoleName,
    approval: bool,
) -> Result<bool, StoreError> {
    let update = query(SET_APPROVAL).bind(name.as_str()).bind(approval);
    let update = update.bind(change.now());
    changes_a_row(change, update).await
}

/// Sets whether applications may check for the role by its name.
pub(crate) async fn set_by_name(
    change: &mut Change<'_>,
    name: &RoleName,
    by_name: bool,
) -> Result<bool, StoreError> {
    let update = query(SET_BY_NAME).bind(name.as_str()).bind(by_name);
    let update = update.bind(change.now());
    changes_a_row(change, update).await
}

/// Returns up to `limit` roles that need more than one factor, by name.
pub(crate) async fn list_needing_more(
    conn: &mut Conn,
    limit: i64,
) -> Result<Vec<RoleName>, StoreError> {
    query(LIST_NEEDING_MORE).bind(limit).fetch_all(conn).await
}

/// Sets the assurance that a session needs to have the role.
pub(crate) async fn set_acr(
    change: &mut Change<'_>,
    name: &RoleName,
    acr: Acr,
) -> Result<bool, StoreError> {
    let update = query(SET_ACR).bind(name.as_str()).bind(acr.as_str());
    let update = update.bind(change.now());
    changes_a_row(change, update).await
}

/// Deletes a role; false if there is none.
pub(crate) async fn delete_role(
    change: &mut Change<'_>,
    name: &RoleName,
) -> Result<bool, StoreError> {
    changes_a_row(change, query(DELETE_ROLE).bind(name.as_str())).await
}

/// Creates a permission; false if it exists.
pub(crate) async fn insert_permission(
    change: &mut Change<'_>,
    name: &Permission,
    description: &str,
) -> Result<bool, StoreError> {
    let insert = query(INSERT_PERMISSION)
        .bind(name.as_str())
        .bind(name.object())
        .bind(description)
        .bind(change.now());
    changes_a_row(change, insert).await
}

/// Deletes a permission; false if there is none.
pub(crate) async fn delete_permission(
    change: &mut Change<'_>,
    name: &Permission,
) -> Result<bool, StoreError> {
    changes_a_row(change, query(DELETE_PERMISSION).bind(name.as_str())).await
}

/// Grants a permission, or every one of an object, to a role; false if the role has it.
pub(crate) async fn insert_grant(
    change: &mut Change<'_>,
    role: &RoleName,
    pattern: &PermissionPattern,
) -> Result<bool, StoreError> {
    let insert = match pattern.wildcard_object() {
        Some(object) => query(INSERT_WILDCARD).bind(role.as_str()).bind(object),
        None => query(INSERT_GRANT)
            .bind(role.as_str())
            .bind(pattern.as_str()),
    };
    changes_a_row(change, insert).await
}

/// Revokes a permission, or every one of an object, from a role; false if the role does not have it.
pub(crate) async fn delete_grant(
    change: &mut Change<'_>,
    role: &RoleName,
    pattern: &PermissionPattern,
) -> Result<bool, StoreError> {
    let delete = match pattern.wildcard_object() {
        Some(object) => query(DELETE_WILDCARD).bind(role.as_str()).bind(object),
        None => query(DELETE_GRANT)
            .bind(role.as_str())
            .bind(pattern.as_str()),
    };
    changes_a_row(change, delete).await
}

/// Makes `senior` inherit `junior`; false if it does already.
pub(crate) async fn insert_junior(
    change: &mut Change<'_>,
    senior: &RoleName,
    junior: &RoleName,
) -> Result<bool, StoreError> {
    let insert = query(INSERT_JUNIOR)
        .bind(senior.as_str())
        .bind(junior.as_str());
    changes_a_row(change, insert).await
}

/// Stops `senior` from inheriting `junior`; false if it does not.
pub(crate) async fn delete_junior(
    change: &mut Change<'_>,
    senior: &RoleName,
    junior: &RoleName,
) -> Result<bool, StoreError> {
    let delete = query(DELETE_JUNIOR)
        .bind(senior.as_str())
        .bind(junior.as_str());
    changes_a_row(change, delete).await
}
