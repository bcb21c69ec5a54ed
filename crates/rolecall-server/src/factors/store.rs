//! Second factors and recovery codes in the database.

use rolecall_core::Timestamp;

use crate::store::{Change, Columns, Conn, FromRow, StoreError, queries, query, rows};

queries! {
    INSERT = "INSERT INTO factors (id, subject_id, kind, name, secret, last_step, confirmed, created_at) \
        VALUES ($1, $2, $3, $4, $5, -1, $6, $7)";
    // FALSE stands for enrolments under way
    DELETE_OTHER_ENROLMENTS = "DELETE FROM factors WHERE subject_id = $1 AND confirmed = $2 AND id NOT IN \
        (SELECT id FROM factors WHERE subject_id = $1 AND confirmed = $2 ORDER BY created_at DESC, id DESC LIMIT $3)";
    LIST = "SELECT id, kind, name, created_at, last_used_at FROM factors WHERE subject_id = $1 AND confirmed = $2 \
        ORDER BY created_at, id";
    KINDS = "SELECT DISTINCT kind FROM factors WHERE subject_id = $1 AND confirmed = $2";
    IS_CONFIRMED = "SELECT id FROM factors WHERE id = $1 AND subject_id = $2 AND confirmed = $3";
    READ_MASTER = "SELECT master_key_fingerprint FROM head WHERE id = 1";
    FIND_ENROLMENT = "SELECT f.id, f.secret, f.last_step, h.master_key_fingerprint AS master FROM factors f JOIN head h ON h.id = 1 \
        WHERE f.id = $1 AND f.subject_id = $2 AND f.kind = 'totp' AND f.confirmed = $3 AND f.created_at > $4";
    LIST_TOTP = "SELECT f.id, f.secret, f.last_step, h.master_key_fingerprint AS master FROM factors f JOIN head h ON h.id = 1 \
        WHERE f.subject_id = $1 AND f.kind = 'totp' AND f.confirmed = $2 ORDER BY f.id";
    CONFIRM = "UPDATE factors SET confirmed = $3, last_step = $4, created_at = $5, last_used_at = $5 \
        WHERE id = $1 AND subject_id = $2 AND confirmed = $6";
    // two requests with one code: the second one finds the step taken
    SPEND = "UPDATE factors SET last_step = $3, last_used_at = $4 \
        WHERE id = $1 AND subject_id = $2 AND last_step < $3 AND confirmed = $5";
    RENAME = "UPDATE factors SET name = $3 WHERE id = $1 AND subject_id = $2 AND confirmed = $4";
    DELETE = "DELETE FROM factors WHERE id = $1 AND subject_id = $2 RETURNING kind";
    PRUNE = "DELETE FROM factors WHERE id IN (SELECT id FROM factors WHERE confirmed = $1 AND created_at < $2 LIMIT $3)";
    LIST_SEALED = "SELECT id, secret FROM factors WHERE kind = 'totp' ORDER BY id";
    RESEAL = "UPDATE factors SET secret = $2 WHERE id = $1";
    INSERT_CODE = "INSERT INTO recovery_codes (subject_id, hash) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    SPEND_CODE = "DELETE FROM recovery_codes WHERE subject_id = $1 AND hash = $2 RETURNING hash";
    FIND_CODE = "SELECT hash FROM recovery_codes WHERE subject_id = $1 AND hash = $2";
    COUNT_CODES = "SELECT COUNT(*) FROM recovery_codes WHERE subject_id = $1";
    DELETE_CODES = "DELETE FROM recovery_codes WHERE subject_id = $1";
}

/// The kind of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FactorKind {
    /// An authenticator application that shows codes.
    Totp,
    Passkey,
}

impl FactorKind {
    /// Returns the word by which the database and the API call it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
        }
    }
}

impl FromRow for FactorKind {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        match columns.text()? {
            "totp" => Ok(Self::Totp),
            "passkey" => Ok(Self::Passkey),
            _ => Err(StoreError::inconsistent("a factor of an unknown kind")),
        }
    }
}

rows! {
    /// A factor as its owner sees it.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct Factor {
        pub(crate) id: String,
        pub(crate) kind: FactorKind,
        pub(crate) name: String,
        pub(crate) created_at: Timestamp,
        pub(crate) last_used_at: Option<Timestamp>,
    }

    /// The secret of a TOTP application.
    #[derive(Clone)]
    pub(crate) struct SealedTotp {
        pub(crate) id: String,
        pub(crate) secret: String,
        pub(crate) last_step: i64,
        /// The master key that it is sealed with.
        pub(crate) master: String,
    }
}

/// An enrolment that begins.
pub(crate) struct NewFactor<'a> {
    pub(crate) id: &'a str,
    pub(crate) subject_id: &'a str,
    pub(crate) kind: FactorKind,
    pub(crate) name: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) created_at: Timestamp,
}

/// Writes an enrolment, and deletes those of the user before it except the newest.
pub(crate) async fn insert(
    conn: &mut Conn,
    factor: &NewFactor<'_>,
    keep: i64,
) -> Result<(), StoreError> {
    query(INSERT)
        .bind(factor.id)
        .bind(factor.subject_id)
        .bind(factor.kind.as_str())
        .bind(factor.name)
        .bind(factor.secret)
        .bind(false)
        .bind(factor.created_at)
        .execute(conn)
        .await?;
    let delete = query(DELETE_OTHER_ENROLMENTS).bind(factor.subject_id);
    delete.bind(false).bind(keep).execute(conn).await?;
    Ok(())
}

