//! The master key, and what is encrypted with it.
//!
//! Signing keys live in the database, sealed with a key that does not: whoever copies the
//! database alone learns no key. Each purpose has a key of its own, derived with HKDF.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::{Zeroize as _, Zeroizing};

use crate::ids::{NoRandomness, random_bytes, random_token};

/// Length of the master key and of every key derived from it.
const KEY_BYTES: usize = 32;

/// Starts everything sealed in the present format.
const FORMAT: &str = "v1.";

/// The 32 bytes that everything secret in the database is sealed with.
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

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 32 bytes in hex or base64.
    #[error(
        "the master key must be 32 bytes in hex (64 digits) or base64; `openssl rand -hex 32` makes one"
    )]
    Form,
    /// Every byte is the same, as in an example.
    #[error("the master key is not random; `openssl rand -hex 32` makes a good one")]
    NotRandom,
    /// Others than the owner may read the file.
    #[error("the key file `{path}` can be read by others; run `chmod 600 {path}`", path = .0.display())]
    Readable(PathBuf),
    /// The file could not be read or made.
    #[error("the key file `{path}` cannot be used: {source}", path = .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// What was sealed cannot be opened, or nothing can be sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VaultError {
    /// Another key, another purpose, another owner, or changed bytes; they look the same.
    #[error("a sealed value cannot be opened with this master key")]
    Open,
    /// The encryption itself failed.
    #[error("a value cannot be sealed")]
    Seal,
}

impl MasterKey {
    /// A new random key.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(Zeroizing::new(random_bytes()?)))
    }

    /// Reads the key from a file, or makes the file (mode 0600) with a new key if there is
    /// none. Two processes that start at once end up with the same key.
    ///
    /// # Errors
    ///
    /// If the file can be read by others, holds no key, or cannot be read or made.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        match Self::load(path) {
            Err(MasterKeyError::File { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                create(path).map_err(|source| match source {
                    CreateError::Io(source) => MasterKeyError::File {
                        path: path.to_owned(),
                        source,
                    },
                    CreateError::NoRandomness(error) => error.into(),
                })?;
                Self::load(path)
            }
            result => result,
        }
    }

    /// Reads the key from a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// If the file can be read by others, holds no key, or cannot be read.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let file_error = |source| MasterKeyError::File {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(file_error)?;
        let metadata = file.metadata().map_err(file_error)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(MasterKeyError::Readable(path.to_owned()));
        }
        let mut text = Zeroizing::new(String::with_capacity(256));
        file.take(256)
            .read_to_string(&mut text)
            .map_err(file_error)?;
        text.trim_ascii_end().parse()
    }

    /// Encrypts `plaintext` for `purpose`. `owner` is bound to it (the id of the row it
    /// stands in), so that it cannot be moved to another one.
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
        // Room for the tag, so that no copy of the plaintext is left behind by growing.
        let mut text = Zeroizing::new(Vec::with_capacity(plaintext.len() + 16));
        text.extend_from_slice(plaintext);
        let nonce = key
            .seal_in_place_append_tag(Aad::from(owner), &mut *text)
            .map_err(|_| VaultError::Seal)?;
        let sealed = [nonce.as_ref(), text.as_slice()].concat();
        Ok(format!("{FORMAT}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Decrypts what [`MasterKey::seal`] made for the same purpose and owner.
    ///
    /// # Errors
    ///
    /// [`VaultError::Open`], which never says more.
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

    /// An HMAC-SHA256 key for `purpose`.
    ///
    /// # Errors
    ///
    /// [`VaultError::Seal`] if it cannot be derived.
    pub fn mac_key(&self, purpose: &str) -> Result<hmac::Key, VaultError> {
        let key = self.derive("mac", purpose).ok_or(VaultError::Seal)?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key))
    }

    /// A short text that tells this key from another one and nothing else. It is kept in the
    /// database, so that a start with the wrong key can be refused clearly.
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

    /// HKDF-SHA256 (RFC 5869). The length of `kind` is fixed by the callers above, and the
    /// zero byte ends it, so no two pairs give the same input.
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

/// The master keys of a configuration: the present one, and another while one takes the place of the other.
/// The database says by its fingerprint which of them it is sealed with.
pub(crate) struct MasterKeys(Vec<(String, MasterKey)>);

impl MasterKeys {
    /// # Errors
    ///
    /// [`VaultError::Seal`] if a key's fingerprint cannot be derived.
    pub(crate) fn new(present: MasterKey, previous: Option<MasterKey>) -> Result<Self, VaultError> {
        let keys = std::iter::once(present).chain(previous);
        let keys = keys.map(|key| Ok((key.fingerprint()?, key)));
        Ok(Self(keys.collect::<Result<_, VaultError>>()?))
    }

