//! Encryption of stored keys and secrets with the master key.

use zeroize::Zeroizing;

use super::store::{self, Listed, StoredKey};
use crate::{
    error::ApiError,
    store::Conn,
    vault::{MasterKey, MasterKeys, VaultError},
};

const SIGNING_KEY: &str = "signing-key";
const SECRET: &str = "secret";
const FACTOR: &str = "factor";

/// The database is encrypted with a master key that this process does not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "the master key was rotated: restart with the new one as `master_key` and the current one as `master_key_previous`"
)]
struct Replaced;

/// Returns the master key with this fingerprint.
pub(crate) fn find<'m>(
    masters: &'m MasterKeys,
    fingerprint: &str,
) -> Result<&'m MasterKey, ApiError> {
    let found = masters.find(fingerprint);
    found.ok_or_else(|| ApiError::internal(Replaced).into_unready())
}

/// Reads the signing keys, and returns them with the master key that they are encrypted with.
pub(crate) async fn list_keys<'m>(
    conn: &mut Conn,
    masters: &'m MasterKeys,
) -> Result<(Listed, &'m MasterKey), ApiError> {
    let listed = store::list(conn).await?;
    let master = find(masters, &listed.fingerprint)?;
    Ok((listed, master))
}

pub(crate) fn seal_key(master: &MasterKey, kid: &str, private: &[u8]) -> Result<String, ApiError> {
    let sealed = master.seal(SIGNING_KEY, kid.as_bytes(), private);
    sealed.map_err(ApiError::internal)
}

pub(crate) fn open_key(
    master: &MasterKey,
    key: &StoredKey,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    master.open(SIGNING_KEY, key.kid.as_bytes(), &key.sealed)
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

/// Seals the secret of a second factor.
pub(crate) fn seal_factor(
    master: &MasterKey,
    id: &str,
    secret: &[u8],
) -> Result<String, VaultError> {
    master.seal(FACTOR, id.as_bytes(), secret)
}

pub(crate) fn open_factor(
    master: &MasterKey,
    id: &str,
    sealed: &str,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    master.open(FACTOR, id.as_bytes(), sealed)
}
