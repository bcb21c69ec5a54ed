//! Making keys, off the threads that serve requests: an RSA key takes a second.

use rolecall::token::{Algorithm, SigningKey};
use zeroize::Zeroizing;

use super::{
    master,
    store::{self, State, StoredKey},
};
use crate::{error::ApiError, ids, store::Change, vault::MasterKey};

/// Private keys made ahead of a change, so that nobody waits for them behind it.
pub(crate) struct Fresh {
    algorithm: Algorithm,
    made: Vec<Zeroizing<Vec<u8>>>,
}

impl Fresh {
    /// None yet.
    pub(crate) const fn none(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            made: Vec::new(),
        }
    }

    /// Makes `count` keys.
    pub(crate) async fn make(algorithm: Algorithm, count: usize) -> Result<Self, ApiError> {
        if count == 0 {
            return Ok(Self::none(algorithm));
        }
        let made = tokio::task::spawn_blocking(move || {
            (0..count)
                .map(|_| private(algorithm))
                .collect::<Result<Vec<_>, _>>()
        });
        let made = made.await.map_err(ApiError::internal)??;
        Ok(Self { algorithm, made })
    }

    /// Returns a prepared key. It generates one only if the keys were changed meanwhile.
    fn take(&mut self, algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        match self.made.pop() {
            Some(key) if self.algorithm == algorithm => Ok(key),
            _ => private(algorithm),
        }
    }

    /// Keeps one of them as a signing key.
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

/// A key to keep.
pub(crate) struct NewKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) state: State,
    /// Since when it signs, or from when it may.
    pub(crate) active_from: rolecall_core::Timestamp,
}

/// Keeps `private` as a signing key.
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

fn private(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    if algorithm.is_symmetric() {
        let random = ids::random_bytes::<64>().map_err(ApiError::internal)?;
        return Ok(Zeroizing::new(random.to_vec()));
    }
    let key = SigningKey::generate(algorithm).map_err(ApiError::internal)?;
    key.to_pkcs8()
        .ok_or_else(|| ApiError::Malformed("the key has no private form".into()))
}
