//! Searching among many users, filtered and in an order.

use rolecall_core::{RoleName, TenantName, Timestamp};

use super::find_store::{AT_ONCE, padded};
use crate::{
    authority::subject::Status,
    store::{Conn, StoreError, anywhere, queries, query, rows},
    usernames::folded,
};

/// A page of a search. Of the users after $1 and $2, those that match; $9 and $10 are TRUE and FALSE.
macro_rules! search {
    ($after:literal, $order:literal) => {
        concat!(
            "SELECT u.id, u.folded_username, u.created_at, \
             (SELECT COUNT(*) FROM factors f WHERE f.subject_id = u.id AND f.confirmed = $9) AS factors, \
             (SELECT MAX(e.at + 0) FROM audit_events e WHERE e.subject_id = u.id AND e.kind = 'log_in') AS last_sign_in \
             FROM users u WHERE ",
            $after,
            " AND ($3 = '' OR u.folded_username LIKE $3 ESCAPE '!' OR u.email_key LIKE $3 ESCAPE '!') \
             AND ($4 = '' OR ($4 = 'disabled' AND u.disabled = $9) \
                OR ($4 = 'active' AND u.disabled = $10 AND u.must_change_password = $10) \
                OR ($4 = 'password_change_required' AND u.disabled = $10 AND u.must_change_password = $9)) \
             AND ($5 = '' OR u.id IN (SELECT a.subject_id FROM role_assignments a WHERE a.role = $5)) \
             AND ($6 = '' OR u.id IN (SELECT a.subject_id FROM role_assignments a WHERE a.tenant = $6 AND ($5 = '' OR a.role = $5))) \
             AND ($7 = $10 OR NOT EXISTS (SELECT 1 FROM factors f WHERE f.subject_id = u.id AND f.confirmed = $9)) \
             ORDER BY ",
            $order,
            " LIMIT $8"
        )
    };
}

queries! {
    // every statement uses both parameters of the place, so that one binds for all
    BY_NAME = search!("u.folded_username > $1 AND $2 >= 0", "u.folded_username");
    BY_NAME_DOWN = search!("($1 = '' OR u.folded_username < $1) AND $2 >= 0", "u.folded_username DESC");
    BY_CREATION = search!("(u.created_at > $2 OR (u.created_at = $2 AND u.id > $1))", "u.created_at, u.id");
    BY_CREATION_DOWN = search!("($1 = '' OR u.created_at < $2 OR (u.created_at = $2 AND u.id < $1))", "u.created_at DESC, u.id DESC");
    // of the tenant $2, or of all; up to $3 for each user
    IN_TENANTS = "SELECT subject, role, tenant, total FROM (SELECT a.subject_id AS subject, a.role, a.tenant, \
        COUNT(*) OVER (PARTITION BY a.subject_id) AS total, \
        ROW_NUMBER() OVER (PARTITION BY a.subject_id ORDER BY a.role, a.tenant) AS place \
        FROM role_assignments a WHERE a.tenant <> '' AND ($2 = '*' OR a.tenant = $2) \
        AND (a.valid_from IS NULL OR a.valid_from <= $1) AND (a.expires_at IS NULL OR a.expires_at > $1) \
        AND a.subject_id IN ($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)) r \
        WHERE r.place <= $3 ORDER BY r.subject, r.place";
}

/// The order of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    Name,
    Creation,
}

/// The filters of a search; empty texts filter nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Search<'a> {
    /// A part of the user name or the e-mail address.
    pub(crate) text: &'a str,
    pub(crate) status: Option<Status>,
    /// A role that is assigned, now or later.
    pub(crate) role: &'a str,
    /// A tenant in which a role is assigned.
    pub(crate) tenant: &'a str,
    /// Only users without a second factor.
    pub(crate) without_factor: bool,
    pub(crate) order: Order,
    pub(crate) is_descending: bool,
    /// The last user of the page before: the name, or the id with the time of creation.
    pub(crate) after: (&'a str, i64),
}

rows! {
    /// A user that was found.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct FoundUser {
        pub(crate) id: String,
        pub(crate) folded_username: String,
        pub(crate) created_at: Timestamp,
        /// The number of second factors.
        pub(crate) factors: i64,
        pub(crate) last_sign_in: Option<Timestamp>,
    }

    /// A role that a user has in a tenant now.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct InTenant {
        pub(crate) subject: String,
        pub(crate) role: RoleName,
        pub(crate) tenant: TenantName,
        /// The number of all roles in tenants that the user has.
        pub(crate) total: i64,
    }
}

/// Returns the first roles that these users have in `tenant`, or in all, up to `limit` for each.
pub(super) async fn in_tenants(
    conn: &mut Conn,
    ids: &[&str],
    tenant: Option<&TenantName>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<InTenant>, StoreError> {
    let mut found: Vec<InTenant> = Vec::new();
    // no tenant is called `*`
    let tenant = tenant.map_or("*", TenantName::as_str);
    for some in ids.chunks(AT_ONCE) {
        let mut statement = query(IN_TENANTS).bind(now).bind(tenant).bind(limit);
        for id in padded(some) {
            statement = statement.bind(id);
        }
        let rows: Vec<InTenant> = statement.fetch_all(conn).await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Returns up to `limit` users that match.
pub(super) async fn search(
    conn: &mut Conn,
    search: &Search<'_>,
    limit: i64,
) -> Result<Vec<FoundUser>, StoreError> {
    let pattern = anywhere(&folded(search.text).to_lowercase());
    let statement = match (search.order, search.is_descending) {
        (Order::Name, false) => BY_NAME,
        (Order::Name, true) => BY_NAME_DOWN,
        (Order::Creation, false) => BY_CREATION,
        (Order::Creation, true) => BY_CREATION_DOWN,
    };
    query(statement)
        .bind(search.after.0)
        .bind(search.after.1)
        .bind(pattern)
        .bind(search.status.map_or("", Status::as_str))
        .bind(search.role)
        .bind(search.tenant)
        .bind(search.without_factor)
        .bind(limit)
        .bind(true)
        .bind(false)
        .fetch_all(conn)
        .await
}
