//! Signing keys and other sealed secrets in the database.

use rolecall::token::Algorithm;
use rolecall_core::{Revision, Timestamp};

use crate::store::{Change, Columns, Conn, FromRow, StoreError, parse, queries, query, rows};

queries! {
    LIST = "SELECT h.era, h.keys_revision, h.master_key_fingerprint, k.kid, k.slot, k.algorithm, k.state, k.sealed, \
        k.created_at, k.active_from, k.ends_at, k.retired_at FROM head h \
        LEFT JOIN signing_keys k ON k.state <> 'retired' OR k.retired_at > $1 WHERE h.id = 1 ORDER BY k.kid";
    INSERT = "INSERT INTO signing_keys (kid, algorithm, sealed, state, created_at, active_from, slot) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    ACTIVATE = "UPDATE signing_keys SET state = 'active', active_from = $2 WHERE kid = $1";
    STEP_DOWN = "UPDATE signing_keys SET state = 'retiring', ends_at = $2 WHERE kid = $1";
    RETIRE = "UPDATE signing_keys SET state = 'retired', retired_at = $2, sealed = '' WHERE kid = $1";
    FORGET = "DELETE FROM signing_keys WHERE state = 'retired' AND retired_at < $1";
    RESEAL = "UPDATE signing_keys SET sealed = $2 WHERE kid = $1";
    READ_SECRET = "SELECT sealed FROM secrets WHERE name = $1";
    LIST_SECRETS = "SELECT name, sealed FROM secrets ORDER BY name";
    INSERT_SECRET = "INSERT INTO secrets (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    RESEAL_SECRET = "UPDATE secrets SET sealed = $2 WHERE name = $1";
    SET_FINGERPRINT = "UPDATE head SET master_key_fingerprint = $1 WHERE id = 1";
}

/// The state of a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Published, but not signing yet.
    Next,
    Active,
    /// No longer signing; it verifies until its last token has expired.
    Retiring,
    /// Out of the key set; its private half is deleted.
    Retired,
}

impl State {
    const ALL: [Self; 4] = [Self::Next, Self::Active, Self::Retiring, Self::Retired];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }
}

impl FromRow for State {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let state = columns.text()?;
        let known = Self::ALL.into_iter().find(|known| known.as_str() == state);
        known.ok_or_else(|| StoreError::inconsistent("a key in an unknown state"))
    }
}

/// The purpose of a key. One key of each slot is active at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Access tokens, and ID tokens of clients that want the same algorithm.
    Access,
    /// ID tokens and logout tokens of clients that want this algorithm.
    IdToken(Algorithm),
}

impl Slot {
    const ID_TOKEN: &str = "id_token:";

    /// Returns the purpose without the algorithm, which the key has too.
    pub(crate) fn purpose(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::IdToken(_) => "id_token",
        }
    }

    fn name(self) -> String {
        match self {
            Self::Access => "access".to_owned(),
            Self::IdToken(algorithm) => format!("{}{algorithm}", Self::ID_TOKEN),
        }
    }
}

impl FromRow for Slot {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        match columns.text()? {
            "access" => Ok(Self::Access),
            other => {
                let algorithm = other.strip_prefix(Self::ID_TOKEN);
                let algorithm = algorithm
                    .ok_or_else(|| StoreError::inconsistent("a key in an unknown slot"))?;
                parse(algorithm).map(Self::IdToken)
            }
        }
    }
}

impl FromRow for Algorithm {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        parse(columns.text()?)
    }
}

rows! {
    /// A signing key as the database stores it.
    #[derive(Clone)]
    pub(crate) struct StoredKey {
        pub(crate) kid: String,
        pub(crate) slot: Slot,
        pub(crate) algorithm: Algorithm,
        pub(crate) state: State,
        pub(crate) sealed: String,
        pub(crate) created_at: Timestamp,
        /// The time since when it signs; for the next key, the time from when it may.
        pub(crate) active_from: Timestamp,
        /// The time when the last token of a retiring key expires.
        pub(crate) ends_at: Option<Timestamp>,
        pub(crate) retired_at: Option<Timestamp>,
    }

    /// The head, beside one of the keys.
    struct KeyRow {
        era: String,
        keys_revision: Revision,
        master_key_fingerprint: String,
        key: Option<StoredKey>,
    }
}

impl FromRow for Option<StoredKey> {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        columns.joined()
    }
}

/// The keys, with the head that was read in the same statement.
pub(crate) struct Listed {
    pub(crate) era: String,
    pub(crate) revision: Revision,
    /// The fingerprint of the master key that the keys are sealed with.
    pub(crate) fingerprint: String,
    pub(crate) keys: Vec<StoredKey>,
}

impl Listed {
    /// Returns the key of a slot in this state; there is at most one `next` and one `active`.
    pub(crate) fn one(&self, slot: Slot, state: State) -> Option<&StoredKey> {
        let mut keys = self.keys.iter();
        keys.find(|key| key.slot == slot && key.state == state)
    }

