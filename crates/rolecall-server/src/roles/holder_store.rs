//! Subjects that have a role, with all their assignments.

use std::collections::BTreeSet;

use rolecall_core::{RoleAssignment, RoleName, TenantName, Timestamp};

use crate::store::{Columns, Conn, FromRow, StoreError, queries, query, rows};

/// The number of roles that one statement looks for.
const ROLES: usize = 20;

queries! {
    HOLDERS_OF = "SELECT s.id, s.kind, COALESCE(u.username, c.name) AS name, a.role, a.tenant, a.valid_from, a.expires_at \
        FROM role_assignments a JOIN subjects s ON s.id = a.subject_id \
        LEFT JOIN users u ON u.id = s.id LEFT JOIN clients c ON c.id = s.id \
        WHERE a.subject_id IN (SELECT subject_id FROM role_assignments WHERE role IN \
        ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)) ORDER BY a.subject_id";
    ROLES_OF_USER = "SELECT u.id, 'user' AS kind, u.username AS name, a.role, a.tenant, a.valid_from, a.expires_at \
        FROM users u LEFT JOIN role_assignments a ON a.subject_id = u.id WHERE u.username = $1";
}

/// A user or client with all assignments, including those that are not valid now.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) assignments: Vec<RoleAssignment>,
}

rows! {
    /// A subject, beside one of its assignments.
    struct HolderRow {
        id: String,
        kind: String,
        name: String,
        assignment: Option<Assigned>,
    }

    /// The role of an assignment and the time in which it is valid.
    struct Assigned {
        role: RoleName,
        tenant: Option<TenantName>,
        valid_from: Option<Timestamp>,
        expires_at: Option<Timestamp>,
    }
}

impl FromRow for Option<Assigned> {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.joined()
    }
}

/// Hands over every subject that has one of `roles`, in any tenant and at any time: each once and one at a time, so that
/// the memory does not grow with the number of users.
pub(crate) async fn each_holder(
    conn: &mut Conn,
    roles: &BTreeSet<RoleName>,
    mut take: impl FnMut(Holder) + Send,
) -> Result<(), StoreError> {
    let roles: Vec<&RoleName> = roles.iter().collect();
    let mut earlier = BTreeSet::new();
    for some in roles.chunks(ROLES) {
        let mut found = query(HOLDERS_OF);
        // the first ones again fill the places that are left, so that one text serves any number of roles
        for role in some.iter().cycle().take(ROLES) {
            found = found.bind(role.as_str());
        }
        let mut take_new = |holder: Holder| {
            let mut held = holder.assignments.iter();
            if !held.any(|one| earlier.contains(&one.role)) {
                take(holder);
            }
        };
        let mut gathered = Gathered::default();
        let rows = found.each(conn, |row| gathered.add(row, &mut take_new));
        rows.await?;
        gathered.finish(&mut take_new);
        earlier.extend(some.iter().copied());
    }
    Ok(())
}

/// Finds a user by the stored form of the user name, with all assignments.
pub(crate) async fn user(conn: &mut Conn, username: &str) -> Result<Option<Holder>, StoreError> {
    let rows = query(ROLES_OF_USER).bind(username).fetch_all(conn).await?;
    let mut gathered = Gathered::default();
    for row in rows {
        gathered.add(row, |_| {});
    }
    Ok(gathered.0)
}

/// The subject whose rows arrive.
#[derive(Default)]
struct Gathered(Option<Holder>);

impl Gathered {
    /// Adds a row, and hands over the subject before it if that is whole.
    fn add(&mut self, row: HolderRow, mut take: impl FnMut(Holder)) {
        let assignment = row.assignment.map(|assigned| RoleAssignment {
            role: assigned.role,
            tenant: assigned.tenant,
            valid_from: assigned.valid_from,
            expires_at: assigned.expires_at,
            reason: None,
            assigned_by: String::new(),
            assigned_at: Timestamp::default(),
        });
        if let Some(holder) = self.0.as_mut().filter(|holder| holder.id == row.id) {
            holder.assignments.extend(assignment);
            return;
        }
        let next = Holder {
            id: row.id,
            kind: row.kind,
            name: row.name,
            assignments: assignment.into_iter().collect(),
        };
        if let Some(whole) = self.0.replace(next) {
            take(whole);
        }
    }

    fn finish(self, mut take: impl FnMut(Holder)) {
        if let Some(last) = self.0 {
            take(last);
        }
    }
}
