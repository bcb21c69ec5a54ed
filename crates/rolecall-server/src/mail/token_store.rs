//! The links in mails, in the database.

use rolecall_core::Timestamp;

use crate::{
    store::{Conn, StoreError, queries, query, rows},
    times::CLOCKS_APART,
};

queries! {
    INSERT = "INSERT INTO rolecall_mail_tokens (hash, purpose, subject_id, address, created_at, expires_at) \
        VALUES ($1, $2, $3, $4, $5, $6)";
    FIND = "SELECT t.subject_id, t.address FROM rolecall_mail_tokens t \
        WHERE t.hash = $1 AND t.purpose = $2 AND t.expires_at > $3 AND t.created_at <= $4";
    SPEND = "DELETE FROM rolecall_mail_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3 AND created_at <= $4 \
        RETURNING subject_id, address";
    TRIES = "SELECT tries FROM rolecall_mail_tokens \
        WHERE hash = $1 AND purpose = $2 AND expires_at > $3 AND created_at <= $4";
    TRY = "UPDATE rolecall_mail_tokens SET tries = tries + 1 WHERE hash = $1 AND purpose = $2 AND tries = $3";
    LIST_OF = "SELECT purpose, address, created_at, expires_at FROM rolecall_mail_tokens \
        WHERE subject_id = $1 AND expires_at > $2 AND created_at <= $4 ORDER BY created_at, purpose LIMIT $3";
    RETIME = "UPDATE rolecall_mail_tokens SET expires_at = expires_at - created_at + $2, created_at = $2 \
        WHERE hash = $1 AND created_at > $2";
    FORGET = "DELETE FROM rolecall_mail_tokens WHERE subject_id = $1 AND purpose = $2";
    FORGET_ALL = "DELETE FROM rolecall_mail_tokens";
    PRUNE = "DELETE FROM rolecall_mail_tokens WHERE hash IN \
        (SELECT hash FROM rolecall_mail_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
}

/// The purpose of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To choose a new password.
    Reset,
    /// To prove the address that the user has.
    Verify,
    /// To prove the address that the user wants to have.
    Change,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Verify => "verify",
            Self::Change => "change",
        }
    }
}

rows! {
    /// The user and the address that a link was sent to.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Link {
        pub(crate) subject_id: String,
        pub(crate) address: String,
    }

    /// A link as the user may see that it was sent.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct LinkOf {
        pub(crate) purpose: String,
        pub(crate) address: String,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Timestamp,
    }
}

/// Stores a link, in place of others of its purpose for the user.
pub(crate) async fn replace(
    conn: &mut Conn,
    (hash, purpose): (&str, Purpose),
    link: &Link,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    forget(conn, &link.subject_id, purpose).await?;
    query(INSERT)
        .bind(hash)
        .bind(purpose.as_str())
        .bind(link.subject_id.as_str())
        .bind(link.address.as_str())
        .bind(now)
        .bind(expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Finds a link that works, and leaves it as it is.
pub(crate) async fn find(
    conn: &mut Conn,
    (hash, purpose): (&str, Purpose),
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    let find = query(FIND).bind(hash).bind(purpose.as_str()).bind(now);
    let find = find.bind(now.plus(CLOCKS_APART));
    find.fetch_optional(conn).await
}

/// Returns up to `limit` links of a user that work, the oldest first.
pub(crate) async fn list_of(
    conn: &mut Conn,
    subject: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<LinkOf>, StoreError> {
    let list = query(LIST_OF).bind(subject).bind(now).bind(limit);
    let list = list.bind(now.plus(CLOCKS_APART));
    list.fetch_all(conn).await
}

/// Takes a link that works. Of two that do this at once, one gets it.
pub(crate) async fn spend(
    conn: &mut Conn,
    (hash, purpose): (&str, Purpose),
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    let spend = query(SPEND).bind(hash).bind(purpose.as_str()).bind(now);
    let spend = spend.bind(now.plus(CLOCKS_APART));
    spend.fetch_optional(conn).await
}

/// Returns the number of passkeys that were tried with a link that works.
pub(crate) async fn tries(
    conn: &mut Conn,
    (hash, purpose): (&str, Purpose),
    now: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let tries = query(TRIES).bind(hash).bind(purpose.as_str()).bind(now);
    let tries = tries.bind(now.plus(CLOCKS_APART));
    tries.fetch_optional(conn).await
}

/// Counts one more; false if another one was faster.
pub(crate) async fn count_try(
    conn: &mut Conn,
    (hash, purpose): (&str, Purpose),
    tries: i64,
) -> Result<bool, StoreError> {
    let count = query(TRY).bind(hash).bind(purpose.as_str()).bind(tries);
    Ok(count.execute(conn).await? == 1)
}

/// Lets a link that a clock ahead has made begin now.
pub(crate) async fn retime(conn: &mut Conn, hash: &str, now: Timestamp) -> Result<(), StoreError> {
    query(RETIME).bind(hash).bind(now).execute(conn).await?;
    Ok(())
}

/// Ends the links of a purpose for a user.
pub(crate) async fn forget(
    conn: &mut Conn,
    subject: &str,
    purpose: Purpose,
) -> Result<(), StoreError> {
    let forget = query(FORGET).bind(subject).bind(purpose.as_str());
    forget.execute(conn).await?;
    Ok(())
}

/// Ends all links.
pub(crate) async fn forget_all(conn: &mut Conn) -> Result<(), StoreError> {
    query(FORGET_ALL).execute(conn).await?;
    Ok(())
}

/// Deletes up to `limit` links that have expired before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}
