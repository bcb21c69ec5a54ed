//! Roles and permissions in the database, and the policy that they make.

use std::collections::BTreeSet;

use rolecall_core::{
    Permission, PermissionPattern, Policy, PolicyBuilder, Revision, RoleName, RoleRules, Timestamp,
};

use super::constraint_store;
use crate::{
    authority::policy_cache::PolicyAt,
    store::{Change, Conn, Statement, StoreError, parse, queries, query, rows},
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

    /// The kind and name of what a revision changed: `role`, `permission`, or `all` without a name.
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    struct Altered {
        kind: String,
        name: String,
    }

    /// A change of the policy, and the revision of the change before it.
    struct PolicyChange {
        revision: Revision,
        altered: Altered,
        previous: Revision,
    }
}

/// Reads the whole policy in five statements.
pub(crate) async fn read_policy(conn: &mut Conn) -> Result<Policy, StoreError> {
    let mut rules = PolicyBuilder::default();
    for name in query(ALL_PERMISSIONS).fetch_all(conn).await? {
        rules.permission(name);
    }
    for (name, approval) in query(ALL_ROLES).fetch_all(conn).await? {
        rules.approval(name, approval);
    }
    for (role, pattern) in query(ALL_GRANTS)
        .fetch_all::<(RoleName, PermissionPattern)>(conn)
        .await?
    {
        rules.grant(role, pattern);
    }
    for (senior, junior) in query(ALL_JUNIORS).fetch_all(conn).await? {
        rules.inherit(senior, junior);
    }
    for (name, constraint) in constraint_store::all(conn).await? {
        rules.constraint(name, constraint);
    }
    rules.build().map_err(StoreError::inconsistent)
}

/// The number of changes up to which a policy is updated one by one; beyond it, the whole policy is read.
const MOST_UPDATES: usize = 64;
/// The number of revisions for which changes of the policy are kept.
const KEEP_CHANGES: i64 = 10_000;

/// Deletes changes of the policy that are older than any node needs, up to `limit`, and returns their number.
pub(crate) async fn prune_changes(conn: &mut Conn, limit: i64) -> Result<u64, StoreError> {
    let delete = query(PRUNE_POLICY_CHANGES).bind(KEEP_CHANGES).bind(limit);
    delete.execute(conn).await
}

/// Reads the policy at `revision`: what changed since `known`, if that is little enough, or the whole policy.
pub(crate) async fn read_policy_after(
    conn: &mut Conn,
    known: Option<&PolicyAt>,
    revision: Revision,
) -> Result<Policy, StoreError> {
    if let Some(known) = known
        && let Some(altered) = altered_since(conn, known.revision, revision).await?
    {
        return update_policy(conn, known, &altered).await;
    }
    read_policy(conn).await
}

/// Returns the roles and permissions that changed after `known` up to `revision`; `None` if a change between them is
/// missing, a change is not about a single one, or there are too many.
async fn altered_since(
    conn: &mut Conn,
    known: Revision,
    revision: Revision,
) -> Result<Option<BTreeSet<Altered>>, StoreError> {
    let most = i64::try_from(MOST_UPDATES).unwrap_or(i64::MAX);
    let changes = query(POLICY_CHANGES).bind(known).bind(most + 1);
    let changes: Vec<PolicyChange> = changes.fetch_all(conn).await?;
    let too_many = changes.len() > MOST_UPDATES;
    let mut altered = BTreeSet::new();
    let (mut last, mut before_last) = (known, known);
    for change in changes {
        // each follows the one before without a gap, or belongs to the same revision
        let follows = change.previous == last;
        let belongs = (change.revision, change.previous) == (last, before_last);
        if !follows && !belongs {
            return Ok(None);
        }
        (last, before_last) = (change.revision, change.previous);
        altered.insert(change.altered);
    }
    let one_by_one = altered.iter().all(|altered| altered.kind != "all");
    let complete = last == revision && !too_many && one_by_one;
    Ok(complete.then_some(altered))
}

async fn update_policy(
    conn: &mut Conn,
    known: &Policy,
    altered: &BTreeSet<Altered>,
) -> Result<Policy, StoreError> {
    let mut rules = PolicyBuilder::from(known);
    for Altered { kind, name } in altered {
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

/// Returns the permissions and juniors of a role; `None` if it does not exist.
async fn read_rules(conn: &mut Conn, role: &RoleName) -> Result<Option<RoleRules>, StoreError> {
    let rows: Vec<(String, String)> = query(ROLE_RULES)
        .bind(role.as_str())
        .fetch_all(conn)
        .await?;
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

/// Finds a role by name.
pub(crate) async fn find_role(
    conn: &mut Conn,
    name: &RoleName,
) -> Result<Option<Role>, StoreError> {
    let role = query(FIND_ROLE).bind(name.as_str());
    role.fetch_optional(conn).await
}

/// Returns up to `limit` roles whose name is above `after`, by name.
pub(crate) async fn list_roles(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<Role>, StoreError> {
    let roles = query(LIST_ROLES).bind(after).bind(limit);
    roles.fetch_all(conn).await
}

/// Finds a permission by name.
pub(crate) async fn find_permission(
    conn: &mut Conn,
    name: &Permission,
) -> Result<Option<PermissionRow>, StoreError> {
    let permission = query(FIND_PERMISSION).bind(name.as_str());
    permission.fetch_optional(conn).await
}

/// Returns up to `limit` permissions whose name is above `after`, by name.
pub(crate) async fn list_permissions(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<PermissionRow>, StoreError> {
    let permissions = query(LIST_PERMISSIONS).bind(after).bind(limit);
    permissions.fetch_all(conn).await
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
