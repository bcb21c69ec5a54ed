//! Users in the database.

use rolecall_core::{RoleName, Timestamp};

use crate::{
    authority::subject::Status,
    mail::token_store::{self as links, Purpose},
    profile::stored::StoredProfile,
    store::{Change, Conn, StoreError, anywhere, gate, queries, query, rows},
    usernames::folded,
};

queries! {
    INSERT_SUBJECT = "INSERT INTO subjects (id, kind) VALUES ($1, 'user')";
    INSERT_USER = "INSERT INTO users (id, username, email, disabled, must_change_password, password_hash, \
        reset_code_hash, reset_expires_at, created_at, updated_at, folded_username, email_key, profile, email_verified_at, email_verified_by) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";
    LIST_USERS = "SELECT u.id, u.username, u.email, u.email_verified_at, u.email_verified_by, u.disabled, u.must_change_password, u.profile, u.created_at, u.updated_at, a.role \
        FROM (SELECT id, username, email, email_verified_at, email_verified_by, disabled, must_change_password, profile, created_at, updated_at FROM users \
              WHERE id > $1 AND ($2 = '' OR username = $2) \
              AND ($3 = '' OR username LIKE $3 ESCAPE '!' OR LOWER(email) LIKE $3 ESCAPE '!') \
              ORDER BY id LIMIT $4) u \
        LEFT JOIN role_assignments a ON a.subject_id = u.id AND a.tenant = '' \
             AND (a.valid_from IS NULL OR a.valid_from <= $5) AND (a.expires_at IS NULL OR a.expires_at > $5) \
        ORDER BY u.id, a.role";
    FIND_USER = "SELECT u.id, u.username, u.email, u.email_verified_at, u.email_verified_by, u.disabled, u.must_change_password, u.profile, u.created_at, u.updated_at, a.role \
        FROM users u \
        LEFT JOIN role_assignments a ON a.subject_id = u.id AND a.tenant = '' \
             AND (a.valid_from IS NULL OR a.valid_from <= $2) AND (a.expires_at IS NULL OR a.expires_at > $2) \
        WHERE u.id = $1 ORDER BY a.role";
    FIND_ALIKE = "SELECT id FROM users WHERE folded_username = $1";
    SAMPLE_HASHES = "SELECT password_hash FROM users WHERE password_hash IS NOT NULL ORDER BY RANDOM() LIMIT $1";
    FIND_CREDENTIALS = "SELECT id, disabled, must_change_password, password_hash, reset_code_hash, reset_expires_at \
        FROM users WHERE username = $1";
    UPDATE_USER = "UPDATE users SET username = $2, folded_username = $7, email = $3, email_key = $8, email_verified_at = $9, email_verified_by = $10, disabled = $4, \
        updated_at = $6, \
        legacy_name = CASE WHEN username = $2 THEN legacy_name ELSE NULL END, \
        device_epoch = CASE WHEN username = $2 THEN device_epoch ELSE device_epoch + 1 END, \
        must_change_password = CASE WHEN $5 THEN $5 WHEN $4 OR disabled THEN must_change_password ELSE $5 END \
        WHERE id = $1";
    SET_PASSWORD = "UPDATE users SET password_hash = $2, must_change_password = $3, reset_code_hash = NULL, \
        reset_expires_at = NULL, reset_by = NULL, reset_address = NULL, reset_unconfirmed = $3, \
        reset_confirmed_by = NULL, reset_id = NULL, reset_at = NULL, device_epoch = device_epoch + 1, updated_at = $4 WHERE id = $1";
    SET_RESET_CODE = "UPDATE users SET password_hash = NULL, must_change_password = $5, reset_code_hash = $2, \
        reset_expires_at = $3, updated_at = $4 WHERE id = $1";
    CONFIRM_PASSWORD = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 \
        AND disabled = $4 AND must_change_password = $4";
    FIND_ACTIVE_HASH = "SELECT password_hash FROM users WHERE id = $1 AND disabled = $2 AND must_change_password = $2 \
        AND password_hash IS NOT NULL";
    DELETE_USER = "DELETE FROM users WHERE id = $1";
    DELETE_SUBJECT = "DELETE FROM subjects WHERE id = $1 AND kind = 'user'";
    REMEMBER = "INSERT INTO former_subjects (id) SELECT id FROM subjects WHERE id = $1 AND kind = 'user' \
        ON CONFLICT (id) DO NOTHING";
    FIND_USED_ID = "SELECT id FROM subjects WHERE id = $1 UNION SELECT id FROM former_subjects WHERE id = $1";
}