/// Returns the factors of a user, the oldest first.
pub(crate) async fn list(conn: &mut Conn, subject: &str) -> Result<Vec<Factor>, StoreError> {
    query(LIST).bind(subject).bind(true).fetch_all(conn).await
}

/// Returns the kinds of factors that a user has.
pub(crate) async fn kinds(conn: &mut Conn, subject: &str) -> Result<Vec<FactorKind>, StoreError> {
    query(KINDS).bind(subject).bind(true).fetch_all(conn).await
}

/// Returns true if a user has this factor.
pub(crate) async fn is_confirmed(
    conn: &mut Conn,
    id: &str,
    subject: &str,
) -> Result<bool, StoreError> {
    let find = query(IS_CONFIRMED).bind(id).bind(subject).bind(true);
    let found: Option<String> = find.fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Returns the fingerprint of the master key that secrets are sealed with.
pub(super) async fn read_master(conn: &mut Conn) -> Result<String, StoreError> {
    query(READ_MASTER).fetch_one(conn).await
}

/// Finds an enrolment that began after `since`.
pub(crate) async fn find_enrolment(
    conn: &mut Conn,
    id: &str,
    subject: &str,
    since: Timestamp,
) -> Result<Option<SealedTotp>, StoreError> {
    let find = query(FIND_ENROLMENT).bind(id).bind(subject);
    find.bind(false).bind(since).fetch_optional(conn).await
}

/// Returns the TOTP applications of a user.
pub(crate) async fn list_totp(
    conn: &mut Conn,
    subject: &str,
) -> Result<Vec<SealedTotp>, StoreError> {
    let list = query(LIST_TOTP).bind(subject).bind(true);
    list.fetch_all(conn).await
}

/// Ends an enrolment whose first code is that of `step`; false if there is none.
pub(crate) async fn confirm(
    change: &mut Change<'_>,
    (id, subject): (&str, &str),
    step: i64,
) -> Result<bool, StoreError> {
    let now = change.now();
    let confirm = query(CONFIRM).bind(id).bind(subject).bind(true);
    let confirm = confirm.bind(step).bind(now).bind(false);
    Ok(confirm.execute(change.conn()).await? == 1)
}

/// Uses up the code of a time step; false if it, or a later one, was used before.
pub(crate) async fn spend(
    conn: &mut Conn,
    (id, subject): (&str, &str),
    step: i64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let spend = query(SPEND).bind(id).bind(subject).bind(step);
    Ok(spend.bind(now).bind(true).execute(conn).await? == 1)
}

/// Renames a factor; false if the user has no such factor.
pub(crate) async fn rename(
    change: &mut Change<'_>,
    (id, subject): (&str, &str),
    name: &str,
) -> Result<bool, StoreError> {
    let rename = query(RENAME).bind(id).bind(subject).bind(name).bind(true);
    Ok(rename.execute(change.conn()).await? == 1)
}

/// Deletes a factor, and returns its kind.
pub(crate) async fn delete(
    change: &mut Change<'_>,
    id: &str,
    subject: &str,
) -> Result<Option<FactorKind>, StoreError> {
    let delete = query(DELETE).bind(id).bind(subject);
    delete.fetch_optional(change.conn()).await
}

/// Deletes up to `limit` enrolments that began before `before`, and returns their number.
pub(crate) async fn prune(
    conn: &mut Conn,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let prune = query(PRUNE).bind(false).bind(before).bind(limit);
    prune.execute(conn).await
}

/// Returns the ids of all factors with a sealed secret, and the secrets.
pub(crate) async fn list_sealed(conn: &mut Conn) -> Result<Vec<(String, String)>, StoreError> {
    query(LIST_SEALED).fetch_all(conn).await
}

/// Replaces the sealed form of a secret.
pub(crate) async fn reseal(
    change: &mut Change<'_>,
    id: &str,
    sealed: &str,
) -> Result<(), StoreError> {
    let reseal = query(RESEAL).bind(id).bind(sealed);
    reseal.execute(change.conn()).await?;
    Ok(())
}

/// Writes the hash of a recovery code.
pub(super) async fn insert_code(
    conn: &mut Conn,
    subject: &str,
    hash: &str,
) -> Result<(), StoreError> {
    let insert = query(INSERT_CODE).bind(subject).bind(hash);
    insert.execute(conn).await?;
    Ok(())
}

/// Uses up a recovery code; false if there is none.
pub(super) async fn spend_code(
    conn: &mut Conn,
    subject: &str,
    hash: &str,
) -> Result<bool, StoreError> {
    let spend = query(SPEND_CODE).bind(subject).bind(hash);
    let found: Option<String> = spend.fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Returns true if a user has the recovery code with this hash.
pub(super) async fn has_code(
    conn: &mut Conn,
    subject: &str,
    hash: &str,
) -> Result<bool, StoreError> {
    let find = query(FIND_CODE).bind(subject).bind(hash);
    let found: Option<String> = find.fetch_optional(conn).await?;
    Ok(found.is_some())
}

/// Returns the number of recovery codes that are left.
pub(crate) async fn count_codes(conn: &mut Conn, subject: &str) -> Result<i64, StoreError> {
    query(COUNT_CODES).bind(subject).fetch_one(conn).await
}

/// Deletes all recovery codes of a user.
pub(crate) async fn delete_codes(conn: &mut Conn, subject: &str) -> Result<(), StoreError> {
    query(DELETE_CODES).bind(subject).execute(conn).await?;
    Ok(())
}
