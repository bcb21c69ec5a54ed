//! The outbox in the database.

use rolecall_core::Timestamp;

use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO rolecall_mails \
        (id, subject_id, kind, recipient, language, sealed, created_at, due_at, expires_at, tries) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, 0)";
    // no pause is that long: a clock that was ahead has set it
    FIND_DUE = "SELECT id, subject_id, kind, recipient, language, sealed, created_at, expires_at, tries FROM rolecall_mails \
        WHERE failed_at IS NULL AND (due_at <= $1 OR due_at > $3) ORDER BY due_at, id LIMIT $2";
    // whoever claims a mail tries it: nobody else sees it as due before the next try
    CLAIM = "UPDATE rolecall_mails SET tries = tries + 1, due_at = $3 WHERE id = $1 AND tries = $2 AND failed_at IS NULL";
    RETIME = "UPDATE rolecall_mails SET expires_at = expires_at - created_at + $2, created_at = $2 WHERE id = $1";
    HAS_SUBJECT = "SELECT id FROM users WHERE id = $1";
    ADDRESS = "UPDATE rolecall_mails SET subject_id = $2, kind = $3, recipient = $4, sealed = $5, expires_at = $6 WHERE id = $1";
    NOTE_ERROR = "UPDATE rolecall_mails SET last_error = $2 WHERE id = $1";
    GIVE_UP = "UPDATE rolecall_mails SET sealed = '', last_error = $2, failed_at = $3 WHERE id = $1";
    DELETE = "DELETE FROM rolecall_mails WHERE id = $1";
    FORGET_ALL = "DELETE FROM rolecall_mails WHERE failed_at IS NULL";
    BACKLOG = "SELECT CAST(COUNT(*) AS BIGINT) FROM rolecall_mails WHERE failed_at IS NULL";
    FAILED = "SELECT kind, last_error AS error, CAST(COUNT(*) AS BIGINT) AS count FROM rolecall_mails \
        WHERE last_error IS NOT NULL GROUP BY kind, last_error ORDER BY kind, last_error LIMIT $1";
    LIST_OF = "SELECT kind, recipient, created_at, failed_at FROM rolecall_mails WHERE subject_id = $1 ORDER BY id LIMIT $2";
    GIVEN_UP = "SELECT CAST(COUNT(*) AS BIGINT) FROM rolecall_mails WHERE failed_at IS NOT NULL";
    LIST = "SELECT id, kind, recipient, created_at, due_at, tries, last_error, failed_at FROM rolecall_mails \
        WHERE id < $1 AND ($2 = 0 OR last_error IS NOT NULL) ORDER BY id DESC LIMIT $3";
    LIST_SEALED = "SELECT id, sealed FROM rolecall_mails WHERE failed_at IS NULL ORDER BY id";
    RESEAL = "UPDATE rolecall_mails SET sealed = $2 WHERE id = $1 AND failed_at IS NULL";
    PRUNE = "DELETE FROM rolecall_mails WHERE id IN (SELECT id FROM rolecall_mails WHERE created_at < $1 ORDER BY id LIMIT $2)";
    // the row is locked from the first mail on, so that two at once are counted one after the other
    COUNT = "INSERT INTO rolecall_mail_counts (key, newest, middle, oldest) VALUES ($1, $2, 0, 0) \
        ON CONFLICT (key) DO UPDATE SET oldest = rolecall_mail_counts.middle, middle = rolecall_mail_counts.newest, newest = $2 \
        WHERE rolecall_mail_counts.oldest <= $3 OR rolecall_mail_counts.newest > $4 \
        OR rolecall_mail_counts.middle > $4 OR rolecall_mail_counts.oldest > $4";
    PRUNE_COUNTS = "DELETE FROM rolecall_mail_counts WHERE key IN \
        (SELECT key FROM rolecall_mail_counts WHERE newest < $1 ORDER BY newest LIMIT $2)";
}

/// A mail to write into the outbox.
pub(crate) struct NewRow<'a> {
    pub(crate) id: &'a str,
    pub(crate) subject: Option<&'a str>,
    pub(crate) kind: &'a str,
    pub(crate) recipient: &'a str,
    pub(crate) language: &'a str,
    pub(crate) sealed: &'a str,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

