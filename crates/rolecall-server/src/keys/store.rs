use rolecall_core::Timestamp;

use crate::store::{Change, Conn, StoreError, on, queries};

queries! {
    LIST = "SELECT kid, algorithm, sealed, created_at FROM signing_keys WHERE retired_at IS NULL ORDER BY active_from DESC, kid";
    INSERT = "INSERT INTO signing_keys (kid, algorithm, sealed, created_at, active_from) VALUES ($1, $2, $3, $4, $4)";
    RETIRE = "UPDATE signing_keys SET retired_at = $2 WHERE kid = $1";
    READ_SECRET = "SELECT sealed FROM secrets WHERE name = $1";
    INSERT_SECRET = "INSERT INTO secrets (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
}

/// A signing key as the database holds it.
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    pub(crate) sealed: String,
    pub(crate) created_at: Timestamp,
}

/// The keys in use, the one that signs first.
pub(crate) async fn list(conn: &mut Conn) -> Result<Vec<StoredKey>, StoreError> {
    let rows: Vec<(String, String, String, i64)> =
        on!(conn, |c| sqlx::query_as(LIST).fetch_all(c).await)?;
    let key = |(kid, algorithm, sealed, created_at)| StoredKey {
        kid,
        algorithm,
        sealed,
        created_at: Timestamp::from_micros(created_at),
    };
    Ok(rows.into_iter().map(key).collect())
}

pub(crate) async fn insert(change: &mut Change<'_>, key: &StoredKey) -> Result<(), StoreError> {
    let conn = change.conn();
    on!(conn, |c| sqlx::query(INSERT)
        .bind(key.kid.as_str())
        .bind(key.algorithm.as_str())
        .bind(key.sealed.as_str())
        .bind(key.created_at.micros())
        .execute(c)
        .await
        .map(drop))?;
    Ok(())
}

/// Takes a key out of use.
pub(crate) async fn retire(change: &mut Change<'_>, kid: &str) -> Result<(), StoreError> {
    let now = change.now().micros();
    let conn = change.conn();
    on!(conn, |c| sqlx::query(RETIRE)
        .bind(kid)
        .bind(now)
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