/// A user as the API returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) email: Option<String>,
    /// When the address was verified.
    pub(crate) email_verified_at: Option<Timestamp>,
    /// The administrator within the delegation limit who says so; `None` if the address was proven.
    pub(crate) email_verified_by: Option<String>,
    pub(crate) status: Status,
    pub(crate) profile: StoredProfile,
    /// The global roles that are valid now.
    pub(crate) roles: Vec<RoleName>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl User {
    /// Returns the address to which mails may go that let their reader act for the account, such as links to a new
    /// password: it was proven, or somebody above the delegation limit says that it is the user's. An administrator within
    /// the limit could otherwise declare an address of their own, and open the account with roles that others give it.
    pub(crate) fn proven_email(&self) -> Option<&str> {
        let is_proven = self.email_verified_at.is_some() && self.email_verified_by.is_none();
        self.email.as_deref().filter(|_| is_proven)
    }
}

/// A user to create.
pub(crate) struct NewUser<'a> {
    pub(crate) id: &'a str,
    pub(crate) username: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) email_verified_at: Option<Timestamp>,
    /// As in [`User`].
    pub(crate) email_verified_by: Option<&'a str>,
    pub(crate) password_hash: Option<&'a str>,
    pub(crate) reset_code_hash: Option<&'a str>,
    pub(crate) reset_expires_at: Option<Timestamp>,
    /// The user must change the password before the first login. Without a password that is always so.
    pub(crate) must_change_password: bool,
    pub(crate) profile: &'a StoredProfile,
}

rows! {
    /// A user, beside one of their roles.
    pub(super) struct UserRow {
        id: String,
        username: String,
        email: Option<String>,
        email_verified_at: Option<Timestamp>,
        email_verified_by: Option<String>,
        status: Status,
        profile: StoredProfile,
        created_at: Timestamp,
        updated_at: Timestamp,
        role: Option<RoleName>,
    }

    /// The hashes that a log-in is checked against.
    #[derive(Clone, PartialEq, Eq)]
    pub(crate) struct Credentials {
        pub(crate) id: String,
        pub(crate) status: Status,
        pub(crate) password_hash: Option<String>,
        pub(crate) reset_code_hash: Option<String>,
        pub(crate) reset_expires_at: Option<Timestamp>,
    }
}

/// Gathers the rows of each user, which stand side by side.
pub(super) fn collect(rows: Vec<UserRow>) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    for row in rows {
        if users.last().is_none_or(|last| last.id != row.id) {
            users.push(User {
                id: row.id,
                username: row.username,
                email: row.email,
                email_verified_at: row.email_verified_at,
                email_verified_by: row.email_verified_by,
                status: row.status,
                profile: row.profile,
                roles: Vec::new(),
                created_at: row.created_at,
                updated_at: row.updated_at,
            });
        }
        if let Some(user) = users.last_mut() {
            user.roles.extend(row.role);
        }
    }
    users
}

/// Filters a list of users; empty texts filter nothing.
pub(crate) struct UserFilter<'a> {
    /// The id after which the page begins.
    pub(crate) after: &'a str,
    pub(crate) username: &'a str,
    pub(crate) search: &'a str,
}

/// Returns up to `limit` users by id, each with the global roles that are valid at `now`.
pub(crate) async fn list_users(
    conn: &mut Conn,
    filter: &UserFilter<'_>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<User>, StoreError> {
    let pattern = anywhere(&filter.search.to_lowercase());
    let users = query(LIST_USERS)
        .bind(filter.after)
        .bind(filter.username)
        .bind(pattern)
        .bind(limit)
        .bind(now);
    Ok(collect(users.fetch_all(conn).await?))
}

/// Finds a user by id, with the global roles that are valid at `now`.
pub(crate) async fn find_user(
    conn: &mut Conn,
    id: &str,
    now: Timestamp,
) -> Result<Option<User>, StoreError> {
    let rows = query(FIND_USER).bind(id).bind(now).fetch_all(conn).await?;
    Ok(collect(rows).pop())
}

/// Returns the id of the user whose name is `username`, compared without regard to case.
pub(crate) async fn find_alike(
    conn: &mut Conn,
    username: &str,
) -> Result<Option<String>, StoreError> {
    let id = query(FIND_ALIKE).bind(folded(username));
    id.fetch_optional(conn).await
}

/// Finds the credentials of the user with exactly this name.
pub(crate) async fn find_credentials(
    conn: &mut Conn,
    username: &str,
) -> Result<Option<Credentials>, StoreError> {
    let credentials = query(FIND_CREDENTIALS).bind(username);
    credentials.fetch_optional(conn).await
}

