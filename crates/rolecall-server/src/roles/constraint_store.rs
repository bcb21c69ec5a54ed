use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{Constraint, ConstraintKind, ConstraintName};

use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    ALL_CONSTRAINTS = "SELECT c.name, c.kind, c.at_most, m.role FROM role_constraints c \
        JOIN role_constraint_members m ON m.constraint_name = c.name";
    PUT_CONSTRAINT = "INSERT INTO role_constraints (name, kind, at_most) VALUES ($1, $2, $3) \
        ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, at_most = excluded.at_most";
    CLEAR_MEMBERS = "DELETE FROM role_constraint_members WHERE constraint_name = $1";
    INSERT_MEMBER = "INSERT INTO role_constraint_members (constraint_name, role) VALUES ($1, $2)";
    DELETE_CONSTRAINT = "DELETE FROM role_constraints WHERE name = $1";
}

/// Every constraint, by name.
pub(super) async fn all(
    conn: &mut Conn,
) -> Result<BTreeMap<ConstraintName, Constraint>, StoreError> {
    let rows: Vec<(String, String, i64, String)> =
        on!(conn, |c| sqlx::query_as(ALL_CONSTRAINTS).fetch_all(c).await)?;
    let mut constraints: BTreeMap<ConstraintName, Constraint> = BTreeMap::new();
    for (name, kind, at_most, role) in rows {
        let name = name.parse().map_err(StoreError::inconsistent)?;
        let kind = match kind.as_str() {
            "static" => ConstraintKind::Static,
            _ => ConstraintKind::Dynamic,
        };
        let at_most = u32::try_from(at_most).map_err(StoreError::inconsistent)?;
        let constraint = constraints.entry(name).or_insert_with(|| Constraint {
            kind,
            roles: BTreeSet::new(),
            at_most,
        });
        let role = role.parse().map_err(StoreError::inconsistent)?;
        constraint.roles.insert(role);
    }
    Ok(constraints)
}

/// Writes a constraint, in the place of the one of that name if there is one.
pub(crate) async fn put(
    change: &mut Change<'_>,
    name: &ConstraintName,
    constraint: &Constraint,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(PUT_CONSTRAINT)
        .bind(name.as_str())
        .bind(constraint.kind.as_str())
        .bind(i64::from(constraint.at_most))
        .execute(c)
        .await
        .map(drop))?;
    on!(conn, |c| sqlx::query(CLEAR_MEMBERS)
        .bind(name.as_str())
        .execute(c)
        .await
        .map(drop))?;
    for role in &constraint.roles {
        on!(conn, |c| sqlx::query(INSERT_MEMBER)
            .bind(name.as_str())
            .bind(role.as_str())
            .execute(c)
            .await
            .map(drop))?;
    }
    Ok(())
}

pub(crate) async fn delete(
    change: &mut Change<'_>,
    name: &ConstraintName,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(DELETE_CONSTRAINT)
        .bind(name.as_str())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}
