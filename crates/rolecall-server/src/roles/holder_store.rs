//! Whoever has some role, with everything else that they have.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::{RoleAssignment, RoleName, Timestamp};

use super::assignment_store::read_tenant;
use crate::store::{Conn, StoreError, on, queries};

/// How many roles one statement asks about.
const ROLES: usize = 20;

queries! {
    HOLDERS_OF = "SELECT s.id, s.kind, COALESCE(u.username, c.name) AS name, a.role, a.tenant, a.valid_from, a.expires_at \
        FROM role_assignments a JOIN subjects s ON s.id = a.subject_id \
        LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE a.subject_id IN (SELECT subject_id FROM role_assignments WHERE role IN \
        ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20))";
    ROLES_OF_USER = "SELECT u.id, 'user' AS kind, u.username, a.role, a.tenant, a.valid_from, a.expires_at \
        FROM users u LEFT JOIN role_assignments a ON a.subject_id = u.id WHERE u.username = $1";
}

/// A user or client with all their assignments, whether or not they count now.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) assignments: Vec<RoleAssignment>,
}

type Row = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
);

/// Everybody who has one of `roles` in whatever tenant and at whatever time, by id.
pub(crate) async fn holders_of(
    conn: &mut Conn,
    roles: &BTreeSet<RoleName>,
) -> Result<BTreeMap<String, Holder>, StoreError> {
    let mut holders = BTreeMap::new();
    let roles: Vec<&RoleName> = roles.iter().collect();
    for some in roles.chunks(ROLES) {
        // the first one stands in for those that are not there: one text, however many roles
        let all = some.iter().chain(some.iter().cycle()).take(ROLES);
        let rows: Vec<Row> = on!(conn, |c| {
            let mut query = sqlx::query_as(HOLDERS_OF);
            for role in all.clone() {
                query = query.bind(role.as_str());
            }
            query.fetch_all(c).await
        })?;
        let mut found = BTreeMap::new();
        for row in rows {
            collect(&mut found, row)?;
        }
        // whoever was found by another role before was found with the same assignments
        holders.extend(found);
    }
    Ok(holders)
}

/// A user by the form of the name that is stored, with all their assignments.
pub(crate) async fn user(conn: &mut Conn, username: &str) -> Result<Option<Holder>, StoreError> {
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(ROLES_OF_USER)
        .bind(username)
        .fetch_all(c)
        .await)?;
    let mut found = BTreeMap::new();
    for row in rows {
        collect(&mut found, row)?;
    }
    Ok(found.into_values().next())
}

fn collect(holders: &mut BTreeMap<String, Holder>, row: Row) -> Result<(), StoreError> {
    let (id, kind, name, role, tenant, valid_from, expires_at) = row;
    let holder = holders.entry(id.clone()).or_insert_with(|| Holder {
        id,
        kind,
        name,
        assignments: Vec::new(),
    });
    let Some(role) = role else {
        return Ok(());
    };
    holder.assignments.push(RoleAssignment {
        role: role.parse().map_err(StoreError::inconsistent)?,
        tenant: read_tenant(&tenant.unwrap_or_default())?,
        valid_from: valid_from.map(Timestamp::from_micros),
        expires_at: expires_at.map(Timestamp::from_micros),
        reason: None,
        assigned_by: String::new(),
        assigned_at: Timestamp::default(),
    });
    Ok(())
}
