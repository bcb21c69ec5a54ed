//! The codes in mails, in the database.

use rolecall_core::Timestamp;

use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    // the tries stay: asking for another code gives no more of them. The earlier code stays, too, since the mail with the next one
    // may never be sent; but not for another account, and not if its clock was ahead, so that no later code could replace it
    ASK = "INSERT INTO rolecall_mail_codes (flow_id, purpose, account, tries, asked_at, typed) VALUES ($1, $2, $3, 0, $4, $5) \
        ON CONFLICT (flow_id, purpose) DO UPDATE SET account = excluded.account, asked_at = excluded.asked_at, typed = excluded.typed, \
        subject_id = CASE WHEN rolecall_mail_codes.account = excluded.account AND rolecall_mail_codes.made_at <= excluded.asked_at \
        THEN rolecall_mail_codes.subject_id END, \
        address = CASE WHEN rolecall_mail_codes.account = excluded.account AND rolecall_mail_codes.made_at <= excluded.asked_at \
        THEN rolecall_mail_codes.address END, \
        hash = CASE WHEN rolecall_mail_codes.account = excluded.account AND rolecall_mail_codes.made_at <= excluded.asked_at \
        THEN rolecall_mail_codes.hash END, \
        made_at = CASE WHEN rolecall_mail_codes.account = excluded.account AND rolecall_mail_codes.made_at <= excluded.asked_at \
        THEN rolecall_mail_codes.made_at END";
    // the newest request whose mail is sent has the code that works
    FILL = "UPDATE rolecall_mail_codes SET subject_id = $4, address = $5, hash = $6, made_at = $3 \
        WHERE flow_id = $1 AND purpose = $2 AND account = $7 AND asked_at >= $3 AND (made_at IS NULL OR made_at <= $3)";
    FIND = "SELECT account, subject_id, address, hash, tries, made_at, typed FROM rolecall_mail_codes \
        WHERE flow_id = $1 AND purpose = $2";
    // counted before the code is compared, so that no number of requests at once gets more of them
    TRY = "UPDATE rolecall_mail_codes SET tries = tries + 1 WHERE flow_id = $1 AND purpose = $2 AND tries < $3 \
        RETURNING account, subject_id, address, hash, tries, made_at, typed";
    SPEND = "DELETE FROM rolecall_mail_codes WHERE flow_id = $1 AND purpose = $2 AND hash = $3 RETURNING hash";
}

/// The purpose of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To sign in.
    SignIn,
    /// To prove the address that the user has.
    Verify,
}

impl Purpose {
    /// Returns the word by which the database calls it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Verify => "verify",
        }
    }
}

rows! {
    /// A code that somebody has asked for in a sign-in.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct AskedCode {
        /// Under which wrong codes are counted.
        pub(crate) account: String,
        /// `None` until the user is found, and if there is none.
        pub(crate) subject_id: Option<String>,
        /// The address that the code was sent to.
        pub(crate) address: Option<String>,
        pub(crate) hash: Option<String>,
        /// The codes that were typed, right and wrong ones.
        pub(crate) tries: i64,
        /// When the code was asked for that works; another one may have been asked for since.
        pub(crate) made_at: Option<Timestamp>,
        /// The name that was typed to get it, encrypted.
        pub(crate) typed: Option<String>,
    }
}