rows! {
    /// A mail that is due.
    #[derive(Clone, Debug)]
    pub(crate) struct Due {
        pub(crate) id: String,
        /// The user whom it concerns, who may be deleted meanwhile.
        pub(crate) subject_id: Option<String>,
        pub(crate) kind: String,
        pub(crate) recipient: String,
        pub(crate) language: String,
        pub(crate) sealed: String,
        pub(crate) created_at: Timestamp,
        pub(crate) expires_at: Timestamp,
        /// The tries so far.
        pub(crate) tries: i64,
    }

    /// A mail as its recipient may see that it waits.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct MailOf {
        pub(crate) kind: String,
        pub(crate) recipient: String,
        pub(crate) created_at: Timestamp,
        pub(crate) failed_at: Option<Timestamp>,
    }

    /// A mail as administrators see it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Listed {
        pub(crate) id: String,
        pub(crate) kind: String,
        pub(crate) recipient: String,
        pub(crate) created_at: Timestamp,
        /// When it is tried again.
        pub(crate) due_at: Timestamp,
        pub(crate) tries: i64,
        /// The kind of error of the last try.
        pub(crate) last_error: Option<String>,
        /// When it was given up.
        pub(crate) failed_at: Option<Timestamp>,
    }

    /// Mails that were tried in vain.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Failed {
        pub(crate) kind: String,
        /// The kind of error of the last try.
        pub(crate) error: String,
        pub(crate) count: i64,
    }
}

