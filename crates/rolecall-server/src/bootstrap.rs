//! Prepares the database at each start: the head row, secrets, built-in roles and a signing key.

use std::sync::atomic::{AtomicBool, Ordering};

use rolecall_core::Timestamp;
use serde_json::json;

use crate::{
    audit,
    authority::builtin,
    clients::store as clients,
    error::ApiError,
    ids,
    keys::{
        self, master,
        ring::{self, Keys},
        service::{self, Configured},
        store::{Slot, State},
    },
    roles::store as roles,
    store::{Actor, Chain, Change, Conn, Store, StoreError, queries, query, read_head},
    vault::{MasterKey, MasterKeys},
};

queries! {
    COUNT_KEYS = "SELECT COUNT(*) FROM signing_keys";
    COUNT_SECRETS = "SELECT COUNT(*) FROM secrets";
    LIST_ROLES = "SELECT name FROM roles";
    LIST_PERMISSIONS = "SELECT name FROM permissions";
    INSERT_HEAD = "INSERT INTO head (id, revision, policy_revision, keys_revision, era, longest_ttl_seconds, \
        master_key_fingerprint, made_by_dev) VALUES (1, 0, 0, 0, $1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
    READ_MADE_BY_DEV = "SELECT made_by_dev FROM head WHERE id = 1";
    COUNT_HEADS = "SELECT COUNT(*) FROM head";
    READ_FINGERPRINT = "SELECT master_key_fingerprint FROM head WHERE id = 1";
    RAISE_LONGEST_TTL = "UPDATE head SET longest_ttl_seconds = $1 WHERE id = 1 AND longest_ttl_seconds < $1";
}

/// An error in preparing the database.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    #[error(
        "this database is encrypted with another master key: configure that one (`master_key`, \
         `master_key_file`, or the file beside the database)"
    )]
    WrongMasterKey,
    #[error("the database was made by `rolecall dev`")]
    MadeByDev,
    #[error("the database was not made by `rolecall dev`")]
    NotMadeByDev,
    #[error("{0}")]
    Missing(Missing),
    #[error("{0}")]
    Failed(#[from] ApiError),
}

/// A row that every start needs, and that a prepared database has lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Missing {
    #[error(
        "its head row is missing, although it has keys: somebody has deleted it; restore a backup"
    )]
    Head,
    #[error(
        "the secret `{0}` is missing: somebody has deleted it; restore a backup, or start `rolecall serve`, which makes another one"
    )]
    Secret(&'static str),
    #[error(
        "there is no active signing key: somebody has deleted it; restore a backup, or start `rolecall serve`, which makes another one, and everybody logs in again"
    )]
    Key,
    #[error(
        "the first start of the server has not ended: wait until it is ready, or start `rolecall serve` again"
    )]
    FirstStart,
    #[error(
        "the built-in {0} `{1}` is missing: start `rolecall serve`, which creates it again, and find out who can write to the database"
    )]
    Builtin(&'static str, &'static str),
}

impl Missing {
    /// Returns true if no command can work without it.
    pub(crate) fn is_essential(&self) -> bool {
        !matches!(self, Self::Builtin(..))
    }
}

/// The names of the secrets of rolecall itself.
const SECRETS: [&str; 2] = ["audit", "login-failures"];

/// Which databases a start accepts. Those that `dev` made are marked, since their users have a known password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// All, for commands.
    Any,
    /// All but those of `dev`, for servers.
    NotDev,
    /// Only those of `dev`; a new one gets the mark.
    Dev,
}

impl Origin {
    fn check(self, is_made_by_dev: bool) -> Result<(), BootstrapError> {
        match (self, is_made_by_dev) {
            (Self::NotDev, true) => Err(BootstrapError::MadeByDev),
            (Self::Dev, false) => Err(BootstrapError::NotMadeByDev),
            _ => Ok(()),
        }
    }
}