    /// The fingerprint of the present one.
    pub(crate) fn present_fingerprint(&self) -> &str {
        self.0.first().map_or("", |(fingerprint, _)| fingerprint)
    }

    /// The one with this fingerprint.
    pub(crate) fn find(&self, fingerprint: &str) -> Option<&MasterKey> {
        let mut keys = self.0.iter();
        keys.find(|(own, _)| own == fingerprint).map(|(_, key)| key)
    }

    /// All of them, the one with this fingerprint first.
    pub(crate) fn led_by(&self, fingerprint: &str) -> impl Iterator<Item = &MasterKey> {
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

impl FromStr for MasterKey {
    type Err = MasterKeyError;

    /// Reads 32 bytes in hex or in base64 of either alphabet, with or without padding.
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

enum CreateError {
    Io(io::Error),
    NoRandomness(NoRandomness),
}

impl From<io::Error> for CreateError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<NoRandomness> for CreateError {
    fn from(error: NoRandomness) -> Self {
        Self::NoRandomness(error)
    }
}

/// Writes a new key beside `path` and links it there: the file appears whole or not at all,
/// and never replaces one that another process made first.
fn create(path: &Path) -> Result<(), CreateError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let temporary = folder.join(format!(".master-key-{}", random_token(64)?));
    let mut text = Zeroizing::new(String::with_capacity(2 * KEY_BYTES + 1));
    for byte in MasterKey::generate()?.0.iter() {
        fmt::Write::write_fmt(&mut *text, format_args!("{byte:02x}")).map_err(io::Error::other)?;
    }
    text.push('\n');
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    let linked = written.and_then(|()| std::fs::hard_link(&temporary, path));
    let _ = std::fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(File::open(folder)?.sync_all()?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn key() -> MasterKey {
        HEX.parse().unwrap()
    }

    #[test]
    fn a_key_is_read_from_hex_and_from_base64_of_every_kind() {
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
    fn weak_and_broken_keys_are_refused() {
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
    fn what_was_sealed_is_opened_only_for_the_same_purpose_owner_and_key() {
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
    fn no_changed_byte_goes_unnoticed() {
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
    fn sealing_twice_never_gives_the_same_text() {
        assert_ne!(key().seal("p", b"o", b"x"), key().seal("p", b"o", b"x"));
    }

    #[test]
    fn neither_debug_output_nor_fingerprint_holds_the_key() {
        assert_eq!(format!("{:?}", key()), "MasterKey(..)");
        let fingerprint = key().fingerprint().unwrap();
        assert_ne!(
            fingerprint,
            MasterKey::generate().unwrap().fingerprint().unwrap()
        );
        assert!(!URL_SAFE_NO_PAD.encode(*key().0).contains(&fingerprint));
    }

    #[test]
    fn mac_keys_of_two_purposes_differ() {
        let tag = |purpose| {
            hmac::sign(&key().mac_key(purpose).unwrap(), b"text")
                .as_ref()
                .to_vec()
        };
        assert_eq!(tag("refresh"), tag("refresh"));
        assert_ne!(tag("refresh"), tag("receipt"));
    }

    #[test]
    fn a_key_file_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = MasterKey::load_or_create(&path)
            .unwrap()
            .fingerprint()
            .unwrap();
        let permissions = fs::metadata(&path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, 0o600);
        assert_eq!(
            MasterKey::load_or_create(&path)
                .unwrap()
                .fingerprint()
                .unwrap(),
            made
        );
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn processes_that_start_at_once_agree_on_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let fingerprints: Vec<String> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        MasterKey::load_or_create(&path)
                            .unwrap()
                            .fingerprint()
                            .unwrap()
                    })
                })
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect()
        });
        assert!(fingerprints.iter().all(|text| *text == fingerprints[0]));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, HEX).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = MasterKey::load_or_create(&path).unwrap_err();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(MasterKey::load(&path).is_ok());
    }

    #[test]
    fn a_file_without_a_key_is_refused_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, "nothing").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(
            MasterKey::load_or_create(&path),
            Err(MasterKeyError::Form)
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "nothing");
        let missing = folder.path().join("no/such/folder/master.key");
        let refused = MasterKey::load_or_create(&missing).unwrap_err();
        assert!(matches!(refused, MasterKeyError::File { .. }));
    }
}
