//! Invitations in the database.

use rolecall_core::Timestamp;

use crate::{
    store::{Change, Conn, StoreError, queries, query, rows},
    times::CLOCKS_APART,
};

queries! {
    INSERT = "INSERT INTO rolecall_invitations (id, hash, address, address_key, roles, tenant, invited_by, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST = "SELECT id, address, roles, tenant, invited_by, created_at, expires_at FROM rolecall_invitations \
        WHERE id > $1 AND expires_at > $2 AND created_at <= $4 AND invited_by <> 'system' ORDER BY id LIMIT $3";
    LIST_TO = "SELECT id, address, roles, tenant, invited_by, created_at, expires_at FROM rolecall_invitations \
        WHERE address_key = $1 AND expires_at > $2 AND created_at <= $4 ORDER BY id LIMIT $3";
    FIND_BY_ID = "SELECT id, address, roles, tenant, invited_by, created_at, expires_at FROM rolecall_invitations \
        WHERE id = $1 AND expires_at > $2 AND created_at <= $3 AND invited_by <> 'system'";
    FIND = "SELECT id, address, roles, tenant, invited_by, created_at, expires_at FROM rolecall_invitations \
        WHERE hash = $1 AND expires_at > $2 AND created_at <= $3";
    SPEND = "DELETE FROM rolecall_invitations WHERE hash = $1 AND expires_at > $2 AND created_at <= $3 \
        RETURNING id, address, roles, tenant, invited_by, created_at, expires_at";
    FIND_AHEAD = "SELECT id, address, roles, tenant, invited_by, created_at, expires_at FROM rolecall_invitations \
        WHERE hash = $1 AND created_at > $2";
    RETIME = "UPDATE rolecall_invitations SET hash = $2, created_at = $3, expires_at = $4 WHERE hash = $1";
    END = "DELETE FROM rolecall_invitations WHERE id = $1";
    END_OF_ADDRESS = "DELETE FROM rolecall_invitations WHERE address_key = $1";
    END_OWN = "DELETE FROM rolecall_invitations WHERE address_key = $1 AND invited_by = $2";
    FORGET_ALL = "DELETE FROM rolecall_invitations";
    PRUNE = "DELETE FROM rolecall_invitations WHERE id IN \
        (SELECT id FROM rolecall_invitations WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
}

rows! {
    /// An invitation that was not accepted yet.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Invitation {
        pub(crate) id: String,
        pub(crate) address: String,
        /// A list in JSON.
        pub(crate) roles: String,
        /// Empty for none.
        pub(crate) tenant: String,
        /// As the audit log names them.
        pub(crate) invited_by: String,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Timestamp,
    }
}

/// Stores an invitation, in place of others to the same address. `address_key` is the address in the form in which
/// addresses are compared.
pub(crate) async fn replace(
    change: &mut Change<'_>,
    (hash, address_key): (&str, &str),
    invitation: &Invitation,
) -> Result<(), StoreError> {
    let conn = change.conn();
    query(END_OF_ADDRESS)
        .bind(address_key)
        .execute(conn)
        .await?;
    insert(conn, (hash, address_key), invitation).await
}

/// Stores an invitation, in place of those to the same address that `by` has made.
pub(crate) async fn replace_own(
    conn: &mut Conn,
    (hash, address_key): (&str, &str),
    invitation: &Invitation,
    by: &str,
) -> Result<(), StoreError> {
    let end = query(END_OWN).bind(address_key).bind(by);
    end.execute(conn).await?;
    insert(conn, (hash, address_key), invitation).await
}

async fn insert(
    conn: &mut Conn,
    (hash, address_key): (&str, &str),
    invitation: &Invitation,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(invitation.id.as_str())
        .bind(hash)
        .bind(invitation.address.as_str())
        .bind(address_key)
        .bind(invitation.roles.as_str())
        .bind(invitation.tenant.as_str())
        .bind(invitation.invited_by.as_str())
        .bind(invitation.created_at)
        .bind(invitation.expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Returns up to `limit` invitations by people after the id `after` that can be accepted.
pub(crate) async fn list(
    conn: &mut Conn,
    after: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Invitation>, StoreError> {
    let list = query(LIST).bind(after).bind(now).bind(limit);
    let list = list.bind(now.plus(CLOCKS_APART));
    list.fetch_all(conn).await
}

/// Returns up to `limit` invitations to an address that can be accepted. `address_key` is the address in the form in which
/// addresses are compared.
pub(crate) async fn list_to(
    conn: &mut Conn,
    address_key: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Invitation>, StoreError> {
    let list = query(LIST_TO).bind(address_key).bind(now).bind(limit);
    let list = list.bind(now.plus(CLOCKS_APART));
    list.fetch_all(conn).await
}

/// Finds an invitation by a person that can be accepted.
pub(crate) async fn find_by_id(
    conn: &mut Conn,
    id: &str,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    let find = query(FIND_BY_ID).bind(id).bind(now);
    find.bind(now.plus(CLOCKS_APART)).fetch_optional(conn).await
}

/// Finds an invitation that can be accepted, and leaves it as it is.
pub(crate) async fn find(
    conn: &mut Conn,
    hash: &str,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    let find = query(FIND).bind(hash).bind(now);
    find.bind(now.plus(CLOCKS_APART)).fetch_optional(conn).await
}

/// Takes an invitation that can be accepted. Of two that do this at once, one gets it.
pub(crate) async fn spend(
    change: &mut Change<'_>,
    hash: &str,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    let spend = query(SPEND).bind(hash).bind(now);
    let spend = spend.bind(now.plus(CLOCKS_APART));
    spend.fetch_optional(change.conn()).await
}

/// Finds an invitation that a clock ahead has made.
pub(super) async fn find_ahead(
    conn: &mut Conn,
    hash: &str,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    let find = query(FIND_AHEAD).bind(hash).bind(now);
    find.fetch_optional(conn).await
}

/// Sets the times of an invitation, and the hash of the secret of its link.
pub(super) async fn retime(
    conn: &mut Conn,
    (hash, new_hash): (&str, &str),
    invitation: &Invitation,
) -> Result<(), StoreError> {
    query(RETIME)
        .bind(hash)
        .bind(new_hash)
        .bind(invitation.created_at)
        .bind(invitation.expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends an invitation; returns false if there is none with this id.
pub(crate) async fn end(change: &mut Change<'_>, id: &str) -> Result<bool, StoreError> {
    let rows = query(END).bind(id).execute(change.conn()).await?;
    Ok(rows > 0)
}

/// Ends all invitations.
pub(crate) async fn forget_all(conn: &mut Conn) -> Result<(), StoreError> {
    query(FORGET_ALL).execute(conn).await?;
    Ok(())
}

/// Deletes up to `limit` invitations that expired before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}