impl From<StoreError> for BootstrapError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// The arguments of [`prepare`].
pub(crate) struct Start<'a> {
    pub(crate) store: &'a Store,
    pub(crate) masters: &'a MasterKeys,
    pub(crate) keys: Configured<'a>,
    pub(crate) access_ttl: std::time::Duration,
    pub(crate) now: Timestamp,
    pub(crate) origin: Origin,
    /// Set once the start has waited for all others, and does its work.
    pub(crate) has_begun: AtomicBool,
}

/// The state that a start needs, as found or created.
pub(crate) struct Ready {
    pub(crate) chain: Chain,
    /// The key of the hashes under which login failures are counted.
    pub(crate) account_key: zeroize::Zeroizing<Vec<u8>>,
    pub(crate) era: String,
    pub(crate) keys: Keys,
}

/// Returns true if a master key already seals the database.
pub(crate) async fn is_prepared(store: &Store) -> Result<bool, StoreError> {
    let heads: i64 = query(COUNT_HEADS)
        .fetch_one(&mut store.read().await?)
        .await?;
    Ok(heads > 0)
}

/// Returns true if a database was prepared and has lost its head since.
async fn has_lost_head(conn: &mut Conn) -> Result<bool, StoreError> {
    let keys: i64 = query(COUNT_KEYS).fetch_one(conn).await?;
    let secrets: i64 = query(COUNT_SECRETS).fetch_one(conn).await?;
    // last, since another node that starts at this moment commits the head together with the secrets
    let heads: i64 = query(COUNT_HEADS).fetch_one(conn).await?;
    Ok(heads == 0 && keys + secrets > 0)
}

/// Returns what a database without a key lacks; `None` if it has one.
async fn find_missing_key(conn: &mut Conn) -> Result<Option<Missing>, StoreError> {
    // the first start commits built-in roles and keys together: read before the keys, which it may commit meanwhile
    let roles: Vec<String> = query(LIST_ROLES).fetch_all(conn).await?;
    let listed = keys::store::list(conn).await?;
    if listed.one(Slot::Access, State::Active).is_some() {
        return Ok(None);
    }
    let is_builtin = |role: &String| builtin::ROLES.iter().any(|(name, _)| name == role);
    let has_started = roles.iter().any(is_builtin);
    Ok(Some(if has_started {
        Missing::Key
    } else {
        Missing::FirstStart
    }))
}

/// Returns the rows that a prepared database lacks. `None` if it was never prepared.
pub(crate) async fn find_missing(conn: &mut Conn) -> Result<Option<Vec<Missing>>, StoreError> {
    let heads: i64 = query(COUNT_HEADS).fetch_one(conn).await?;
    if heads == 0 {
        let has_lost_head = has_lost_head(conn).await?;
        return Ok(has_lost_head.then(|| vec![Missing::Head]));
    }
    let mut missing = Vec::new();
    for name in SECRETS {
        if keys::store::read_secret(conn, name).await?.is_none() {
            missing.push(Missing::Secret(name));
        }
    }
    missing.extend(find_missing_key(conn).await?);
    if missing.contains(&Missing::FirstStart) {
        return Ok(Some(missing));
    }
    let permissions: Vec<String> = query(LIST_PERMISSIONS).fetch_all(conn).await?;
    let roles: Vec<String> = query(LIST_ROLES).fetch_all(conn).await?;
    let kinds = [
        ("permission", builtin::PERMISSIONS, permissions),
        ("role", builtin::ROLES, roles),
    ];
    for (kind, expected, found) in kinds {
        let is_missing = |name: &&str| !found.iter().any(|found| found == name);
        let names = expected.iter().map(|(name, _)| *name).filter(is_missing);
        missing.extend(names.map(|name| Missing::Builtin(kind, name)));
    }
    Ok(Some(missing))
}

/// Returns the rows that a prepared database lacks and without which no command can work.
async fn find_essential(conn: &mut Conn) -> Result<Vec<Missing>, StoreError> {
    let mut missing = Vec::new();
    for name in SECRETS {
        if keys::store::read_secret(conn, name).await?.is_none() {
            missing.push(Missing::Secret(name));
        }
    }
    missing.extend(find_missing_key(conn).await?);
    Ok(missing)
}

