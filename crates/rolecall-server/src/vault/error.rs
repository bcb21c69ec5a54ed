//! Errors of the master key and of encryption.

use std::{io, path::PathBuf};

use crate::ids::NoRandomness;

/// An error in reading or creating a master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is not 32 bytes in hex or base64.
    #[error(
        "the master key must be 32 bytes in hex (64 digits) or base64; create one with `openssl rand -hex 32`"
    )]
    Form,
    /// All bytes are equal, as in an example.
    #[error("the master key is not random; create one with `openssl rand -hex 32`")]
    NotRandom,
    /// Others than the owner can read the file.
    #[error("the key file `{path}` can be read by others; {advice}", path = .path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// What to do about it.
        advice: String,
    },
    /// The file holds no master key.
    #[error(
        "the key file `{path}`: {reason}; a database that exists needs the key that it is encrypted with, so put that back",
        path = .path.display()
    )]
    Content {
        /// The file.
        path: PathBuf,
        /// The fault of its content.
        reason: String,
    },
    /// The file cannot be read or created.
    #[error("the key file `{path}` cannot be used: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The operating system provided no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// An error of encryption or decryption.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VaultError {
    /// Another key, purpose or owner, or changed bytes: which of them cannot be known.
    #[error("an encrypted value cannot be decrypted with this master key")]
    Open,
    /// The encryption itself failed.
    #[error("a value cannot be encrypted")]
    Seal,
}
