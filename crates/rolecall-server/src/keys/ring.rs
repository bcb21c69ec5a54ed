//! The keys in use in this process.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rolecall::{
    LiveState,
    token::{Algorithm, KeySet, SigningKey},
};
use rolecall_core::Revision;

use super::{
    master,
    store::{self, Listed, Slot, State, StoredKey},
};
use crate::{
    error::ApiError,
    store::{Conn, Head, StoreError},
    tokens::refresh_token::RefreshKeys,
    vault::{MasterKey, MasterKeys},
};

/// The keys that sign: the active key of access tokens, those of ID tokens, and the keys of refresh tokens.
pub(crate) struct Signing {
    pub(crate) key: SigningKey,
    /// Active keys of other algorithms.
    id_tokens: Vec<SigningKey>,
    pub(crate) refresh: RefreshKeys,
    era: String,
    revision: Revision,
}

impl Signing {
    /// Returns the key that signs ID tokens with this algorithm. None does with a shared secret, which clients would have
    /// to know.
    pub(crate) fn id_token_key(&self, algorithm: Algorithm) -> Option<&SigningKey> {
        let mut keys = std::iter::once(&self.key).chain(&self.id_tokens);
        keys.find(|key| key.algorithm() == algorithm && !algorithm.is_symmetric())
    }

    /// Returns `true` if the keys were read at this head or later.
    fn is_current(&self, head: &Head) -> bool {
        self.era == head.era && self.revision >= head.keys_revision
    }
}

/// The keys that were read: those that sign, and all that verify.
pub(crate) struct Keys {
    pub(crate) signing: Signing,
    pub(crate) set: KeySet,
}

/// The keys that sign in this process.
pub(crate) struct KeyRing {
    signing: ArcSwap<Signing>,
    /// Held while keys are replaced, so that a slow reader does not undo a newer change.
    turn: Mutex<()>,
}

impl KeyRing {
    pub(crate) fn new(signing: Signing) -> Self {
        Self {
            signing: ArcSwap::from_pointee(signing),
            turn: Mutex::new(()),
        }
    }

    pub(crate) fn signing(&self) -> Arc<Signing> {
        self.signing.load_full()
    }

    pub(crate) fn is_current(&self, head: &Head) -> bool {
        self.signing.load().is_current(head)
    }

    /// Reloads the keys, here and in the guards of this process.
    pub(crate) async fn reload(
        &self,
        live: &LiveState,
        masters: &MasterKeys,
        conn: &mut Conn,
    ) -> Result<(), ApiError> {
        let keys = read(conn, masters).await?;
        self.replace(live, keys);
        Ok(())
    }

    /// Reloads the keys unless they are those of `head`. The caller has just read `head` and signs next, so that a
    /// retired key signs no token.
    pub(crate) async fn catch_up(
        &self,
        live: &LiveState,
        masters: &MasterKeys,
        conn: &mut Conn,
        head: &Head,
    ) -> Result<(), ApiError> {
        if self.is_current(head) {
            return Ok(());
        }
        self.reload(live, masters, conn).await
    }

    /// Replaces the keys, unless newer ones are in use.
    pub(super) fn replace(&self, live: &LiveState, keys: Keys) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.signing.load();
        if keys.signing.era == now.era && keys.signing.revision < now.revision {
            return;
        }
        // the guards must know a key before it signs
        live.set_keys(keys.set);
        self.signing.store(Arc::new(keys.signing));
    }
}

/// Reads and decrypts the keys in use. Without them a node cannot work.
pub(crate) async fn read(conn: &mut Conn, masters: &MasterKeys) -> Result<Keys, ApiError> {
    let listed = store::list(conn).await.map_err(ApiError::from);
    let opened = listed.and_then(|listed| open_in_use(listed, masters));
    opened.map_err(ApiError::into_unready)
}

fn open_in_use(listed: Listed, masters: &MasterKeys) -> Result<Keys, ApiError> {
    let opened = open_all(&listed, masters)?;
    let set = KeySet::new(opened.iter().map(|(_, key)| key.verifying_key()).collect())
        .map_err(ApiError::internal)?;
    let (mut access, mut id_tokens) = (None, Vec::new());
    for (stored, key) in opened {
        match stored.slot {
            _ if stored.state != State::Active => {}
            Slot::Access => access = Some(key),
            Slot::IdToken(_) => id_tokens.push(key),
        }
    }
    let key = access.ok_or_else(|| StoreError::inconsistent("there is no active key"))?;
    let refresh = masters.starting_with(&listed.fingerprint);
    Ok(Keys {
        signing: Signing {
            key,
            id_tokens,
            refresh: RefreshKeys::of(refresh).map_err(ApiError::internal)?,
            era: listed.era,
            revision: listed.revision,
        },
        set,
    })
}

/// Decrypts all keys that are not retired.
pub(crate) fn open_all<'l>(
    listed: &'l Listed,
    masters: &MasterKeys,
) -> Result<Vec<(&'l StoredKey, SigningKey)>, ApiError> {
    let master = master::find(masters, &listed.fingerprint)?;
    let in_use = listed.keys.iter().filter(|key| key.state != State::Retired);
    in_use.map(|key| Ok((key, open(key, master)?))).collect()
}

fn open(stored: &StoredKey, master: &MasterKey) -> Result<SigningKey, ApiError> {
    let private = master::open_key(master, stored).map_err(ApiError::internal)?;
    let key = if stored.algorithm.is_symmetric() {
        SigningKey::from_secret(stored.algorithm, Some(&stored.kid), &private)
    } else {
        SigningKey::from_pkcs8(stored.algorithm, &stored.kid, &private)
    };
    key.map_err(ApiError::internal)
}