/// Creates a user; false if the user name is taken.
pub(crate) async fn insert_user(
    change: &mut Change<'_>,
    user: &NewUser<'_>,
) -> Result<bool, StoreError> {
    let now = change.now();
    let must_change_password = user.must_change_password || user.password_hash.is_none();
    let conn = change.conn();
    query(INSERT_SUBJECT).bind(user.id).execute(conn).await?;
    let rows = query(INSERT_USER)
        .bind(user.id)
        .bind(user.username)
        .bind(user.email)
        .bind(false)
        .bind(must_change_password)
        .bind(user.password_hash)
        .bind(user.reset_code_hash)
        .bind(user.reset_expires_at)
        .bind(now)
        .bind(folded(user.username))
        .bind(user.email.map(folded))
        .bind(user.profile.text())
        .bind(user.email_verified_at)
        .bind(user.email_verified_by)
        .execute(conn)
        .await?;
    Ok(rows > 0)
}

/// Writes user name, e-mail and status. A user who must change the password still must after being disabled and
/// enabled again.
pub(crate) async fn update_user(change: &mut Change<'_>, user: &User) -> Result<(), StoreError> {
    gate::hold(change.conn(), &user.id).await?;
    let now = change.now();
    query(UPDATE_USER)
        .bind(user.id.as_str())
        .bind(user.username.as_str())
        .bind(user.email.as_deref())
        .bind(user.status == Status::Disabled)
        .bind(user.status == Status::PasswordChangeRequired)
        .bind(now)
        .bind(folded(&user.username))
        .bind(user.email.as_deref().map(folded))
        .bind(user.email_verified_at)
        .bind(user.email_verified_by.as_deref())
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Sets the hash of a password and discards the reset code.
pub(crate) async fn set_password(
    change: &mut Change<'_>,
    id: &str,
    hash: &str,
) -> Result<(), StoreError> {
    gate::hold(change.conn(), id).await?;
    // a link was sent for the password before
    links::forget(change.conn(), id, Purpose::Reset).await?;
    let now = change.now();
    query(SET_PASSWORD)
        .bind(id)
        .bind(hash)
        .bind(false)
        .bind(now)
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Discards the password and sets the hash of a reset code.
pub(crate) async fn set_reset_code(
    change: &mut Change<'_>,
    id: &str,
    hash: &str,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    gate::hold(change.conn(), id).await?;
    links::forget(change.conn(), id, Purpose::Reset).await?;
    let now = change.now();
    query(SET_RESET_CODE)
        .bind(id)
        .bind(hash)
        .bind(expires_at)
        .bind(now)
        .bind(true)
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Returns true if `hash` is still the user's and the user may log in; `rehash` replaces it. Takes nothing away.
///
/// Writes the row even if it stays as it is: on PostgreSQL that makes a password change wait until the session that
/// was opened with the old password exists, so that the change ends it.
pub(crate) async fn confirm_password(
    conn: &mut Conn,
    id: &str,
    hash: &str,
    rehash: Option<&str>,
) -> Result<bool, StoreError> {
    let rows = query(CONFIRM_PASSWORD)
        .bind(id)
        .bind(hash)
        .bind(rehash.unwrap_or(hash))
        .bind(false)
        .execute(conn)
        .await?;
    Ok(rows > 0)
}

/// Returns the password hash of a user whose account is active.
pub(crate) async fn find_active_hash(
    conn: &mut Conn,
    id: &str,
) -> Result<Option<String>, StoreError> {
    let find = query(FIND_ACTIVE_HASH).bind(id).bind(false);
    find.fetch_optional(conn).await
}

/// Returns true if a user or client has this id, or had it before it was deleted.
pub(crate) async fn is_id_used(conn: &mut Conn, id: &str) -> Result<bool, StoreError> {
    let found: Option<String> = query(FIND_USED_ID).bind(id).fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Deletes a user with assignments and sessions. Returns `false` if the user does not exist.
pub(crate) async fn delete_user(change: &mut Change<'_>, id: &str) -> Result<bool, StoreError> {
    gate::hold(change.conn(), id).await?;
    let conn = change.conn();
    // in the order in which a log-in locks the rows, or the two could deadlock
    query(DELETE_USER).bind(id).execute(conn).await?;
    query(REMEMBER).bind(id).execute(conn).await?;
    let rows = query(DELETE_SUBJECT).bind(id).execute(conn).await?;
    Ok(rows > 0)
}

/// Returns the password hashes of up to `limit` random users. Reads all of them.
pub(crate) async fn sample_hashes(conn: &mut Conn, limit: i64) -> Result<Vec<String>, StoreError> {
    query(SAMPLE_HASHES).bind(limit).fetch_all(conn).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_parses_from_its_own_text() {
        for status in [
            Status::Active,
            Status::Disabled,
            Status::PasswordChangeRequired,
        ] {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("Active".parse::<Status>().is_err());
        assert_eq!(Status::of(true, true), Status::Disabled);
    }
}