/// Reads what [`prepare`] has made, and changes nothing: a command must not replace what was lost.
pub(crate) async fn load(store: &Store, masters: &MasterKeys) -> Result<Ready, BootstrapError> {
    let mut conn = store.read().await?;
    let fingerprint = read_fingerprint(&mut conn).await?;
    let master = masters.find(&fingerprint);
    let master = master.ok_or(BootstrapError::WrongMasterKey)?;
    if let Some(missing) = find_essential(&mut conn).await?.into_iter().next() {
        return Err(BootstrapError::Missing(missing));
    }
    let [audit, failures] = SECRETS;
    let audit_key = read_secret(&mut conn, master, audit).await?;
    let account_key = read_secret(&mut conn, master, failures).await?;
    Ok(Ready {
        chain: Chain::new(&audit_key),
        account_key,
        era: read_head(&mut conn).await?.era,
        keys: ring::read(&mut conn, masters).await?,
    })
}

/// Prepares a database. Every node does so at every start; nodes that start at the same time wait for each other at the
/// head row.
pub(crate) async fn prepare(start: &Start<'_>) -> Result<Ready, BootstrapError> {
    let (audit_key, account_key) = start
        .store
        .write(async |conn: &mut Conn| prepare_head(conn, start).await)
        .await?;
    let chain = Chain::new(&audit_key);
    let mut conn = start.store.read().await?;
    let needed = clients::id_token_algorithms(&mut conn).await?;
    let fresh = service::prepare(&mut conn, start.masters, start.keys, &needed).await?;
    drop(conn);
    let work = async |change: &mut Change<'_>| {
        start.has_begun.store(true, Ordering::Relaxed);
        create_builtins(change).await?;
        audit::baseline::record(change).await?;
        service::reconcile(change, start.masters, start.keys, &needed, fresh).await
    };
    start
        .store
        .change(&chain, &Actor::System, (start.now, start.now), work)
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

/// The secrets for the marks of the audit log and for the hashes of user names with login failures.
type Secrets = (zeroize::Zeroizing<Vec<u8>>, zeroize::Zeroizing<Vec<u8>>);

async fn prepare_head(conn: &mut Conn, start: &Start<'_>) -> Result<Secrets, BootstrapError> {
    // a new head would hide that the old one is gone, with its revision and its era
    if has_lost_head(conn).await? {
        return Err(BootstrapError::Missing(Missing::Head));
    }
    let fingerprint = start.masters.current_fingerprint();
    let ttl = i64::try_from(start.access_ttl.as_secs()).unwrap_or(i64::MAX);
    let era = ids::random_token(128).map_err(ApiError::internal)?;
    insert_head(conn, &era, ttl, fingerprint, start.origin).await?;
    start.origin.check(read_made_by_dev(conn).await?)?;
    let known = read_fingerprint(conn).await?;
    let master = start.masters.find(&known);
    let master = master.ok_or(BootstrapError::WrongMasterKey)?;
    raise_longest_ttl(conn, ttl).await?;
    let [audit, failures] = SECRETS;
    Ok((
        load_or_create_secret(conn, master, audit).await?,
        load_or_create_secret(conn, master, failures).await?,
    ))
}

/// Writes the head row, unless it exists.
async fn insert_head(
    conn: &mut Conn,
    era: &str,
    ttl: i64,
    fingerprint: &str,
    origin: Origin,
) -> Result<(), StoreError> {
    let head = query(INSERT_HEAD).bind(era).bind(ttl).bind(fingerprint);
    let head = head.bind(origin == Origin::Dev);
    head.execute(conn).await?;
    Ok(())
}

