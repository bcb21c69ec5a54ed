//! The first start and every later one: what must be in the database before anything is served.

use rolecall::token::Algorithm;
use rolecall_core::Timestamp;
use serde_json::json;

use crate::{
    audit::Chain,
    error::ApiError,
    ids,
    keys::{self, service::Keys},
    roles::{builtin, store as roles},
    store::{Actor, Change, Conn, Store, StoreError, on, queries, read_head},
    vault::MasterKey,
};

queries! {
    INSERT_HEAD = "INSERT INTO head (id, revision, policy_revision, keys_revision, era, longest_ttl_seconds, master_key_fingerprint) \
        VALUES (1, 0, 0, 0, $1, $2, $3) ON CONFLICT (id) DO NOTHING";
    READ_FINGERPRINT = "SELECT master_key_fingerprint FROM head WHERE id = 1";
    RAISE_LONGEST_TTL = "UPDATE head SET longest_ttl_seconds = $1 WHERE id = 1 AND longest_ttl_seconds < $1";
}

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    #[error(
        "the master key is not the one that this database was made with: put the right one back \
         (`master_key`, `master_key_file`, or the file beside the database)"
    )]
    WrongMasterKey,
    #[error("{0}")]
    Failed(#[from] ApiError),
}

impl From<StoreError> for BootstrapError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// What the start needs to know.
pub(crate) struct Start<'a> {
    pub(crate) store: &'a Store,
    pub(crate) vault: &'a MasterKey,
    pub(crate) algorithm: Algorithm,
    /// The configured secret of a symmetric algorithm.
    pub(crate) secret: Option<&'a [u8]>,
    pub(crate) access_ttl: std::time::Duration,
    pub(crate) now: Timestamp,
}

/// What the start found or made.
pub(crate) struct Ready {
    pub(crate) chain: Chain,
    pub(crate) era: String,
    pub(crate) keys: Keys,
}

/// Brings a database into use: its head, its secrets, the built-in roles and a signing key. Run by every
/// node at every start; nodes that start at once wait for each other at the head row.
pub(crate) async fn prepare(start: &Start<'_>) -> Result<Ready, BootstrapError> {
    let audit_key = start
        .store
        .write(async |conn: &mut Conn| prepare_head(conn, start).await)
        .await?;
    let chain = Chain::new(&audit_key);
    let work = async |change: &mut Change<'_>| prepare_content(change, start).await;
    start
        .store
        .change(&chain, &Actor::System, start.now, work)
        .await?;
    let mut conn = start.store.read().await?;
    let era = read_head(&mut conn).await?.era;
    let keys = keys::service::read(&mut conn, start.vault, start.algorithm).await?;
    let keys = keys.ok_or_else(|| StoreError::inconsistent("no signing key"))?;
    Ok(Ready { chain, era, keys })
}

async fn prepare_head(
    conn: &mut Conn,
    start: &Start<'_>,
) -> Result<zeroize::Zeroizing<Vec<u8>>, BootstrapError> {
    let fingerprint = start.vault.fingerprint().map_err(ApiError::internal)?;
    let ttl = i64::try_from(start.access_ttl.as_secs()).unwrap_or(i64::MAX);
    let era = ids::random_token(128).map_err(ApiError::internal)?;
    on!(conn, |c| sqlx::query(INSERT_HEAD)
        .bind(era.as_str())
        .bind(ttl)
        .bind(fingerprint.as_str())
        .execute(c)
        .await
        .map(drop))
    .map_err(StoreError::from)?;
    let (known,): (String,) = on!(conn, |c| sqlx::query_as(READ_FINGERPRINT)
        .fetch_one(c)
        .await)
    .map_err(StoreError::from)?;
    if known != fingerprint {
        return Err(BootstrapError::WrongMasterKey);
    }
    on!(conn, |c| sqlx::query(RAISE_LONGEST_TTL)
        .bind(ttl)
        .execute(c)
        .await
        .map(drop))
    .map_err(StoreError::from)?;
    secret(conn, start.vault, "audit").await
}

/// A random secret that lives sealed in the database, made when it is first asked for.
async fn secret(
    conn: &mut Conn,
    vault: &MasterKey,
    name: &str,
) -> Result<zeroize::Zeroizing<Vec<u8>>, BootstrapError> {
    let made = ids::random_bytes::<32>().map_err(ApiError::internal)?;
    let sealed = vault
        .seal("secret", name.as_bytes(), &made)
        .map_err(ApiError::internal)?;
    keys::store::insert_secret(conn, name, &sealed).await?;
    let kept = keys::store::read_secret(conn, name).await?;
    let kept = kept.ok_or_else(|| StoreError::inconsistent("a secret has gone"))?;
    Ok(vault
        .open("secret", name.as_bytes(), &kept)
        .map_err(ApiError::internal)?)
}

async fn prepare_content(change: &mut Change<'_>, start: &Start<'_>) -> Result<(), ApiError> {
    let mut new = false;
    for (name, description) in builtin::PERMISSIONS {
        let name = name.parse().map_err(ApiError::internal)?;
        new |= roles::insert_permission(change, &name, description).await?;
    }
    for (name, description) in builtin::ROLES {
        let name = name.parse().map_err(ApiError::internal)?;
        new |= roles::insert_role(change, &name, description).await?;
    }
    let all = builtin::PERMISSIONS
        .iter()
        .map(|(name, _)| (builtin::ADMIN, *name));
    let few = builtin::RESOURCE_SERVER_PERMISSIONS
        .iter()
        .map(|name| (builtin::RESOURCE_SERVER, *name));
    for (role, permission) in all.chain(few) {
        let role = role.parse().map_err(ApiError::internal)?;
        let permission = permission.parse().map_err(ApiError::internal)?;
        new |= roles::insert_grant(change, &role, &permission).await?;
    }
    if new {
        change.tell(json!({ "action": "builtin.updated" }));
        change.policy_changed();
    }
    keys::service::ensure(change, start.vault, start.algorithm, start.secret).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_replaced_secret_verifies_nothing_any_more() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let vault = MasterKey::generate().unwrap();
        let start = async |algorithm, secret: Option<&[u8]>| {
            let start = Start {
                store: &store,
                vault: &vault,
                algorithm,
                secret,
                access_ttl: std::time::Duration::from_mins(30),
                now: Timestamp::from_seconds(1_900_000_000),
            };
            prepare(&start).await.unwrap().keys
        };
        let first = start(Algorithm::Hs256, Some(&[1; 32])).await;
        let kid = first.signer.kid().unwrap().to_owned();
        for secret in [Some([1; 32].as_slice()), None] {
            let again = start(Algorithm::Hs256, secret).await;
            assert_eq!(
                again.signer.kid(),
                Some(kid.as_str()),
                "nothing was replaced"
            );
        }
        let replaced = start(Algorithm::Hs256, Some(&[2; 32])).await;
        assert_ne!(replaced.signer.kid(), Some(kid.as_str()));
        assert_eq!(replaced.set.iter().count(), 1);
        assert!(
            replaced
                .set
                .iter()
                .all(|key| key.kid() != Some(kid.as_str()))
        );
    }
}