/// Notes that a code is asked for. The one before works until [`fill`] replaces it.
pub(crate) async fn ask(
    conn: &mut Conn,
    (flow, purpose): (&str, Purpose),
    (account, typed): (&str, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let ask = query(ASK).bind(flow).bind(purpose.as_str());
    let ask = ask.bind(account).bind(now).bind(typed);
    ask.execute(conn).await?;
    Ok(())
}

/// Writes the code that was asked for at a time, in place of the one before; false if a later request has a code, or asks
/// for another account.
pub(crate) async fn fill(
    conn: &mut Conn,
    (flow, purpose): (&str, Purpose),
    (account, asked_at): (&str, Timestamp),
    (subject, address): (&str, &str),
    hash: &str,
) -> Result<bool, StoreError> {
    let fill = query(FILL)
        .bind(flow)
        .bind(purpose.as_str())
        .bind(asked_at)
        .bind(subject)
        .bind(address)
        .bind(hash)
        .bind(account);
    Ok(fill.execute(conn).await? == 1)
}

/// Finds what was asked for in a sign-in.
pub(crate) async fn find(
    conn: &mut Conn,
    (flow, purpose): (&str, Purpose),
) -> Result<Option<AskedCode>, StoreError> {
    let find = query(FIND).bind(flow).bind(purpose.as_str());
    find.fetch_optional(conn).await
}

/// Counts a try; `None` if there were `most` before.
pub(crate) async fn try_once(
    conn: &mut Conn,
    (flow, purpose): (&str, Purpose),
    most: i64,
) -> Result<Option<AskedCode>, StoreError> {
    let counted = query(TRY).bind(flow).bind(purpose.as_str()).bind(most);
    counted.fetch_optional(conn).await
}

/// Takes a code. Of two that do this at once, one gets it.
pub(crate) async fn spend(
    conn: &mut Conn,
    (flow, purpose): (&str, Purpose),
    hash: &str,
) -> Result<bool, StoreError> {
    let spend = query(SPEND).bind(flow).bind(purpose.as_str()).bind(hash);
    let taken: Option<String> = spend.fetch_optional(conn).await?;
    Ok(taken.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, testing::postgres_database};

    const OF: (&str, Purpose) = ("flow", Purpose::SignIn);

    async fn with_flow(url: &str) -> Store {
        let store = Store::open(url).await.unwrap();
        let insert = async |conn: &mut Conn| {
            for sql in [
                "INSERT INTO subjects (id, kind) VALUES ('alice', 'user')",
                "INSERT INTO users (id, username, disabled, must_change_password, created_at, updated_at) \
                 VALUES ('alice', 'alice', FALSE, FALSE, 0, 0)",
                "INSERT INTO sign_in_flows (id, secret_hash, era, request, proofs, choice, consented, stays, version, \
                 created_at, last_used_at) VALUES ('flow', 'h', 'e', '{}', '', '{}', FALSE, FALSE, 0, 0, 0)",
            ] {
                query(sql).execute(conn).await?;
            }
            Ok::<_, StoreError>(())
        };
        store.write(insert).await.unwrap();
        store
    }

    async fn asks(store: &Store, account: &str, at: i64) {
        let at = Timestamp::from_micros(at);
        let asked = async |conn: &mut Conn| ask(conn, OF, (account, None), at).await;
        store.write(asked).await.unwrap();
    }

    async fn fills(store: &Store, account: &str, at: i64) -> bool {
        let (hash, at) = (format!("{account} {at}"), Timestamp::from_micros(at));
        let to = ("alice", "alice@mail.example");
        let filled = async |conn: &mut Conn| fill(conn, OF, (account, at), to, &hash).await;
        store.write(filled).await.unwrap()
    }

    async fn hash_of(store: &Store) -> Option<String> {
        let found = find(&mut store.read().await.unwrap(), OF).await.unwrap();
        let found = found.unwrap();
        assert_eq!(found.hash.is_some(), found.made_at.is_some());
        assert_eq!(found.hash.is_some(), found.subject_id.is_some());
        found.hash
    }

    async fn the_newest_code_works_whatever_is_asked_for_later(url: &str) {
        let store = with_flow(url).await;
        asks(&store, "a", 10).await;
        asks(&store, "a", 20).await;
        // the mails are written in any order
        assert!(fills(&store, "a", 10).await);
        assert_eq!(hash_of(&store).await.as_deref(), Some("a 10"));
        asks(&store, "a", 30).await;
        assert_eq!(hash_of(&store).await.as_deref(), Some("a 10"));
        assert!(fills(&store, "a", 30).await && !fills(&store, "a", 20).await);
        assert_eq!(hash_of(&store).await.as_deref(), Some("a 30"));
        // the code of a clock that was ahead works no more
        asks(&store, "a", 25).await;
        assert_eq!(hash_of(&store).await, None);
        assert!(fills(&store, "a", 25).await);
        // nor does one for another account
        asks(&store, "b", 40).await;
        assert_eq!(hash_of(&store).await, None);
        assert!(!fills(&store, "a", 40).await && fills(&store, "b", 40).await);
        store.close().await;
    }

    #[tokio::test]
    async fn the_newest_code_works_whatever_is_asked_for_later_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("rolecall.db").display());
        the_newest_code_works_whatever_is_asked_for_later(&url).await;
    }

    #[tokio::test]
    async fn the_newest_code_works_whatever_is_asked_for_later_on_postgresql() {
        if let Some(url) = postgres_database("mail_codes").await {
            the_newest_code_works_whatever_is_asked_for_later(&url).await;
        }
    }
}
