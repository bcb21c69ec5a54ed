//! Separation of duties in the database.

use rolecall_core::{Constraint, ConstraintName, ConstraintScope};

use crate::store::{Change, StoreError, queries, query};

queries! {
    PUT_CONSTRAINT = "INSERT INTO role_constraints (name, kind, at_most, per_subject) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, at_most = excluded.at_most, per_subject = excluded.per_subject";
    CLEAR_MEMBERS = "DELETE FROM role_constraint_members WHERE constraint_name = $1";
    INSERT_MEMBER = "INSERT INTO role_constraint_members (constraint_name, role) VALUES ($1, $2)";
    DELETE_CONSTRAINT = "DELETE FROM role_constraints WHERE name = $1";
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
        .bind(constraint.per == ConstraintScope::Subject)
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
