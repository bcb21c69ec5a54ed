//! Generates keys, on threads that serve no requests: an RSA key takes a second.

use rolecall::token::{Algorithm, SigningKey};
use zeroize::Zeroizing;

use super::{
    master,
    store::{self, State, StoredKey},
};
use crate::{error::ApiError, ids, store::Change, vault::MasterKey};

/// Private keys that are generated before a change, so that other changes need not wait for them.
pub(crate) struct Fresh {
    algorithm: Algorithm,
    generated: Vec<Zeroizing<Vec<u8>>>,
}

impl Fresh {
    /// Returns no keys.
    pub(crate) const fn none(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            generated: Vec::new(),
        }
    }

    /// Generates `count` keys.
    pub(crate) async fn generate(algorithm: Algorithm, count: usize) -> Result<Self, ApiError> {
        if count == 0 {
            return Ok(Self::none(algorithm));
        }
        let generated = tokio::task::spawn_blocking(move || {
            (0..count)
                .map(|_| generate_private_key(algorithm))
                .collect::<Result<Vec<_>, _>>()
        });
        let generated = generated.await.map_err(ApiError::internal)??;
        Ok(Self {
            algorithm,
            generated,
        })
    }

    /// Returns a prepared key. It generates one only if the keys were changed meanwhile.
    fn take(&mut self, algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        match self.generated.pop() {
            Some(key) if self.algorithm == algorithm => Ok(key),
            _ => generate_private_key(algorithm),
        }
    }

    /// Stores one of them as a signing key.
    pub(crate) async fn insert(
        &mut self,
        change: &mut Change<'_>,
        master: &MasterKey,
        new: &NewKey,
    ) -> Result<(), ApiError> {
        let private = self.take(new.algorithm)?;
        insert(change, master, new, &private).await
    }
}

/// The properties of a new signing key.
pub(crate) struct NewKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) state: State,
    /// When it started to sign, or may start.
    pub(crate) active_from: rolecall_core::Timestamp,
}

/// Stores `private` as a signing key.
pub(crate) async fn insert(
    change: &mut Change<'_>,
    master: &MasterKey,
    new: &NewKey,
    private: &[u8],
) -> Result<(), ApiError> {
    let kid = ids::random_token(128).map_err(ApiError::internal)?;
    let sealed = master::seal_key(master, &kid, private)?;
    let stored = StoredKey {
        kid,
        algorithm: new.algorithm,
        state: new.state,
        sealed,
        created_at: change.now(),
        active_from: new.active_from,
        ends_at: None,
        retired_at: None,
    };
    store::insert(change, &stored).await?;
    change.record(serde_json::json!({
        "action": "key.created", "kid": stored.kid, "algorithm": stored.algorithm.as_str(), "state": stored.state.as_str(),
    }));
    change.keys_changed();
    Ok(())
}

fn generate_private_key(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    if algorithm.is_symmetric() {
        let random = ids::random_bytes::<64>().map_err(ApiError::internal)?;
        return Ok(Zeroizing::new(random.to_vec()));
    }
    let key = SigningKey::generate(algorithm).map_err(ApiError::internal)?;
    key.to_pkcs8()
        .ok_or_else(|| ApiError::Malformed("the key has no private form".into()))
}
