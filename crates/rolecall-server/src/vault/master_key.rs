//! The master key: derives a key for each purpose, encrypts and decrypts.

use std::{fmt, str::FromStr};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::{Zeroize as _, Zeroizing};

use super::error::{MasterKeyError, VaultError};
use crate::ids::{NoRandomness, random_bytes};

/// Length of the master key and of each derived key.
pub(super) const KEY_BYTES: usize = 32;

/// The prefix of everything sealed in the current format.
const FORMAT: &str = "v1.";

/// The 32 bytes with which all secrets in the database are encrypted.
///
/// ```
/// use rolecall_server::vault::MasterKey;
///
/// let key: MasterKey = "5c7e0b1a".repeat(8).parse()?;
/// let sealed = key.seal("signing-key", b"key-1", b"private")?;
/// assert_eq!(*key.open("signing-key", b"key-1", &sealed)?, b"private");
/// assert!(key.open("signing-key", b"key-2", &sealed).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Generates a random key.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(Zeroizing::new(random_bytes()?)))
    }

    pub(super) fn bytes(&self) -> impl Iterator<Item = &u8> {
        self.0.iter()
    }

    /// Encrypts `plaintext` for `purpose`. It is bound to `owner`, the id of its row, so that it cannot be moved to
    /// another row.
    ///
    /// # Errors
    ///
    /// [`VaultError::Seal`].
    pub fn seal(
        &self,
        purpose: &str,
        owner: &[u8],
        plaintext: &[u8],
    ) -> Result<String, VaultError> {
        let key = self.cipher(purpose).ok_or(VaultError::Seal)?;
        // with room for the tag: growing would leave a copy of the plaintext in memory
        let mut text = Zeroizing::new(Vec::with_capacity(plaintext.len() + 16));
        text.extend_from_slice(plaintext);
        let nonce = key
            .seal_in_place_append_tag(Aad::from(owner), &mut *text)
            .map_err(|_| VaultError::Seal)?;
        let sealed = [nonce.as_ref(), text.as_slice()].concat();
        Ok(format!("{FORMAT}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Decrypts a result of [`MasterKey::seal`] for the same purpose and owner.
    ///
    /// # Errors
    ///
    /// [`VaultError::Open`], whatever the reason.
    pub fn open(
        &self,
        purpose: &str,
        owner: &[u8],
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.try_open(purpose, owner, sealed)
            .ok_or(VaultError::Open)
    }

    fn try_open(&self, purpose: &str, owner: &[u8], sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(FORMAT)?).ok()?;
        let (nonce, text) = bytes.split_at_checked(12)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .cipher(purpose)?
            .open_in_place(nonce, Aad::from(owner), &mut text)
            .ok()?
            .len();
        text.truncate(length);
        Some(text)
    }

    /// Derives an HMAC-SHA256 key for `purpose`.
    ///
    /// # Errors
    ///
    /// [`VaultError::Seal`] if it cannot be derived.
    pub fn mac_key(&self, purpose: &str) -> Result<hmac::Key, VaultError> {
        let key = self.derive("mac", purpose).ok_or(VaultError::Seal)?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key))
    }

    /// Derives a short text that identifies this key and reveals nothing of it. The database stores it, so that a start
    /// with the wrong key is refused with a clear message.
    ///
    /// # Errors
    ///
    /// [`VaultError::Seal`] if it cannot be derived.
    pub fn fingerprint(&self) -> Result<String, VaultError> {
        let key = self.derive("fingerprint", "").ok_or(VaultError::Seal)?;
        let (head, _) = key.split_at(16);
        Ok(URL_SAFE_NO_PAD.encode(head))
    }

    fn cipher(&self, purpose: &str) -> Option<RandomizedNonceKey> {
        let key = self.derive("seal", purpose)?;
        RandomizedNonceKey::new(&AES_256_GCM, &*key).ok()
    }

    /// Derives a key with HKDF-SHA256 (RFC 5869). `kind` contains no zero byte, which ends it, so that different
    /// arguments never give the same input.
    fn derive(&self, kind: &str, purpose: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"rolecall vault");
        let info = [kind.as_bytes(), b"\0", purpose.as_bytes()];
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        salt.extract(&*self.0)
            .expand(&info, hkdf::HKDF_SHA256)
            .ok()?
            .fill(&mut *key)
            .ok()?;
        Some(key)
    }
}

