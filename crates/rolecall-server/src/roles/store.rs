use super::constraint_store;
use crate::{
    authority::policy_cache::PolicyAt,
    store::{Change, Conn, StoreError, on, queries},
};
use std::collections::BTreeSet;

use rolecall_core::{
    Permission, PermissionPattern, Policy, PolicyBuilder, Revision, RoleName, RoleRules, Timestamp,
};

queries! {
    ALL_ROLES = "SELECT name, approval FROM roles";
    ALL_PERMISSIONS = "SELECT name FROM permissions";
    ALL_GRANTS = "SELECT role, permission FROM role_permissions UNION ALL SELECT role, object || ':*' FROM role_wildcards";
    ALL_JUNIORS = "SELECT senior, junior FROM role_juniors";
    POLICY_CHANGES = "SELECT revision, kind, name, previous FROM policy_changes WHERE revision > $1 ORDER BY revision, kind, name LIMIT $2";
    ROLE_RULES = "SELECT 'role', name FROM roles WHERE name = $1 \
        UNION ALL SELECT 'approval', name FROM roles WHERE name = $1 AND approval = TRUE \
        UNION ALL SELECT 'permission', permission FROM role_permissions WHERE role = $1 \
        UNION ALL SELECT 'permission', object || ':*' FROM role_wildcards WHERE role = $1 \
        UNION ALL SELECT 'junior', junior FROM role_juniors WHERE senior = $1";
    PRUNE_POLICY_CHANGES = "DELETE FROM policy_changes WHERE revision IN (SELECT revision FROM policy_changes \
        WHERE revision < (SELECT policy_revision FROM head WHERE id = 1) - $1 ORDER BY revision LIMIT $2)";
    FIND_ROLE = "SELECT name, description, created_at, updated_at FROM roles WHERE name = $1";
    LIST_ROLES = "SELECT name, description, created_at, updated_at FROM roles WHERE name > $1 ORDER BY name LIMIT $2";
    INSERT_ROLE = "INSERT INTO roles (name, description, created_at, updated_at) VALUES ($1, $2, $3, $3) ON CONFLICT (name) DO NOTHING";
    UPDATE_ROLE = "UPDATE roles SET description = $2, updated_at = $3 WHERE name = $1";
    SET_APPROVAL = "UPDATE roles SET approval = $2, updated_at = $3 WHERE name = $1";
    DELETE_ROLE = "DELETE FROM roles WHERE name = $1";
    FIND_PERMISSION = "SELECT name, description, created_at FROM permissions WHERE name = $1";
    LIST_PERMISSIONS = "SELECT name, description, created_at FROM permissions WHERE name > $1 ORDER BY name LIMIT $2";
    INSERT_PERMISSION = "INSERT INTO permissions (name, object, description, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING";
    DELETE_PERMISSION = "DELETE FROM permissions WHERE name = $1";
    INSERT_GRANT = "INSERT INTO role_permissions (role, permission) VALUES ($1, $2) ON CONFLICT (role, permission) DO NOTHING";
    DELETE_GRANT = "DELETE FROM role_permissions WHERE role = $1 AND permission = $2";
    INSERT_WILDCARD = "INSERT INTO role_wildcards (role, object) VALUES ($1, $2) ON CONFLICT (role, object) DO NOTHING";
    DELETE_WILDCARD = "DELETE FROM role_wildcards WHERE role = $1 AND object = $2";
    INSERT_JUNIOR = "INSERT INTO role_juniors (senior, junior) VALUES ($1, $2) ON CONFLICT (senior, junior) DO NOTHING";
    DELETE_JUNIOR = "DELETE FROM role_juniors WHERE senior = $1 AND junior = $2";
}

/// A role without what it holds, which the [`Policy`] knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) name: RoleName,
    pub(crate) description: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A permission and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PermissionRow {
    pub(crate) name: Permission,
    pub(crate) description: String,
    pub(crate) created_at: Timestamp,
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(StoreError::inconsistent)
}

/// Reads the whole policy: five statements, whatever its size.
pub(crate) async fn read_policy(conn: &mut Conn) -> Result<Policy, StoreError> {
    let mut rules = PolicyBuilder::default();
    let names: Vec<(String,)> = on!(conn, |c| sqlx::query_as(ALL_PERMISSIONS).fetch_all(c).await)?;
    for (name,) in names {
        rules.permission(parse(&name)?);
    }
    let names: Vec<(String, bool)> = on!(conn, |c| sqlx::query_as(ALL_ROLES).fetch_all(c).await)?;
    for (name, approval) in names {
        rules.approval(parse(&name)?, approval);
    }
    let grants: Vec<(String, String)> =
        on!(conn, |c| sqlx::query_as(ALL_GRANTS).fetch_all(c).await)?;
    for (role, pattern) in grants {
        rules.grant(parse(&role)?, parse(&pattern)?);
    }
    let juniors: Vec<(String, String)> =
        on!(conn, |c| sqlx::query_as(ALL_JUNIORS).fetch_all(c).await)?;
    for (senior, junior) in juniors {
        rules.inherit(parse(&senior)?, parse(&junior)?);
    }
    for (name, constraint) in constraint_store::all(conn).await? {
        rules.constraint(name, constraint);
    }
    rules.build().map_err(StoreError::inconsistent)
}

