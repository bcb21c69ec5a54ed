//! Separation of duties in the database.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{Constraint, ConstraintKind, ConstraintName, RoleName};

use crate::store::{Change, Columns, Conn, FromRow, StoreError, queries, query, rows};

queries! {
    ALL_CONSTRAINTS = "SELECT c.name, c.kind, c.at_most, m.role FROM role_constraints c \
        JOIN role_constraint_members m ON m.constraint_name = c.name";
    PUT_CONSTRAINT = "INSERT INTO role_constraints (name, kind, at_most) VALUES ($1, $2, $3) \
        ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, at_most = excluded.at_most";
    CLEAR_MEMBERS = "DELETE FROM role_constraint_members WHERE constraint_name = $1";
    INSERT_MEMBER = "INSERT INTO role_constraint_members (constraint_name, role) VALUES ($1, $2)";
    DELETE_CONSTRAINT = "DELETE FROM role_constraints WHERE name = $1";
}

rows! {
    /// A constraint, beside one of its roles.
    struct ConstraintRow {
        name: ConstraintName,
        kind: ConstraintKind,
        at_most: i64,
        role: RoleName,
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

/// Returns every constraint, by name.
pub(super) async fn all(
    conn: &mut Conn,
) -> Result<BTreeMap<ConstraintName, Constraint>, StoreError> {
    let rows: Vec<ConstraintRow> = query(ALL_CONSTRAINTS).fetch_all(conn).await?;
    let mut constraints: BTreeMap<ConstraintName, Constraint> = BTreeMap::new();
    for row in rows {
        let at_most = u32::try_from(row.at_most).map_err(StoreError::inconsistent)?;
        let constraint = constraints.entry(row.name).or_insert_with(|| Constraint {
            kind: row.kind,
            roles: BTreeSet::new(),
            at_most,
        });
        constraint.roles.insert(row.role);
    }
    Ok(constraints)
}

/// Writes a constraint, in place of the one of that name if there is one.
pub(crate) async fn put(
    change: &mut Change<'_>,
    name: &ConstraintName,
    constraint: &Constraint,
) -> Result<(), StoreError> {
    let conn = change.conn();
    query(PUT_CONSTRAINT)
        .bind(name.as_str())
        .bind(constraint.kind.as_str())
        .bind(i64::from(constraint.at_most))
        .execute(conn)
        .await?;
    query(CLEAR_MEMBERS)
        .bind(name.as_str())
        .execute(conn)
        .await?;
    for role in &constraint.roles {
        query(INSERT_MEMBER)
            .bind(name.as_str())
            .bind(role.as_str())
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Deletes a constraint.
pub(crate) async fn delete(
    change: &mut Change<'_>,
    name: &ConstraintName,
) -> Result<(), StoreError> {
    let delete = query(DELETE_CONSTRAINT).bind(name.as_str());
    delete.execute(change.conn()).await?;
    Ok(())
}
