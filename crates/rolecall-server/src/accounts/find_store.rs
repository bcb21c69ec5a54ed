//! Looking up several users at once.

use rolecall_core::Timestamp;

use super::store::{User, UserRow, collect};
use crate::{
    store::{Conn, StoreError, queries, query},
    usernames::folded,
};

queries! {
    FIND_USERS = "SELECT u.id, u.username, u.email, u.email_verified_at, u.email_verified_by, u.disabled, u.must_change_password, u.profile, u.created_at, u.updated_at, a.role \
        FROM users u \
        LEFT JOIN role_assignments a ON a.subject_id = u.id AND a.tenant = '' \
             AND (a.valid_from IS NULL OR a.valid_from <= $1) AND (a.expires_at IS NULL OR a.expires_at > $1) \
        WHERE u.id IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
        ORDER BY u.id, a.role";
    FIND_BY_EMAIL = "SELECT u.id, u.username, u.email, u.email_verified_at, u.email_verified_by, u.disabled, u.must_change_password, u.profile, u.created_at, u.updated_at, a.role \
        FROM (SELECT id, username, email, email_verified_at, email_verified_by, disabled, must_change_password, profile, created_at, updated_at FROM users \
              WHERE email_key = $2 ORDER BY id LIMIT $3) u \
        LEFT JOIN role_assignments a ON a.subject_id = u.id AND a.tenant = '' \
             AND (a.valid_from IS NULL OR a.valid_from <= $1) AND (a.expires_at IS NULL OR a.expires_at > $1) \
        ORDER BY u.id, a.role";
}

/// The ids that one statement looks up.
pub(super) const AT_ONCE: usize = 20;

/// Returns up to [`AT_ONCE`] ids, and empty ones in place of those that are missing, which no user has.
pub(super) fn padded<'a>(ids: &[&'a str]) -> impl Iterator<Item = &'a str> {
    ids.iter()
        .copied()
        .chain(std::iter::repeat(""))
        .take(AT_ONCE)
}

/// Finds the users with these ids, each with the global roles that are valid at `now`, ordered by id. Unknown ids are left
/// out.
pub(crate) async fn find_users(
    conn: &mut Conn,
    ids: &[&str],
    now: Timestamp,
) -> Result<Vec<User>, StoreError> {
    let mut users = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        let mut statement = query(FIND_USERS).bind(now);
        for id in padded(some) {
            statement = statement.bind(id);
        }
        let rows: Vec<UserRow> = statement.fetch_all(conn).await?;
        users.extend(collect(rows));
    }
    users.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Ok(users)
}

/// Finds up to `limit` users with this e-mail address, without regard to case.
pub(crate) async fn find_by_email(
    conn: &mut Conn,
    email: &str,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<User>, StoreError> {
    let found = query(FIND_BY_EMAIL)
        .bind(now)
        .bind(folded(email))
        .bind(limit);
    Ok(collect(found.fetch_all(conn).await?))
}
