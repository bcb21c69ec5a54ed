//! The configured master keys.

use std::fmt;

use super::{error::VaultError, master_key::MasterKey};

/// The configured master key and, during a rotation, the previous one. The database stores the fingerprint of the key
/// that it is encrypted with.
pub(crate) struct MasterKeys(Vec<(String, MasterKey)>);

impl MasterKeys {
    /// # Errors
    ///
    /// [`VaultError::Seal`] if a fingerprint cannot be derived.
    pub(crate) fn new(current: MasterKey, previous: Option<MasterKey>) -> Result<Self, VaultError> {
        let keys = std::iter::once(current).chain(previous);
        let keys = keys.map(|key| Ok((key.fingerprint()?, key)));
        Ok(Self(keys.collect::<Result<_, VaultError>>()?))
    }

    /// Returns the fingerprint of the current key.
    pub(crate) fn current_fingerprint(&self) -> &str {
        self.0.first().map_or("", |(fingerprint, _)| fingerprint)
    }

    /// Returns the current key.
    pub(crate) fn current(&self) -> Option<&MasterKey> {
        self.0.first().map(|(_, key)| key)
    }

    /// Returns all keys, the current one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &MasterKey> {
        self.0.iter().map(|(_, key)| key)
    }

    /// Finds a key by its fingerprint.
    pub(crate) fn find(&self, fingerprint: &str) -> Option<&MasterKey> {
        let mut keys = self.0.iter();
        keys.find(|(own, _)| own == fingerprint).map(|(_, key)| key)
    }

    /// Returns all keys, starting with the one of this fingerprint.
    pub(crate) fn starting_with(&self, fingerprint: &str) -> impl Iterator<Item = &MasterKey> {
        let others = self.0.iter().filter(move |(own, _)| own != fingerprint);
        let others = others.map(|(_, key)| key);
        self.find(fingerprint).into_iter().chain(others)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKeys(..)")
    }
}