    /// Returns the slots that have an active key, that of access tokens first.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let active = self.keys.iter().filter(|key| key.state == State::Active);
        let mut slots: Vec<Slot> = active.map(|key| key.slot).collect();
        slots.sort_by_key(|slot| *slot != Slot::Access);
        slots
    }
}

/// Returns the keys in use, by id.
pub(crate) async fn list(conn: &mut Conn) -> Result<Listed, StoreError> {
    list_since(conn, Timestamp::MAX).await
}

/// Returns the keys in use and those that were retired after `since`, by id.
pub(crate) async fn list_since(conn: &mut Conn, since: Timestamp) -> Result<Listed, StoreError> {
    let rows: Vec<KeyRow> = query(LIST).bind(since).fetch_all(conn).await?;
    let mut rows = rows.into_iter();
    let first = rows.next();
    let first = first.ok_or_else(|| StoreError::inconsistent("there is no head"))?;
    let others = rows.filter_map(|row| row.key);
    Ok(Listed {
        era: first.era,
        revision: first.keys_revision,
        fingerprint: first.master_key_fingerprint,
        keys: first.key.into_iter().chain(others).collect(),
    })
}

/// Writes a new key.
pub(crate) async fn insert(change: &mut Change<'_>, key: &StoredKey) -> Result<(), StoreError> {
    query(INSERT)
        .bind(key.kid.as_str())
        .bind(key.algorithm.as_str())
        .bind(key.sealed.as_str())
        .bind(key.state.as_str())
        .bind(key.created_at)
        .bind(key.active_from)
        .bind(key.slot.name())
        .execute(change.conn())
        .await?;
    Ok(())
}

/// Runs an update of one key at a time.
async fn update(
    change: &mut Change<'_>,
    sql: &'static str,
    kid: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let update = query(sql).bind(kid).bind(at);
    update.execute(change.conn()).await?;
    Ok(())
}

/// Lets a key sign from now on; the key before must have stepped down.
pub(crate) async fn activate(
    change: &mut Change<'_>,
    kid: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    update(change, ACTIVATE, kid, now).await
}

/// Stops a key from signing; it verifies until `ends_at`.
pub(crate) async fn step_down(
    change: &mut Change<'_>,
    kid: &str,
    ends_at: Timestamp,
) -> Result<(), StoreError> {
    update(change, STEP_DOWN, kid, ends_at).await
}

/// Takes a key out of use and deletes its private half.
pub(crate) async fn retire(change: &mut Change<'_>, kid: &str) -> Result<(), StoreError> {
    let now = change.now();
    update(change, RETIRE, kid, now).await
}

/// Deletes the keys that were retired before `before`.
pub(crate) async fn forget(conn: &mut Conn, before: Timestamp) -> Result<(), StoreError> {
    query(FORGET).bind(before).execute(conn).await?;
    Ok(())
}

/// Replaces the sealed form of a key.
pub(crate) async fn reseal(
    change: &mut Change<'_>,
    kid: &str,
    sealed: &str,
) -> Result<(), StoreError> {
    let reseal = query(RESEAL).bind(kid).bind(sealed);
    reseal.execute(change.conn()).await?;
    Ok(())
}

/// Replaces the sealed form of a secret.
pub(crate) async fn reseal_secret(
    change: &mut Change<'_>,
    name: &str,
    sealed: &str,
) -> Result<(), StoreError> {
    let reseal = query(RESEAL_SECRET).bind(name).bind(sealed);
    reseal.execute(change.conn()).await?;
    Ok(())
}

/// Records the master key that everything is sealed with from now on.
pub(crate) async fn set_fingerprint(
    change: &mut Change<'_>,
    fingerprint: &str,
) -> Result<(), StoreError> {
    let update = query(SET_FINGERPRINT).bind(fingerprint);
    update.execute(change.conn()).await?;
    Ok(())
}

/// Returns a sealed secret of rolecall itself by name.
pub(crate) async fn read_secret(conn: &mut Conn, name: &str) -> Result<Option<String>, StoreError> {
    query(READ_SECRET).bind(name).fetch_optional(conn).await
}

/// Returns the names and sealed forms of rolecall's own secrets.
pub(crate) async fn list_secrets(conn: &mut Conn) -> Result<Vec<(String, String)>, StoreError> {
    query(LIST_SECRETS).fetch_all(conn).await
}

/// Writes a sealed secret, unless one of this name exists.
pub(crate) async fn insert_secret(
    conn: &mut Conn,
    name: &str,
    sealed: &str,
) -> Result<(), StoreError> {
    let insert = query(INSERT_SECRET).bind(name).bind(sealed);
    insert.execute(conn).await?;
    Ok(())
}
