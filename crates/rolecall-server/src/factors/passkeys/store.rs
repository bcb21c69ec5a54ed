//! Passkeys in the database.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::Timestamp;
use rolecall_passkeys::{Credential, NewPasskey, Passkey, Verified};

use crate::store::{Change, Columns, Conn, FromRow, StoreError, queries, query, rows};

queries! {
    FIND_HANDLE = "SELECT handle FROM user_handles WHERE subject_id = $1";
    INSERT_HANDLE = "INSERT INTO user_handles (subject_id, handle) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    TAKE_ENROLMENT = "DELETE FROM factors WHERE id = $1 AND subject_id = $2 AND kind = 'passkey' AND confirmed = $3 \
        AND created_at > $4 RETURNING secret, name";
    INSERT_FACTOR = "INSERT INTO factors (id, subject_id, kind, name, secret, last_step, confirmed, created_at) \
        VALUES ($1, $2, 'passkey', $3, '', -1, $4, $5)";
    // the id of another one's passkey is refused, whoever that is
    INSERT = "INSERT INTO passkeys (factor_id, credential_id, rp_id, public_key, counter, transports, model, is_backup_eligible, \
        is_backed_up, has_verified_user) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
    LIST = "SELECT p.credential_id, p.transports FROM passkeys p JOIN factors f ON f.id = p.factor_id \
        WHERE f.subject_id = $1 AND p.rp_id = $2 ORDER BY f.created_at, f.id";
    FIND = "SELECT p.factor_id, f.subject_id, h.handle, p.credential_id, p.public_key, p.counter, p.is_backup_eligible, \
        p.has_verified_user FROM passkeys p JOIN factors f ON f.id = p.factor_id \
        JOIN user_handles h ON h.subject_id = f.subject_id WHERE p.credential_id = $1 AND p.rp_id = $2";
    // two answers with one counter: the second one finds it taken
    USE = "UPDATE passkeys SET counter = $3, is_backed_up = $4, has_verified_user = $5 WHERE factor_id = $1 AND counter = $2";
    TOUCH = "UPDATE factors SET last_used_at = $2 WHERE id = $1";
    COUNT_OF_OTHER_HOSTS = "SELECT COUNT(*) FROM passkeys WHERE rp_id <> $1";
}

rows! {
    /// A passkey that an answer is verified with.
    #[derive(Clone, Debug)]
    pub(crate) struct StoredPasskey {
        pub(crate) factor_id: String,
        pub(crate) subject_id: String,
        handle: Bytes,
        credential_id: Bytes,
        public_key: Bytes,
        counter: i64,
        is_backup_eligible: bool,
        has_verified_user: bool,
    }

    /// A passkey as browsers are asked for it.
    #[derive(Clone, Debug)]
    pub(crate) struct KnownPasskey {
        credential_id: Bytes,
        transports: Transports,
    }

    /// An enrolment that was under way.
    pub(crate) struct TakenEnrolment {
        /// The challenge.
        pub(crate) secret: String,
        pub(crate) name: String,
    }
}

/// Bytes in base64url.
#[derive(Clone, Debug)]
struct Bytes(Vec<u8>);

impl FromRow for Bytes {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let bytes = URL_SAFE_NO_PAD.decode(columns.text()?);
        bytes.map(Self).map_err(StoreError::inconsistent)
    }
}

/// The ways to reach an authenticator, separated by spaces.
#[derive(Clone, Debug)]
struct Transports(Vec<String>);

impl FromRow for Transports {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let words = columns.text()?.split(' ').filter(|word| !word.is_empty());
        Ok(Self(words.map(str::to_owned).collect()))
    }
}

impl StoredPasskey {
    /// Returns the passkey as the verification takes it.
    pub(crate) fn as_passkey(&self) -> Passkey<'_> {
        Passkey {
            credential_id: &self.credential_id.0,
            public_key: &self.public_key.0,
            user_handle: &self.handle.0,
            // only what fits was written
            counter: u32::try_from(self.counter).unwrap_or(u32::MAX),
            is_backup_eligible: self.is_backup_eligible,
            has_verified_user: self.has_verified_user,
        }
    }
}

impl KnownPasskey {
    /// Returns the passkey as the options name it.
    pub(super) fn as_credential(&self) -> Credential<'_> {
        Credential {
            id: &self.credential_id.0,
            transports: &self.transports.0,
        }
    }
}

