use rolecall::token::Algorithm;
use rolecall_core::{Revision, Timestamp};

use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    LIST = "SELECT h.era, h.keys_revision, h.master_key_fingerprint, k.kid, k.algorithm, k.state, k.sealed, \
        k.created_at, k.active_from, k.ends_at, k.retired_at FROM head h \
        LEFT JOIN signing_keys k ON k.state <> 'retired' OR k.retired_at > $1 WHERE h.id = 1 ORDER BY k.kid";
    INSERT = "INSERT INTO signing_keys (kid, algorithm, sealed, state, created_at, active_from) VALUES ($1, $2, $3, $4, $5, $6)";
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

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Published, and not signing yet.
    Next,
    Active,
    /// Signs no more, and verifies until its last token has ended.
    Retiring,
    /// Out of the set; its private half is gone.
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

/// A signing key as the database holds it.
#[derive(Clone)]
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) state: State,
    pub(crate) sealed: String,
    pub(crate) created_at: Timestamp,
    /// Since when it signs; for the next one, from when it may.
    pub(crate) active_from: Timestamp,
    /// When the last token of a retiring key has ended.
    pub(crate) ends_at: Option<Timestamp>,
    pub(crate) retired_at: Option<Timestamp>,
}

/// The keys, with the head that they were read at in the same statement.
pub(crate) struct Listed {
    pub(crate) era: String,
    pub(crate) revision: Revision,
    /// Tells which master key they are sealed with.
    pub(crate) fingerprint: String,
    pub(crate) keys: Vec<StoredKey>,
}

impl Listed {
    /// The one key in this state; there is at most one `next` and one `active`.
    pub(crate) fn one(&self, state: State) -> Option<&StoredKey> {
        self.keys.iter().find(|key| key.state == state)
    }
}

/// The head, and one of the keys.
type Row = (
    String,
    i64,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

fn key_of(row: Row) -> Result<Option<StoredKey>, StoreError> {
    let (.., kid, algorithm, state, sealed, created_at, active_from, ends_at, retired_at) = row;
    let Some(kid) = kid else {
        return Ok(None);
    };
    let algorithm = algorithm.unwrap_or_default().parse();
    let mut states = State::ALL.into_iter();
    let state = states.find(|known| Some(known.as_str()) == state.as_deref());
    Ok(Some(StoredKey {
        kid,
        algorithm: algorithm.map_err(StoreError::inconsistent)?,
        state: state.ok_or_else(|| StoreError::inconsistent("a key in an unknown state"))?,
        sealed: sealed.unwrap_or_default(),
        created_at: Timestamp::from_micros(created_at.unwrap_or_default()),
        active_from: Timestamp::from_micros(active_from.unwrap_or_default()),
        ends_at: ends_at.map(Timestamp::from_micros),
        retired_at: retired_at.map(Timestamp::from_micros),
    }))
}

/// The keys in use, by id.
pub(crate) async fn list(conn: &mut Conn) -> Result<Listed, StoreError> {
    list_since(conn, Timestamp::MAX).await
}

/// The keys in use, and those that were retired after `since`.
pub(crate) async fn list_since(conn: &mut Conn, since: Timestamp) -> Result<Listed, StoreError> {
    let rows: Vec<Row> = on!(conn, |c| sqlx::query_as(LIST)
        .bind(since.micros())
        .fetch_all(c)
        .await)?;
    let first = rows.first();
    let first = first.ok_or_else(|| StoreError::inconsistent("there is no head"))?;
    let (era, revision, fingerprint, ..) = first.clone();
    let keys = rows.into_iter().filter_map(|row| key_of(row).transpose());
    Ok(Listed {
        era,
        revision,
        fingerprint,
        keys: keys.collect::<Result<_, _>>()?,
    })
}

pub(crate) async fn insert(change: &mut Change<'_>, key: &StoredKey) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(INSERT)
        .bind(key.kid.as_str())
        .bind(key.algorithm.as_str())
        .bind(key.sealed.as_str())
        .bind(key.state.as_str())
        .bind(key.created_at.micros())
        .bind(key.active_from.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Runs an update of one key at a time.
async fn update(
    change: &mut Change<'_>,
    sql: &'static str,
    kid: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(sql)
        .bind(kid)
        .bind(at.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Lets a key sign from now on; the one before must have stepped down.
pub(crate) async fn activate(change: &mut Change<'_>, kid: &str) -> Result<(), StoreError> {
    let now = change.now();
    update(change, ACTIVATE, kid, now).await
}

/// Lets a key sign no more; it verifies until `ends_at`.
pub(crate) async fn step_down(
    change: &mut Change<'_>,
    kid: &str,
    ends_at: Timestamp,
) -> Result<(), StoreError> {
    update(change, STEP_DOWN, kid, ends_at).await
}

/// Takes a key out of use and forgets its private half.
pub(crate) async fn retire(change: &mut Change<'_>, kid: &str) -> Result<(), StoreError> {
    let now = change.now();
    update(change, RETIRE, kid, now).await
}

/// Forgets the keys that were retired before `before`.
pub(crate) async fn forget(conn: &mut Conn, before: Timestamp) -> Result<(), StoreError> {
    on!(conn, |c| sqlx::query(FORGET)
        .bind(before.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Replaces the sealed form of a key.
pub(crate) async fn reseal(
    change: &mut Change<'_>,
    kid: &str,
    sealed: &str,
) -> Result<(), StoreError> {
    replace_text(change, RESEAL, kid, sealed).await
}

/// Replaces the sealed form of a secret.
pub(crate) async fn reseal_secret(
    change: &mut Change<'_>,
    name: &str,
    sealed: &str,
) -> Result<(), StoreError> {
    replace_text(change, RESEAL_SECRET, name, sealed).await
}

async fn replace_text(
    change: &mut Change<'_>,
    sql: &'static str,
    key: &str,
    text: &str,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(sql)
        .bind(key)
        .bind(text)
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Notes which master key everything is sealed with from now on.
pub(crate) async fn set_fingerprint(
    change: &mut Change<'_>,
    fingerprint: &str,
) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(SET_FINGERPRINT)
        .bind(fingerprint)
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// A secret of rolecall's own, sealed.
pub(crate) async fn read_secret(conn: &mut Conn, name: &str) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> = on!(conn, |c| sqlx::query_as(READ_SECRET)
        .bind(name)
        .fetch_optional(c)
        .await)?;
    Ok(row.map(|(sealed,)| sealed))
}

/// The secrets of rolecall's own by name, sealed.
pub(crate) async fn list_secrets(conn: &mut Conn) -> Result<Vec<(String, String)>, StoreError> {
    Ok(on!(conn, |c| sqlx::query_as(LIST_SECRETS)
        .fetch_all(c)
        .await)?)
}

/// Keeps a sealed secret, unless there is one of that name.
pub(crate) async fn insert_secret(
    conn: &mut Conn,
    name: &str,
    sealed: &str,
) -> Result<(), StoreError> {
    on!(conn, |c| sqlx::query(INSERT_SECRET)
        .bind(name)
        .bind(sealed)
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}
