//! Which keys sign and verify.

use std::sync::Arc;

use rolecall::token::{Algorithm, KeySet, SigningKey};
use serde_json::{Value, json};

use super::store::{self, StoredKey};
use crate::{
    app::App,
    error::ApiError,
    store::{Change, Conn},
    vault::MasterKey,
};

const PURPOSE: &str = "signing-key";

/// The key that signs, and all that verify.
pub(crate) struct Keys {
    pub(crate) signer: SigningKey,
    pub(crate) set: KeySet,
}

/// Reads and opens the keys of the configured algorithm's kind: symmetric and asymmetric keys never stand
/// in one set. `None` if there is no key that signs with `algorithm`.
pub(crate) async fn read(
    conn: &mut Conn,
    vault: &MasterKey,
    algorithm: Algorithm,
) -> Result<Option<Keys>, ApiError> {
    let mut keys = Vec::new();
    for stored in store::list(conn).await? {
        let of: Algorithm = stored.algorithm.parse().map_err(ApiError::internal)?;
        if of.is_symmetric() == algorithm.is_symmetric() {
            let plain = vault
                .open(PURPOSE, stored.kid.as_bytes(), &stored.sealed)
                .map_err(ApiError::internal)?;
            let key = if of.is_symmetric() {
                SigningKey::from_secret(of, Some(&stored.kid), &plain)
            } else {
                SigningKey::from_pkcs8(of, &stored.kid, &plain)
            };
            keys.push(key.map_err(ApiError::internal)?);
        }
    }
    let set = KeySet::new(keys.iter().map(SigningKey::verifying_key).collect())
        .map_err(ApiError::internal)?;
    let signer = keys.into_iter().find(|key| key.algorithm() == algorithm);
    Ok(signer.map(|signer| Keys { signer, set }))
}

/// Sees to it that a key signs with `algorithm`. A configured `secret` is that key: an earlier one was
/// replaced because it is not trusted any more, so what it signed ends.
pub(crate) async fn ensure(
    change: &mut Change<'_>,
    vault: &MasterKey,
    algorithm: Algorithm,
    secret: Option<&[u8]>,
) -> Result<(), ApiError> {
    let mut stored = store::list(change.conn()).await?;
    stored.retain(|key| key.algorithm == algorithm.as_str());
    let Some(signs) = stored.first() else {
        return create(change, vault, algorithm, secret).await;
    };
    let Some(secret) = secret.filter(|_| algorithm.is_symmetric()) else {
        return Ok(());
    };
    let plain = vault
        .open(PURPOSE, signs.kid.as_bytes(), &signs.sealed)
        .map_err(ApiError::internal)?;
    if bool::from(subtle::ConstantTimeEq::ct_eq(plain.as_slice(), secret)) {
        return Ok(());
    }
    for StoredKey { kid, .. } in &stored {
        store::retire(change, kid).await?;
        change.tell(json!({ "action": "key.retired", "kid": kid }));
    }
    create(change, vault, algorithm, Some(secret)).await
}

/// Makes a key that signs with `algorithm`; `secret` is used for a symmetric one.
async fn create(
    change: &mut Change<'_>,
    vault: &MasterKey,
    algorithm: Algorithm,
    secret: Option<&[u8]>,
) -> Result<(), ApiError> {
    let kid = crate::ids::random_token(128).map_err(ApiError::internal)?;
    let plain = if algorithm.is_symmetric() {
        match secret {
            Some(secret) => zeroize::Zeroizing::new(secret.to_vec()),
            None => zeroize::Zeroizing::new(
                crate::ids::random_bytes::<64>()
                    .map_err(ApiError::internal)?
                    .to_vec(),
            ),
        }
    } else {
        let key = SigningKey::generate(algorithm).map_err(ApiError::internal)?;
        key.to_pkcs8()
            .ok_or_else(|| ApiError::Malformed("the key has no private form".into()))?
    };
    let sealed = vault
        .seal(PURPOSE, kid.as_bytes(), &plain)
        .map_err(ApiError::internal)?;
    let created_at = change.now();
    let stored = StoredKey {
        kid,
        algorithm: algorithm.to_string(),
        sealed,
        created_at,
    };
    store::insert(change, &stored).await?;
    change
        .tell(json!({ "action": "key.created", "kid": stored.kid, "algorithm": stored.algorithm }));
    change.keys_changed();
    Ok(())
}

/// Reads the keys anew and puts them in use, here and in the guards of this process.
pub(crate) async fn load(app: &App) -> Result<(), ApiError> {
    let parts = app.parts();
    let algorithm = parts.signer.load().algorithm();
    let mut conn = app.store().read().await?;
    if let Some(keys) = read(&mut conn, &parts.vault, algorithm).await? {
        parts.live.set_keys(keys.set);
        parts.signer.store(Arc::new(keys.signer));
    }
    Ok(())
}

/// The JWK Set (RFC 7517): public halves only, empty under HS256.
pub(crate) fn public_set(app: &App) -> Value {
    let keys = app.parts().live.keys();
    json!({ "keys": keys.iter().filter_map(rolecall::token::VerifyingKey::public_jwk).collect::<Vec<_>>() })
}