/// Returns true if `rolecall dev` made the database.
pub(crate) async fn read_made_by_dev(conn: &mut Conn) -> Result<bool, StoreError> {
    query(READ_MADE_BY_DEV).fetch_one(conn).await
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

/// Reads a random secret, which is stored encrypted in the database; creates it first if it is missing.
async fn load_or_create_secret(
    conn: &mut Conn,
    master: &MasterKey,
    name: &str,
) -> Result<zeroize::Zeroizing<Vec<u8>>, BootstrapError> {
    let generated = ids::random_bytes::<32>().map_err(ApiError::internal)?;
    let sealed = master::seal_secret(master, name, &generated).map_err(ApiError::internal)?;
    keys::store::insert_secret(conn, name, &sealed).await?;
    read_secret(conn, master, name).await
}

async fn read_secret(
    conn: &mut Conn,
    master: &MasterKey,
    name: &str,
) -> Result<zeroize::Zeroizing<Vec<u8>>, BootstrapError> {
    let stored = keys::store::read_secret(conn, name).await?;
    let stored = stored.ok_or_else(|| StoreError::inconsistent("a secret is missing"))?;
    Ok(master::open_secret(master, name, &stored).map_err(ApiError::internal)?)
}

async fn create_builtins(change: &mut Change<'_>) -> Result<(), ApiError> {
    let (mut is_changed, mut granted) = (false, Vec::new());
    for (name, description) in builtin::PERMISSIONS {
        let name = name.parse().map_err(ApiError::internal)?;
        is_changed |= roles::insert_permission(change, &name, description).await?;
    }
    for (name, description) in builtin::ROLES {
        let name = name.parse().map_err(ApiError::internal)?;
        is_changed |= roles::insert_role(change, &name, description).await?;
    }
    let admin = builtin::PERMISSIONS
        .iter()
        .map(|(name, _)| (builtin::ADMIN, *name));
    let resource_server = builtin::RESOURCE_SERVER_PERMISSIONS
        .iter()
        .map(|name| (builtin::RESOURCE_SERVER, *name));
    for (role, permission) in admin.chain(resource_server) {
        let role = role.parse().map_err(ApiError::internal)?;
        let permission = permission.parse().map_err(ApiError::internal)?;
        if roles::insert_grant(change, &role, &permission).await? {
            granted.push(
                json!({ "action": "permission.granted", "role": role, "permission": permission }),
            );
        }
    }
    if is_changed || !granted.is_empty() {
        change.record(json!({ "action": "builtin.updated" }));
        change.record_beside(&granted).await?;
        change.policy_changed();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rolecall::token::Algorithm;

    #[tokio::test]
    async fn a_first_start_that_has_not_ended_is_no_lost_key() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let masters = MasterKeys::new(MasterKey::generate().unwrap(), None).unwrap();
        let start = Start {
            store: &store,
            masters: &masters,
            keys: Configured {
                algorithm: Algorithm::Es256,
                secret: None,
                serves: true,
            },
            access_ttl: std::time::Duration::from_mins(30),
            origin: Origin::NotDev,
            now: Timestamp::from_seconds(1_900_000_000),
            has_begun: AtomicBool::default(),
        };
        let missing = async || match load(&store, &masters).await {
            Err(BootstrapError::Missing(missing)) => Some(missing),
            _ => None,
        };
        let all = async || find_missing(&mut store.read().await.unwrap()).await;
        // as another process sees it between the two transactions of a first start
        store
            .write(async |conn: &mut Conn| prepare_head(conn, &start).await)
            .await
            .unwrap();
        assert_eq!(missing().await, Some(Missing::FirstStart));
        assert_eq!(all().await.unwrap(), Some(vec![Missing::FirstStart]));
        prepare(&start).await.unwrap();
        assert_eq!(missing().await, None);
        assert_eq!(all().await.unwrap(), Some(Vec::new()));
        store
            .write(async |conn: &mut Conn| query("DELETE FROM signing_keys").execute(conn).await)
            .await
            .unwrap();
        assert_eq!(missing().await, Some(Missing::Key));
        assert_eq!(all().await.unwrap(), Some(vec![Missing::Key]));
    }

    #[tokio::test]
    async fn a_replaced_secret_no_longer_verifies_tokens() {
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
                origin: Origin::NotDev,
                now: Timestamp::from_seconds(1_900_000_000),
                has_begun: AtomicBool::default(),
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
