//! The keys that are in use in this process.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rolecall::{
    LiveState,
    token::{KeySet, SigningKey},
};
use rolecall_core::Revision;

use super::{
    master,
    store::{self, Listed, State, StoredKey},
};
use crate::{
    error::ApiError,
    store::{Conn, Head, StoreError},
    tokens::refresh_token::RefreshKeys,
    vault::{MasterKey, MasterKeys},
};

/// The keys that sign: the active key, and the keys of refresh tokens.
pub(crate) struct Signing {
    pub(crate) key: SigningKey,
    pub(crate) refresh: RefreshKeys,
    era: String,
    revision: Revision,
}

impl Signing {
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
    /// Readers of the database take turns, so that a slow one undoes nothing.
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

    /// Reads the keys anew and puts them in use, here and in the guards of this process.
    pub(crate) async fn reload(
        &self,
        live: &LiveState,
        masters: &MasterKeys,
        conn: &mut Conn,
    ) -> Result<(), ApiError> {
        let keys = read(conn, masters).await?;
        self.put_in_use(live, keys);
        Ok(())
    }

    /// Reloads the keys unless they are those of `head`. The caller signs next and has just read `head`, so
    /// no token is signed by a key that was retired before.
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

    pub(super) fn put_in_use(&self, live: &LiveState, keys: Keys) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.signing.load();
        if keys.signing.era == now.era && keys.signing.revision < now.revision {
            return;
        }
        // what signs is known to the guards first
        live.set_keys(keys.set);
        self.signing.store(Arc::new(keys.signing));
    }
}

/// Reads and opens the keys in use.
pub(crate) async fn read(conn: &mut Conn, masters: &MasterKeys) -> Result<Keys, ApiError> {
    let listed = store::list(conn).await?;
    let opened = open_all(&listed, masters)?;
    let set = KeySet::new(opened.iter().map(|(_, key)| key.verifying_key()).collect())
        .map_err(ApiError::internal)?;
    let signer = opened
        .into_iter()
        .find(|(stored, _)| stored.state == State::Active);
    let (_, key) = signer.ok_or_else(|| StoreError::inconsistent("no key signs"))?;
    let refresh = masters.led_by(&listed.fingerprint);
    Ok(Keys {
        signing: Signing {
            key,
            refresh: RefreshKeys::of(refresh).map_err(ApiError::internal)?,
            era: listed.era,
            revision: listed.revision,
        },
        set,
    })
}

/// Opens all that are not retired.
pub(crate) fn open_all<'l>(
    listed: &'l Listed,
    masters: &MasterKeys,
) -> Result<Vec<(&'l StoredKey, SigningKey)>, ApiError> {
    let master = master::of(masters, &listed.fingerprint)?;
    let in_use = listed.keys.iter().filter(|key| key.state != State::Retired);
    in_use.map(|key| Ok((key, open(key, master)?))).collect()
}

fn open(stored: &StoredKey, master: &MasterKey) -> Result<SigningKey, ApiError> {
    let private = master::open_key(master, stored)?;
    let key = if stored.algorithm.is_symmetric() {
        SigningKey::from_secret(stored.algorithm, Some(&stored.kid), &private)
    } else {
        SigningKey::from_pkcs8(stored.algorithm, &stored.kid, &private)
    };
    key.map_err(ApiError::internal)
}
