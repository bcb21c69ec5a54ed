//! The first start and every later one: what must be in the database before anything is served.

use rolecall_core::Timestamp;
use serde_json::json;

use crate::{
    authority::builtin,
    error::ApiError,
    ids,
    keys::{
        self, master,
        ring::{self, Keys},
        service::{self, Configured},
    },
    roles::store as roles,
    store::{Actor, Chain, Change, Conn, Store, StoreError, queries, query, read_head},
    vault::{MasterKey, MasterKeys},
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
        "the master key is not the one that this database is sealed with: put the right one back \
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
    pub(crate) masters: &'a MasterKeys,
    pub(crate) keys: Configured<'a>,
    pub(crate) access_ttl: std::time::Duration,
    pub(crate) now: Timestamp,
}

/// What the start found or made.
pub(crate) struct Ready {
    pub(crate) chain: Chain,
    /// What user names are counted under.
    pub(crate) account_key: zeroize::Zeroizing<Vec<u8>>,
    pub(crate) era: String,
    pub(crate) keys: Keys,
}

/// Brings a database into use: its head, its secrets, the built-in roles and a signing key. Run by every
/// node at every start; nodes that start at once wait for each other at the head row.
pub(crate) async fn prepare(start: &Start<'_>) -> Result<Ready, BootstrapError> {
    let (audit_key, account_key) = start
        .store
        .write(async |conn: &mut Conn| prepare_head(conn, start).await)
        .await?;
    let chain = Chain::new(&audit_key);
    let mut conn = start.store.read().await?;
    let fresh = service::prepare(&mut conn, start.masters, start.keys).await?;
    drop(conn);
    let work = async |change: &mut Change<'_>| {
        prepare_content(change).await?;
        service::reconcile(change, start.masters, start.keys, fresh).await
    };
    start
        .store
        .change(&chain, &Actor::System, start.now, work)
        .await?;
    let mut conn = start.store.read().await?;
    let era = read_head(&mut conn).await?.era;
    let keys = ring::read(&mut conn, start.masters).await?;
    Ok(Ready {
        chain,
        account_key,
        era,
        keys,
    })
}

/// Secrets of rolecall's own: that of the audit log, and that of the names which log-ins fail for.
type Secrets = (zeroize::Zeroizing<Vec<u8>>, zeroize::Zeroizing<Vec<u8>>);

async fn prepare_head(conn: &mut Conn, start: &Start<'_>) -> Result<Secrets, BootstrapError> {
    let fingerprint = start.masters.present_fingerprint();
    let ttl = i64::try_from(start.access_ttl.as_secs()).unwrap_or(i64::MAX);
    let era = ids::random_token(128).map_err(ApiError::internal)?;
    insert_head(conn, &era, ttl, fingerprint).await?;
    let known = read_fingerprint(conn).await?;
    let master = start.masters.find(&known);
    let master = master.ok_or(BootstrapError::WrongMasterKey)?;
    raise_longest_ttl(conn, ttl).await?;
    let audit = secret(conn, master, "audit").await?;
    Ok((audit, secret(conn, master, "login-failures").await?))
}

/// Writes the head row, unless it exists.
async fn insert_head(
    conn: &mut Conn,
    era: &str,
    ttl: i64,
    fingerprint: &str,
) -> Result<(), StoreError> {
    let head = query(INSERT_HEAD).bind(era).bind(ttl).bind(fingerprint);
    head.execute(conn).await?;
    Ok(())
}

/// Returns the fingerprint of the master key that the database is sealed with.
async fn read_fingerprint(conn: &mut Conn) -> Result<String, StoreError> {
    query(READ_FINGERPRINT).fetch_one(conn).await
}

/// Notes how long an access token may live, if that is longer than ever before.
async fn raise_longest_ttl(conn: &mut Conn, ttl: i64) -> Result<(), StoreError> {
    query(RAISE_LONGEST_TTL).bind(ttl).execute(conn).await?;
    Ok(())
}

/// Returns a random secret that the database keeps sealed; it is made when it is first needed.
async fn secret(
    conn: &mut Conn,
    master: &MasterKey,
    name: &str,
) -> Result<zeroize::Zeroizing<Vec<u8>>, BootstrapError> {
    let made = ids::random_bytes::<32>().map_err(ApiError::internal)?;
    let sealed = master::seal_secret(master, name, &made).map_err(ApiError::internal)?;
    keys::store::insert_secret(conn, name, &sealed).await?;
    let kept = keys::store::read_secret(conn, name).await?;
    let kept = kept.ok_or_else(|| StoreError::inconsistent("a secret has gone"))?;
    Ok(master::open_secret(master, name, &kept).map_err(ApiError::internal)?)
}

async fn prepare_content(change: &mut Change<'_>) -> Result<(), ApiError> {
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
        change.record(json!({ "action": "builtin.updated" }));
        change.policy_changed();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall::token::Algorithm;

    #[tokio::test]
    async fn a_replaced_secret_verifies_nothing_any_more() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let masters = MasterKeys::new(MasterKey::generate().unwrap(), None).unwrap();
        let start = async |algorithm, secret: Option<&[u8]>| {
            let start = Start {
                store: &store,
                masters: &masters,
                keys: Configured {
                    algorithm,
                    secret,
                    serves: true,
                },
                access_ttl: std::time::Duration::from_mins(30),
                now: Timestamp::from_seconds(1_900_000_000),
            };
            prepare(&start).await.unwrap().keys
        };
        let first = start(Algorithm::Hs256, Some(&[1; 32])).await;
        let kid = first.signing.key.kid().unwrap().to_owned();
        for secret in [Some([1; 32].as_slice()), None] {
            let again = start(Algorithm::Hs256, secret).await;
            assert_eq!(
                again.signing.key.kid(),
                Some(kid.as_str()),
                "nothing was replaced"
            );
        }
        let replaced = start(Algorithm::Hs256, Some(&[2; 32])).await;
        assert_ne!(replaced.signing.key.kid(), Some(kid.as_str()));
        assert_eq!(replaced.set.iter().count(), 1);
        assert!(
            replaced
                .set
                .iter()
                .all(|key| key.kid() != Some(kid.as_str()))
        );
    }
}