impl FromStr for MasterKey {
    type Err = MasterKeyError;

    /// Parses 32 bytes in hex, or in base64 of either alphabet with or without padding.
    fn from_str(text: &str) -> Result<Self, MasterKeyError> {
        let mut bytes = decode_hex(text)
            .or_else(|| {
                [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD]
                    .iter()
                    .find_map(|engine| engine.decode(text).ok())
            })
            .ok_or(MasterKeyError::Form)?;
        let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map(Zeroizing::new);
        bytes.zeroize();
        let key = key.map_err(|_| MasterKeyError::Form)?;
        if key.iter().all(|byte| key.first() == Some(byte)) {
            return Err(MasterKeyError::NotRandom);
        }
        Ok(Self(key))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 2 * KEY_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn key() -> MasterKey {
        HEX.parse().unwrap()
    }

    #[test]
    fn a_key_is_parsed_from_hex_and_from_every_kind_of_base64() {
        let fingerprint = key().fingerprint().unwrap();
        let bytes: Vec<u8> = (0..32).collect();
        for text in [
            HEX.to_uppercase(),
            STANDARD.encode(&bytes),
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            let read: MasterKey = text.parse().unwrap();
            assert_eq!(read.fingerprint().unwrap(), fingerprint, "{text}");
        }
    }

    #[test]
    fn malformed_and_weak_keys_are_refused() {
        for text in [
            "",
            "secret",
            "0001",
            &HEX[2..],
            &format!("{HEX}00"),
            &HEX.replace('0', "g"),
            " \n",
        ] {
            assert!(
                matches!(text.parse::<MasterKey>(), Err(MasterKeyError::Form)),
                "{text}"
            );
        }
        for text in ["00".repeat(32), "a5".repeat(32)] {
            assert!(matches!(
                text.parse::<MasterKey>(),
                Err(MasterKeyError::NotRandom)
            ));
        }
    }

    #[test]
    fn a_sealed_value_opens_only_for_the_same_purpose_owner_and_key() {
        let sealed = key().seal("signing-key", b"k1", b"private").unwrap();
        assert_eq!(
            *key().open("signing-key", b"k1", &sealed).unwrap(),
            b"private"
        );
        let other = MasterKey::generate().unwrap();
        for opened in [
            key().open("refresh", b"k1", &sealed),
            key().open("signing-key", b"k2", &sealed),
            key().open("signing-key", b"", &sealed),
            other.open("signing-key", b"k1", &sealed),
        ] {
            assert_eq!(opened, Err(VaultError::Open));
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let sealed = key().seal("p", b"o", b"secret").unwrap();
        for position in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[position] = if changed[position] == b'A' {
                b'B'
            } else {
                b'A'
            };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(
                key().open("p", b"o", &changed),
                Err(VaultError::Open),
                "{position}"
            );
        }
        for length in 0..sealed.len() {
            assert_eq!(
                key().open("p", b"o", &sealed[..length]),
                Err(VaultError::Open)
            );
        }
    }

    #[test]
    fn sealing_twice_gives_different_texts() {
        assert_ne!(key().seal("p", b"o", b"x"), key().seal("p", b"o", b"x"));
    }

    #[test]
    fn debug_output_and_fingerprint_do_not_contain_the_key() {
        assert_eq!(format!("{:?}", key()), "MasterKey(..)");
        let fingerprint = key().fingerprint().unwrap();
        assert_ne!(
            fingerprint,
            MasterKey::generate().unwrap().fingerprint().unwrap()
        );
        assert!(!URL_SAFE_NO_PAD.encode(*key().0).contains(&fingerprint));
    }

    #[test]
    fn mac_keys_of_different_purposes_differ() {
        let tag = |purpose| {
            hmac::sign(&key().mac_key(purpose).unwrap(), b"text")
                .as_ref()
                .to_vec()
        };
        assert_eq!(tag("refresh"), tag("refresh"));
        assert_ne!(tag("refresh"), tag("receipt"));
    }
}