/// With more to read anew than this, everything is.
const MOST_READ_ANEW: usize = 64;
/// How many revisions back the changes of the policy are kept.
const KEEP_CHANGES: i64 = 10_000;

/// Forgets changes of the policy that no node can still need to hear of one by one.
pub(crate) async fn prune_changes(conn: &mut Conn, limit: i64) -> Result<u64, StoreError> {
    Ok(on!(conn, |c| sqlx::query(PRUNE_POLICY_CHANGES)
        .bind(KEEP_CHANGES)
        .bind(limit)
        .execute(c)
        .await
        .map(|done| done.rows_affected()))?)
}

/// The policy at `revision`, read as cheaply as `known` allows.
pub(crate) async fn read_policy_after(
    conn: &mut Conn,
    known: Option<&PolicyAt>,
    revision: Revision,
) -> Result<Policy, StoreError> {
    if let Some(known) = known
        && let Some(altered) = altered_since(conn, known.revision, revision).await?
    {
        return read_anew(conn, known, &altered).await;
    }
    read_policy(conn).await
}

/// Kinds and names of what is another one at `revision` than at `known`; `None` where that cannot be told, or
/// is too much.
async fn altered_since(
    conn: &mut Conn,
    known: Revision,
    revision: Revision,
) -> Result<Option<BTreeSet<(String, String)>>, StoreError> {
    let most = i64::try_from(MOST_READ_ANEW).unwrap_or(i64::MAX);
    let rows: Vec<(i64, String, String, i64)> = on!(conn, |c| sqlx::query_as(POLICY_CHANGES)
        .bind(known)
        .bind(most + 1)
        .fetch_all(c)
        .await)?;
    let mut altered = BTreeSet::new();
    let mut at = (known, known);
    let too_many = rows.len() > MOST_READ_ANEW;
    for (changed_at, kind, name, previous) in rows {
        // each follows the one before it without a gap: the first of a revision, and others of the same
        if previous != at.1 && (changed_at, previous) != (at.1, at.0) {
            return Ok(None);
        }
        at = (previous, changed_at);
        altered.insert((kind, name));
    }
    let whole = at.1 == revision && !too_many;
    Ok(Some(altered).filter(|altered| whole && altered.iter().all(|(kind, _)| kind != "all")))
}

async fn read_anew(
    conn: &mut Conn,
    known: &Policy,
    altered: &BTreeSet<(String, String)>,
) -> Result<Policy, StoreError> {
    let mut rules = PolicyBuilder::from(known);
    for (kind, name) in altered {
        if kind == "permission" {
            let permission: Permission = parse(name)?;
            match find_permission(conn, &permission).await? {
                Some(_) => rules.permission(permission),
                None => rules.remove_permission(&permission),
            };
            continue;
        }
        let role: RoleName = parse(name)?;
        match read_rules(conn, &role).await? {
            Some(read) => rules.set_role(role, read),
            None => rules.remove_role(&role),
        };
    }
    rules.build().map_err(StoreError::inconsistent)
}

async fn read_rules(conn: &mut Conn, role: &RoleName) -> Result<Option<RoleRules>, StoreError> {
    let rows: Vec<(String, String)> = on!(conn, |c| sqlx::query_as(ROLE_RULES)
        .bind(role.as_str())
        .fetch_all(c)
        .await)?;
    let mut rules = None;
    for (kind, name) in rows {
        let rules = rules.get_or_insert_with(RoleRules::default);
        match kind.as_str() {
            "permission" => drop(rules.permissions.insert(parse(&name)?)),
            "junior" => drop(rules.juniors.insert(parse(&name)?)),
            "approval" => rules.approval = true,
            _ => {}
        }
    }
    Ok(rules)
}

type RoleRow = (String, String, i64, i64);

fn role((name, description, created_at, updated_at): RoleRow) -> Result<Role, StoreError> {
    let (created_at, updated_at) = (
        Timestamp::from_micros(created_at),
        Timestamp::from_micros(updated_at),
    );
    Ok(Role {
        name: parse(&name)?,
        description,
        created_at,
        updated_at,
    })
}

pub(crate) async fn find_role(
    conn: &mut Conn,
    name: &RoleName,
) -> Result<Option<Role>, StoreError> {
    let row: Option<RoleRow> = on!(conn, |c| sqlx::query_as(FIND_ROLE)
        .bind(name.as_str())
        .fetch_optional(c)
        .await)?;
    row.map(role).transpose()
}

