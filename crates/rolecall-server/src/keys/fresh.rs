//! Generates keys, on threads that serve no requests: an RSA key takes a second.

use rolecall::token::{Algorithm, SigningKey};
use zeroize::Zeroizing;

use super::{
    master,
    store::{self, Slot, State, StoredKey},
};
use crate::{error::ApiError, ids, store::Change, vault::MasterKey};

/// Private keys that are generated before a change, so that other changes need not wait for them.
#[derive(Default)]
pub(crate) struct Fresh {
    generated: Vec<Generated>,
}

struct Generated {
    slot: Slot,
    algorithm: Algorithm,
    private: Zeroizing<Vec<u8>>,
}

impl Fresh {
    /// Generates a key for each of `wanted`.
    pub(crate) async fn generate(wanted: Vec<(Slot, Algorithm)>) -> Result<Self, ApiError> {
        if wanted.is_empty() {
            return Ok(Self::default());
        }
        let generate = |(slot, algorithm)| {
            generate_private_key(slot, algorithm).map(|private| Generated {
                slot,
                algorithm,
                private,
            })
        };
        let generated = tokio::task::spawn_blocking(move || {
            wanted
                .into_iter()
                .map(generate)
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(Self {
            generated: generated.await.map_err(ApiError::internal)??,
        })
    }

    /// Returns a prepared key. It generates one only if the keys were changed meanwhile.
    fn take(&mut self, slot: Slot, algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let fits = |one: &Generated| one.slot == slot && one.algorithm == algorithm;
        match self.generated.iter().position(fits) {
            Some(at) => Ok(self.generated.swap_remove(at).private),
            None => generate_private_key(slot, algorithm),
        }
    }

    /// Stores one of them as the next key of a slot.
    pub(crate) async fn insert_next(
        &mut self,
        change: &mut Change<'_>,
        master: &MasterKey,
        (slot, algorithm): (Slot, Algorithm),
        active_from: rolecall_core::Timestamp,
    ) -> Result<(), ApiError> {
        let next = NewKey {
            slot,
            algorithm,
            state: State::Next,
            active_from,
        };
        self.insert(change, master, &next).await
    }

    /// Stores one of them as a signing key.
    pub(crate) async fn insert(
        &mut self,
        change: &mut Change<'_>,
        master: &MasterKey,
        new: &NewKey,
    ) -> Result<(), ApiError> {
        let private = self.take(new.slot, new.algorithm)?;
        insert(change, master, new, &private).await
    }
}

/// The properties of a new signing key.
pub(crate) struct NewKey {
    pub(crate) slot: Slot,
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
        slot: new.slot,
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

fn generate_private_key(slot: Slot, algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    if algorithm.is_symmetric() {
        let random = ids::random_bytes::<64>().map_err(ApiError::internal)?;
        return Ok(Zeroizing::new(random.to_vec()));
    }
    let key = match slot {
        Slot::IdToken(Algorithm::Rs256) => SigningKey::generate_rsa_2048(algorithm),
        _ => SigningKey::generate(algorithm),
    };
    let key = key.map_err(ApiError::internal)?;
    key.to_pkcs8()
        .ok_or_else(|| ApiError::Malformed("the key has no private form".into()))
}