/// Writes a mail into the outbox.
pub(crate) async fn insert(conn: &mut Conn, mail: &NewRow<'_>) -> Result<(), StoreError> {
    query(INSERT)
        .bind(mail.id)
        .bind(mail.subject)
        .bind(mail.kind)
        .bind(mail.recipient)
        .bind(mail.language)
        .bind(mail.sealed)
        .bind(mail.created_at)
        .bind(mail.expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Returns up to `limit` mails that are due at `now`, the oldest first, and those that are due after `latest`.
pub(crate) async fn find_due(
    conn: &mut Conn,
    (now, latest): (Timestamp, Timestamp),
    limit: i64,
) -> Result<Vec<Due>, StoreError> {
    let find = query(FIND_DUE).bind(now).bind(limit).bind(latest);
    find.fetch_all(conn).await
}

/// Lets a mail that a clock ahead has written begin now.
pub(crate) async fn retime(conn: &mut Conn, id: &str, now: Timestamp) -> Result<(), StoreError> {
    query(RETIME).bind(id).bind(now).execute(conn).await?;
    Ok(())
}

/// Returns false if the user whom a mail concerns was deleted.
pub(crate) async fn has_subject(conn: &mut Conn, subject: &str) -> Result<bool, StoreError> {
    let found: Option<String> = query(HAS_SUBJECT)
        .bind(subject)
        .fetch_optional(conn)
        .await?;
    Ok(found.is_some())
}

/// Counts a try, and sets when the next one is due unless this one succeeds. Returns false if another node makes it.
pub(crate) async fn claim(
    conn: &mut Conn,
    due: &Due,
    next_at: Timestamp,
) -> Result<bool, StoreError> {
    let claim = query(CLAIM).bind(due.id.as_str()).bind(due.tries);
    Ok(claim.bind(next_at).execute(conn).await? == 1)
}

/// Sets to whom a mail goes, which was not known when it was asked for.
pub(crate) async fn address(
    conn: &mut Conn,
    subject: Option<&str>,
    due: &Due,
) -> Result<(), StoreError> {
    query(ADDRESS)
        .bind(due.id.as_str())
        .bind(subject)
        .bind(due.kind.as_str())
        .bind(due.recipient.as_str())
        .bind(due.sealed.as_str())
        .bind(due.expires_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Keeps the kind of error of the last try.
pub(crate) async fn note_error(conn: &mut Conn, id: &str, error: &str) -> Result<(), StoreError> {
    query(NOTE_ERROR).bind(id).bind(error).execute(conn).await?;
    Ok(())
}

/// Gives a mail up, and forgets its values.
pub(crate) async fn give_up(
    conn: &mut Conn,
    id: &str,
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let give_up = query(GIVE_UP).bind(id).bind(error).bind(now);
    give_up.execute(conn).await?;
    Ok(())
}

/// Deletes a mail that was sent, or that nobody is to get.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    query(DELETE).bind(id).execute(conn).await?;
    Ok(())
}

/// Deletes all mails that wait.
pub(crate) async fn forget_all(conn: &mut Conn) -> Result<(), StoreError> {
    query(FORGET_ALL).execute(conn).await?;
    Ok(())
}

/// Returns the number of mails that wait.
pub(crate) async fn backlog(conn: &mut Conn) -> Result<i64, StoreError> {
    query(BACKLOG).fetch_one(conn).await
}

/// Returns the mails that were tried in vain, in up to `limit` groups.
pub(crate) async fn failed(conn: &mut Conn, limit: i64) -> Result<Vec<Failed>, StoreError> {
    query(FAILED).bind(limit).fetch_all(conn).await
}

/// Returns up to `limit` mails that concern a user, the oldest first.
pub(crate) async fn list_of(
    conn: &mut Conn,
    subject: &str,
    limit: i64,
) -> Result<Vec<MailOf>, StoreError> {
    let list = query(LIST_OF).bind(subject).bind(limit);
    list.fetch_all(conn).await
}

/// Returns the number of mails that were given up.
pub(crate) async fn given_up(conn: &mut Conn) -> Result<i64, StoreError> {
    query(GIVEN_UP).fetch_one(conn).await
}

/// Returns up to `limit` mails before `id`, newest first; with `failed`, only those that were tried in vain.
pub(crate) async fn list(
    conn: &mut Conn,
    id: &str,
    failed: bool,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let list = query(LIST).bind(id).bind(i64::from(failed));
    list.bind(limit).fetch_all(conn).await
}

/// Returns the ids and sealed values of the mails that wait.
pub(crate) async fn list_sealed(conn: &mut Conn) -> Result<Vec<(String, String)>, StoreError> {
    query(LIST_SEALED).fetch_all(conn).await
}

/// Replaces the sealed values of a mail.
pub(crate) async fn reseal(conn: &mut Conn, id: &str, sealed: &str) -> Result<(), StoreError> {
    query(RESEAL).bind(id).bind(sealed).execute(conn).await?;
    Ok(())
}

/// Counts a mail under a key, unless three were counted after `since`; returns false then.
pub(crate) async fn count(
    conn: &mut Conn,
    key: &str,
    now: Timestamp,
    (since, ahead): (Timestamp, Timestamp),
) -> Result<bool, StoreError> {
    let count = query(COUNT).bind(key).bind(now).bind(since).bind(ahead);
    Ok(count.execute(conn).await? == 1)
}

/// Deletes up to `limit` mails that were written before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    query(PRUNE).bind(before).bind(limit).execute(conn).await
}

/// Deletes up to `limit` counts without a mail after `before`, and returns their number.
pub(crate) async fn prune_counts(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let prune = query(PRUNE_COUNTS).bind(before).bind(limit);
    prune.execute(conn).await
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Connection as _, Row as _};

    use super::*;
    use crate::store::{Store, testing::postgres_database};

    /// What the sender and the account page ask, and the index that answers it.
    const ASKED: [(&str, &str, &str); 3] = [
        (FIND_DUE, "5", "rolecall_mails_waiting"),
        (BACKLOG, "5", "rolecall_mails_waiting"),
        (LIST_OF, "'x'", "rolecall_mails_of_subject"),
    ];

    fn with_values(sql: &str, first: &str) -> String {
        sql.replace("$1", first)
            .replace("$2", "5")
            .replace("$3", "5")
    }

    #[tokio::test]
    async fn mails_that_wait_and_those_of_a_user_are_found_by_an_index_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
        Store::open(&url).await.unwrap().close().await;
        let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
        for (sql, first, index) in ASKED {
            let explain = format!("EXPLAIN QUERY PLAN {}", with_values(sql, first));
            let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(&mut conn);
            let rows = rows.await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get(3)).collect();
            assert!(plan.join("\n").contains(index), "{sql}: {plan:?}");
        }
    }

    #[tokio::test]
    async fn mails_that_wait_and_those_of_a_user_are_found_by_an_index_on_postgresql() {
        let Some(url) = postgres_database("mail_plans").await else {
            return;
        };
        Store::open(&url).await.unwrap().close().await;
        let mut conn = sqlx::PgConnection::connect(&url).await.unwrap();
        // a table without rows is read as a whole
        let off = sqlx::query("SET enable_seqscan = off");
        off.execute(&mut conn).await.unwrap();
        for (sql, first, index) in ASKED {
            let explain = format!("EXPLAIN {}", with_values(sql, first));
            let plan = sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut conn);
            let plan: Vec<String> = plan.await.unwrap();
            assert!(plan.join("\n").contains(index), "{sql}: {plan:?}");
        }
    }
}
