//! The master key, and encryption with it.
//!
//! Signing keys and other secrets are stored in the database, encrypted with a key that is not: a copy of the database
//! alone reveals none of them. Each purpose has a key of its own, derived with HKDF.

mod error;
mod key_file;
mod master_key;
mod master_keys;

pub use error::{MasterKeyError, VaultError};
pub use master_key::MasterKey;
pub(crate) use master_keys::MasterKeys;