/// Up to `limit` roles whose name is above `after`, in the order of their names.
pub(crate) async fn list_roles(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<Role>, StoreError> {
    let rows: Vec<RoleRow> = on!(conn, |c| sqlx::query_as(LIST_ROLES)
        .bind(after)
        .bind(limit)
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(role).collect()
}

fn permission(
    (name, description, created_at): (String, String, i64),
) -> Result<PermissionRow, StoreError> {
    Ok(PermissionRow {
        name: parse(&name)?,
        description,
        created_at: Timestamp::from_micros(created_at),
    })
}

pub(crate) async fn find_permission(
    conn: &mut Conn,
    name: &Permission,
) -> Result<Option<PermissionRow>, StoreError> {
    let row = on!(conn, |c| sqlx::query_as(FIND_PERMISSION)
        .bind(name.as_str())
        .fetch_optional(c)
        .await)?;
    row.map(permission).transpose()
}

/// Up to `limit` permissions whose name is above `after`, in the order of their names.
pub(crate) async fn list_permissions(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<PermissionRow>, StoreError> {
    let rows: Vec<_> = on!(conn, |c| sqlx::query_as(LIST_PERMISSIONS)
        .bind(after)
        .bind(limit)
        .fetch_all(c)
        .await)?;
    rows.into_iter().map(permission).collect()
}

/// Runs a statement that binds texts and answers whether a row changed.
macro_rules! changes_a_row {
    ($change:expr, $sql:expr, $($bind:expr),+) => {{
        let conn = $change.conn();
        let rows = on!(conn, |c| sqlx::query($sql)$(.bind($bind))+.execute(c).await.map(|done| done.rows_affected()))?;
        Ok(rows > 0)
    }};
}

/// Whether the role is new.
pub(crate) async fn insert_role(
    change: &mut Change<'_>,
    name: &RoleName,
    description: &str,
) -> Result<bool, StoreError> {
    let now = change.now().micros();
    changes_a_row!(change, INSERT_ROLE, name.as_str(), description, now)
}

pub(crate) async fn update_role(
    change: &mut Change<'_>,
    name: &RoleName,
    description: &str,
) -> Result<bool, StoreError> {
    let now = change.now().micros();
    changes_a_row!(change, UPDATE_ROLE, name.as_str(), description, now)
}

/// Says whether a second person must confirm that somebody is given the role.
pub(crate) async fn set_approval(
    change: &mut Change<'_>,
    name: &RoleName,
    approval: bool,
) -> Result<bool, StoreError> {
    let now = change.now().micros();
    changes_a_row!(change, SET_APPROVAL, name.as_str(), approval, now)
}

pub(crate) async fn delete_role(
    change: &mut Change<'_>,
    name: &RoleName,
) -> Result<bool, StoreError> {
    changes_a_row!(change, DELETE_ROLE, name.as_str())
}

/// Whether the permission is new.
pub(crate) async fn insert_permission(
    change: &mut Change<'_>,
    name: &Permission,
    description: &str,
) -> Result<bool, StoreError> {
    let now = change.now().micros();
    changes_a_row!(
        change,
        INSERT_PERMISSION,
        name.as_str(),
        name.object(),
        description,
        now
    )
}

pub(crate) async fn delete_permission(
    change: &mut Change<'_>,
    name: &Permission,
) -> Result<bool, StoreError> {
    changes_a_row!(change, DELETE_PERMISSION, name.as_str())
}

/// Whether the role did not hold it before.
pub(crate) async fn insert_grant(
    change: &mut Change<'_>,
    role: &RoleName,
    pattern: &PermissionPattern,
) -> Result<bool, StoreError> {
    if let Some(object) = pattern.wildcard_object() {
        changes_a_row!(change, INSERT_WILDCARD, role.as_str(), object)
    } else {
        changes_a_row!(change, INSERT_GRANT, role.as_str(), pattern.as_str())
    }
}

/// Whether the role held it before.
pub(crate) async fn delete_grant(
    change: &mut Change<'_>,
    role: &RoleName,
    pattern: &PermissionPattern,
) -> Result<bool, StoreError> {
    if let Some(object) = pattern.wildcard_object() {
        changes_a_row!(change, DELETE_WILDCARD, role.as_str(), object)
    } else {
        changes_a_row!(change, DELETE_GRANT, role.as_str(), pattern.as_str())
    }
}

/// Whether `senior` did not inherit `junior` before.
pub(crate) async fn insert_junior(
    change: &mut Change<'_>,
    senior: &RoleName,
    junior: &RoleName,
) -> Result<bool, StoreError> {
    changes_a_row!(change, INSERT_JUNIOR, senior.as_str(), junior.as_str())
}

/// Whether `senior` inherited `junior` before.
pub(crate) async fn delete_junior(
    change: &mut Change<'_>,
    senior: &RoleName,
    junior: &RoleName,
) -> Result<bool, StoreError> {
    changes_a_row!(change, DELETE_JUNIOR, senior.as_str(), junior.as_str())
}
