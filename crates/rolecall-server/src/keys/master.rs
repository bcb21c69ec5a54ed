//! What is sealed with the master key, and how it gets another one.

use serde_json::json;
use zeroize::Zeroizing;

use super::store::{self, Listed, StoredKey};
use crate::{
    accounts::authority::Caller,
    app::App,
    error::ApiError,
    store::{Change, Conn},
    vault::{MasterKey, MasterKeys, VaultError},
};

const SIGNING_KEY: &str = "signing-key";
const SECRET: &str = "secret";

/// The database is sealed with a master key that this process does not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "the master key was rotated: start again with the new one as `master_key` and this one as `master_key_previous`"
)]
struct Replaced;

/// The master key with this fingerprint.
pub(crate) fn of<'m>(
    masters: &'m MasterKeys,
    fingerprint: &str,
) -> Result<&'m MasterKey, ApiError> {
    let found = masters.find(fingerprint);
    found.ok_or_else(|| ApiError::internal(Replaced))
}

/// The master key that the database is sealed with, as this change finds it.
pub(crate) async fn in_force<'m>(
    conn: &mut Conn,
    masters: &'m MasterKeys,
) -> Result<(Listed, &'m MasterKey), ApiError> {
    let listed = store::list(conn).await?;
    let master = of(masters, &listed.fingerprint)?;
    Ok((listed, master))
}

pub(crate) fn seal_key(master: &MasterKey, kid: &str, private: &[u8]) -> Result<String, ApiError> {
    let sealed = master.seal(SIGNING_KEY, kid.as_bytes(), private);
    sealed.map_err(ApiError::internal)
}

pub(crate) fn open_key(
    master: &MasterKey,
    key: &StoredKey,
) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let opened = master.open(SIGNING_KEY, key.kid.as_bytes(), &key.sealed);
    opened.map_err(ApiError::internal)
}

pub(crate) fn seal_secret(
    master: &MasterKey,
    name: &str,
    plain: &[u8],
) -> Result<String, VaultError> {
    master.seal(SECRET, name.as_bytes(), plain)
}

pub(crate) fn open_secret(
    master: &MasterKey,
    name: &str,
    sealed: &str,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    master.open(SECRET, name.as_bytes(), sealed)
}

/// Seals everything with `new` instead of the key it is sealed with, in one transaction: there is no time at
/// which a part is sealed with either. How many values were sealed anew.
pub(crate) async fn rotate(
    app: &App,
    caller: Caller<'_>,
    new: &MasterKey,
) -> Result<usize, ApiError> {
    let fingerprint = new.fingerprint().map_err(ApiError::internal)?;
    let parts = app.parts();
    let work = async |change: &mut Change<'_>| {
        let (listed, old) = in_force(change.conn(), &parts.masters).await?;
        if listed.fingerprint == fingerprint {
            return Ok(0);
        }
        let count = reseal(change, &listed, old, new).await?;
        store::set_fingerprint(change, &fingerprint).await?;
        change.record(json!({ "action": "master_key.rotated", "sealed": count }));
        change.keys_changed();
        Ok::<_, ApiError>(count)
    };
    // this process need not have the new key, so it reads nothing back
    let (actor, now) = (caller.actor(), app.now());
    let (count, _) = parts.store.change(&parts.chain, &actor, now, work).await?;
    Ok(count)
}

async fn reseal(
    change: &mut Change<'_>,
    listed: &Listed,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<usize, ApiError> {
    for key in &listed.keys {
        let sealed = seal_key(new, &key.kid, &open_key(old, key)?)?;
        store::reseal(change, &key.kid, &sealed).await?;
    }
    let secrets = store::list_secrets(change.conn()).await?;
    for (name, sealed) in &secrets {
        let plain = open_secret(old, name, sealed).map_err(ApiError::internal)?;
        let sealed = seal_secret(new, name, &plain).map_err(ApiError::internal)?;
        store::reseal_secret(change, name, &sealed).await?;
    }
    Ok(listed.keys.len() + secrets.len())
}
