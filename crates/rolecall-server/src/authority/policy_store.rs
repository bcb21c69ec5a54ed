//! The policy in the database: read whole, or only what changed since.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{
    Acr, Constraint, ConstraintKind, ConstraintName, ConstraintScope, Permission,
    PermissionPattern, Policy, PolicyBuilder, Revision, RoleName, RoleRules,
};

use crate::store::{Columns, Conn, FromRow, StoreError, parse, queries, query, rows};

queries! {
    ALL_ROLES = "SELECT name, approval, by_name, acr FROM roles";
    ALL_PERMISSIONS = "SELECT name FROM permissions";
    ALL_GRANTS = "SELECT role, permission FROM role_permissions UNION ALL SELECT role, object || ':*' FROM role_wildcards";
    ALL_JUNIORS = "SELECT senior, junior FROM role_juniors";
    POLICY_CHANGES = "SELECT revision, kind, name, previous FROM policy_changes WHERE revision > $1 ORDER BY revision, kind, name LIMIT $2";
    ROLE_RULES = "SELECT 'role', name FROM roles WHERE name = $1 \
        UNION ALL SELECT 'approval', name FROM roles WHERE name = $1 AND approval = TRUE \
        UNION ALL SELECT 'permissions_only', name FROM roles WHERE name = $1 AND by_name = FALSE \
        UNION ALL SELECT 'acr', acr FROM roles WHERE name = $1 AND acr <> 'aal1' \
        UNION ALL SELECT 'permission', permission FROM role_permissions WHERE role = $1 \
        UNION ALL SELECT 'permission', object || ':*' FROM role_wildcards WHERE role = $1 \
        UNION ALL SELECT 'junior', junior FROM role_juniors WHERE senior = $1";
    PRUNE_POLICY_CHANGES = "DELETE FROM policy_changes WHERE revision IN (SELECT revision FROM policy_changes \
        WHERE revision < (SELECT policy_revision FROM head WHERE id = 1) - $1 ORDER BY revision LIMIT $2)";
    ALL_CONSTRAINTS = "SELECT c.name, c.kind, c.at_most, c.per_subject, m.role FROM role_constraints c \
        JOIN role_constraint_members m ON m.constraint_name = c.name";
    FIND_PERMISSION = "SELECT name FROM permissions WHERE name = $1";
}

rows! {
    /// A role without what it holds and inherits.
    struct RoleRow {
        name: RoleName,
        approval: bool,
        by_name: bool,
        acr: Acr,
    }
}

rows! {
    /// A constraint, beside one of its roles.
    struct ConstraintRow {
        name: ConstraintName,
        kind: ConstraintKind,
        at_most: i64,
        per_subject: bool,
        role: RoleName,
    }
}

rows! {
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

impl FromRow for ConstraintKind {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        Ok(match columns.text()? {
            "static" => Self::Static,
            _ => Self::Dynamic,
        })
    }
}

/// Reads the whole policy in five statements.
pub(crate) async fn read_policy(conn: &mut Conn) -> Result<Policy, StoreError> {
    let mut rules = PolicyBuilder::default();
    for name in query(ALL_PERMISSIONS).fetch_all(conn).await? {
        rules.permission(name);
    }
    let found: Vec<RoleRow> = query(ALL_ROLES).fetch_all(conn).await?;
    for row in found {
        rules.approval(row.name.clone(), row.approval);
        rules.acr(row.name.clone(), row.acr);
        rules.by_name(row.name, row.by_name);
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
    for (name, constraint) in constraints(conn).await? {
        rules.constraint(name, constraint);
    }
    rules.build().map_err(StoreError::inconsistent)
}

/// Returns every constraint, by name.
async fn constraints(conn: &mut Conn) -> Result<BTreeMap<ConstraintName, Constraint>, StoreError> {
    let rows: Vec<ConstraintRow> = query(ALL_CONSTRAINTS).fetch_all(conn).await?;
    let mut constraints: BTreeMap<ConstraintName, Constraint> = BTreeMap::new();
    for row in rows {
        let at_most = u32::try_from(row.at_most).map_err(StoreError::inconsistent)?;
        let constraint = constraints.entry(row.name).or_insert_with(|| Constraint {
            kind: row.kind,
            roles: BTreeSet::new(),
            at_most,
            per: if row.per_subject {
                ConstraintScope::Subject
            } else {
                ConstraintScope::Session
            },
        });
        constraint.roles.insert(row.role);
    }
    Ok(constraints)
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

/// Returns the revision of the change of the policy before the one of `revision`, if that is still known.
pub(crate) async fn find_change_before(
    conn: &mut Conn,
    revision: Revision,
) -> Result<Option<Revision>, StoreError> {
    let found = query(POLICY_CHANGES)
        .bind(revision.saturating_sub(1))
        .bind(1_i64);
    let found: Option<PolicyChange> = found.fetch_optional(conn).await?;
    let found = found.filter(|found| found.revision == revision);
    Ok(found.map(|found| found.previous))
}

/// Reads the policy at `revision`: what changed since `known`, if that is little enough, or the whole policy.
pub(crate) async fn read_policy_after(
    conn: &mut Conn,
    known: Option<(Revision, &Policy)>,
    revision: Revision,
) -> Result<Policy, StoreError> {
    if let Some((known_at, known)) = known
        && let Some(altered) = altered_since(conn, known_at, revision).await?
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
            let found: Option<Permission> = query(FIND_PERMISSION)
                .bind(name.as_str())
                .fetch_optional(conn)
                .await?;
            match found {
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
            "permissions_only" => rules.by_name = false,
            "acr" => rules.acr = parse(&name)?,
            _ => {}
        }
    }
    Ok(rules)
}
