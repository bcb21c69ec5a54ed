//! The codes in mails, in the database.

use rolecall_core::Timestamp;

use crate::store::{Conn, StoreError, queries, query, rows};

queries! {
    // the tries stay: another code is no more of them
    ASK = "INSERT INTO rolecall_mail_codes (flow_id, purpose, account, tries, asked_at, typed) VALUES ($1, $2, $3, 0, $4, $5) \
        ON CONFLICT (flow_id, purpose) DO UPDATE SET account = excluded.account, subject_id = NULL, address = NULL, \
        hash = NULL, asked_at = excluded.asked_at, typed = excluded.typed";
    // a later request has a code of its own
    FILL = "UPDATE rolecall_mail_codes SET subject_id = $4, address = $5, hash = $6 \
        WHERE flow_id = $1 AND purpose = $2 AND asked_at = $3 AND hash IS NULL";
    FIND = "SELECT account, subject_id, address, hash, tries, asked_at, typed FROM rolecall_mail_codes \
        WHERE flow_id = $1 AND purpose = $2";
    // counted before the code is compared, so that no number of requests at once gets more of them
    TRY = "UPDATE rolecall_mail_codes SET tries = tries + 1 WHERE flow_id = $1 AND purpose = $2 AND tries < $3 \
        RETURNING account, subject_id, address, hash, tries, asked_at, typed";
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
        pub(crate) asked_at: Timestamp,
        /// The name that was typed to get it, encrypted.
        pub(crate) typed: Option<String>,
    }
}

/// Notes that a code is asked for, in place of the one before.
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

/// Writes the code that was asked for at a time; false if there is no such request any more.
pub(crate) async fn fill(
    conn: &mut Conn,
    (flow, purpose): (&str, Purpose),
    asked_at: Timestamp,
    (subject, address): (&str, &str),
    hash: &str,
) -> Result<bool, StoreError> {
    let fill = query(FILL)
        .bind(flow)
        .bind(purpose.as_str())
        .bind(asked_at)
        .bind(subject)
        .bind(address)
        .bind(hash);
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