/// Returns the handle of a user.
pub(super) async fn find_handle(
    conn: &mut Conn,
    subject: &str,
) -> Result<Option<[u8; 16]>, StoreError> {
    let find = query(FIND_HANDLE).bind(subject);
    let found: Option<Bytes> = find.fetch_optional(conn).await?;
    let fixed = found.map(|bytes| <[u8; 16]>::try_from(bytes.0));
    let fixed = fixed.transpose();
    fixed.map_err(|_| StoreError::inconsistent("a user handle has a wrong length"))
}

/// Returns the handle of a user, which is `new` if there is none yet.
pub(super) async fn handle_of(
    conn: &mut Conn,
    subject: &str,
    new: [u8; 16],
) -> Result<[u8; 16], StoreError> {
    let insert = query(INSERT_HANDLE).bind(subject);
    let insert = insert.bind(URL_SAFE_NO_PAD.encode(new));
    insert.execute(conn).await?;
    Ok(find_handle(conn, subject).await?.unwrap_or(new))
}

/// Ends an enrolment that began after `since`, and returns it: its challenge counts for one try.
pub(super) async fn take_enrolment(
    conn: &mut Conn,
    (id, subject): (&str, &str),
    since: Timestamp,
) -> Result<Option<TakenEnrolment>, StoreError> {
    let take = query(TAKE_ENROLMENT).bind(id).bind(subject);
    take.bind(false).bind(since).fetch_optional(conn).await
}

/// Writes a new passkey; false if its id is taken, so that the change must be discarded.
pub(super) async fn insert(
    change: &mut Change<'_>,
    (id, subject, name): (&str, &str, &str),
    rp_id: &str,
    made: &NewPasskey,
) -> Result<bool, StoreError> {
    let now = change.now();
    let factor = query(INSERT_FACTOR).bind(id).bind(subject).bind(name);
    let factor = factor.bind(true).bind(now);
    factor.execute(change.conn()).await?;
    let passkey = query(INSERT)
        .bind(id)
        .bind(URL_SAFE_NO_PAD.encode(&made.credential_id))
        .bind(rp_id)
        .bind(URL_SAFE_NO_PAD.encode(&made.public_key))
        .bind(i64::from(made.counter))
        .bind(made.transports.join(" "))
        .bind(URL_SAFE_NO_PAD.encode(made.model))
        .bind(made.is_backup_eligible)
        .bind(made.is_backed_up)
        .bind(made.is_user_verified);
    Ok(passkey.execute(change.conn()).await? == 1)
}

/// Returns the passkeys of a user that work under this host, the oldest first.
pub(crate) async fn list(
    conn: &mut Conn,
    subject: &str,
    rp_id: &str,
) -> Result<Vec<KnownPasskey>, StoreError> {
    query(LIST).bind(subject).bind(rp_id).fetch_all(conn).await
}

/// Finds a passkey by its id.
pub(crate) async fn find(
    conn: &mut Conn,
    credential_id: &[u8],
    rp_id: &str,
) -> Result<Option<StoredPasskey>, StoreError> {
    let find = query(FIND).bind(URL_SAFE_NO_PAD.encode(credential_id));
    find.bind(rp_id).fetch_optional(conn).await
}

/// Writes what a use has changed; false if another use was faster, or the passkey is gone.
pub(super) async fn record_use(
    conn: &mut Conn,
    passkey: &StoredPasskey,
    verified: &Verified,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let used = query(USE)
        .bind(passkey.factor_id.as_str())
        .bind(passkey.counter)
        .bind(i64::from(verified.counter))
        .bind(verified.is_backed_up)
        .bind(verified.has_verified_user);
    if used.execute(conn).await? == 0 {
        return Ok(false);
    }
    let touch = query(TOUCH).bind(passkey.factor_id.as_str()).bind(now);
    touch.execute(conn).await?;
    Ok(true)
}

/// Counts the passkeys that do not work under this host.
pub(crate) async fn count_of_other_hosts(conn: &mut Conn, rp_id: &str) -> Result<i64, StoreError> {
    query(COUNT_OF_OTHER_HOSTS)
        .bind(rp_id)
        .fetch_one(conn)
        .await
}
