//! Stored hashes, with one module for each family of schemes.
//!
//! [`StoredHash::parse`] is the only way from a text to a computation. The table in the README
//! lists every form.
//!
//! INVARIANT: a text is accepted only in exactly the form that its origin writes. A truncated
//! or altered one is malformed, and never the hash of something else.

mod argon2;
mod bcrypt;
mod error;
mod fields;
mod pbkdf2;
mod phc;
mod scrypt;
#[cfg(test)]
mod tests;

use subtle::ConstantTimeEq as _;

use crate::memory::Memory;
use crate::password::Password;

pub(crate) use argon2::Argon2Hash;
pub(crate) use bcrypt::{BcryptHash, MAX_BYTES as BCRYPT_MAX_BYTES};
pub(crate) use error::ComputeError;
pub use error::UnusableHash;
use pbkdf2::Pbkdf2Hash;
use scrypt::ScryptHash;

/// Checks whether a hash made by other software can be verified.
///
/// # Errors
///
/// The [`UnusableHash`] that [`Hasher::verify`](crate::Hasher::verify) would log when it
/// rejects this hash.
///
/// ```
/// use rolecall_passwords::{UnusableHash, check_stored_hash};
///
/// let django = "pbkdf2_sha256$1000000$saltsaltsalt$nSvMuTtcOZox8d3fZ4NTyTgRjwnulwvZKQeRBHqrdpQ=";
/// assert_eq!(check_stored_hash(django), Ok(()));
/// assert_eq!(check_stored_hash(&django[..70]), Err(UnusableHash::Malformed));
/// let md5 = "5f4dcc3b5aa765d61d8327deb882cf99";
/// assert_eq!(check_stored_hash(md5), Err(UnusableHash::UnknownScheme));
/// ```
pub fn check_stored_hash(text: &str) -> Result<(), UnusableHash> {
    StoredHash::parse(text).map(drop)
}

/// A parsed hash whose costs are within bounds.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq))]
pub(crate) enum StoredHash {
    Argon2(Argon2Hash),
    Bcrypt(BcryptHash),
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
}

impl StoredHash {
    /// Parses a text by the scheme that its prefix names.
    pub(crate) fn parse(text: &str) -> Result<Self, UnusableHash> {
        if text.len() > fields::MAX_LENGTH || !text.is_ascii() {
            return Err(UnusableHash::Malformed);
        }
        match text.strip_prefix('$') {
            Some(rest) => Self::parse_modular(text, first_field(rest)),
            None => Self::parse_framework(text),
        }
    }

    /// Parses the forms that begin with `$`: PHC, the modular crypt format and passlib's.
    fn parse_modular(text: &str, id: &str) -> Result<Self, UnusableHash> {
        match id {
            "argon2id" | "argon2i" => Argon2Hash::parse(text).map(Self::Argon2),
            "2a" | "2b" | "2y" => BcryptHash::parse(text).map(Self::Bcrypt),
            "bcrypt-sha256" => BcryptHash::parse_passlib(text).map(Self::Bcrypt),
            "scrypt" => ScryptHash::parse_phc(text).map(Self::Scrypt),
            "pbkdf2" | "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512" => {
                Pbkdf2Hash::parse_modular(text).map(Self::Pbkdf2)
            }
            _ => Err(UnusableHash::UnknownScheme),
        }
    }

    /// Parses the forms of Django and Werkzeug, which begin with a name.
    fn parse_framework(text: &str) -> Result<Self, UnusableHash> {
        let Some((id, rest)) = text.split_once('$') else {
            return Err(UnusableHash::UnknownScheme);
        };
        match id {
            "argon2" => Argon2Hash::parse_django(text).map(Self::Argon2),
            "bcrypt" => BcryptHash::parse(rest).map(Self::Bcrypt),
            "bcrypt_sha256" => BcryptHash::parse_django_sha256(rest).map(Self::Bcrypt),
            "scrypt" => ScryptHash::parse_django(rest).map(Self::Scrypt),
            "pbkdf2_sha1" | "pbkdf2_sha256" | "pbkdf2_sha512" => {
                Pbkdf2Hash::parse_django(text).map(Self::Pbkdf2)
            }
            _ if id.starts_with("scrypt:") => ScryptHash::parse_werkzeug(text).map(Self::Scrypt),
            _ if id.starts_with("pbkdf2:") => Pbkdf2Hash::parse_werkzeug(text).map(Self::Pbkdf2),
            _ => Err(UnusableHash::UnknownScheme),
        }
    }

    /// Checks whether this hash was made from `password`, comparing in constant time.
    pub(crate) fn verify(
        &self,
        password: &Password,
        memory: &mut Memory,
    ) -> Result<bool, ComputeError> {
        // INVARIANT: nothing depends on a part of the password before the work is done.
        let (same, has_twins) = match self {
            Self::Argon2(hash) => (hash.output().ct_eq(&hash.compute(password, memory)?), false),
            Self::Bcrypt(hash) => (
                hash.output().ct_eq(&hash.compute(password)),
                hash.is_ambiguous(password),
            ),
            Self::Pbkdf2(hash) => (
                hash.output().ct_eq(&hash.compute(password)),
                ends_like_padding(password),
            ),
            Self::Scrypt(hash) => (
                hash.output().ct_eq(&hash.compute(password)?),
                ends_like_padding(password),
            ),
        };
        Ok(bool::from(same) && !has_twins)
    }
}

/// Checks for a NUL at the end. HMAC (RFC 2104 section 2) pads its key with NUL, so PBKDF2 and
/// scrypt give the same output with and without it.
fn ends_like_padding(password: &Password) -> bool {
    password.expose().ends_with('\0')
}

fn first_field(text: &str) -> &str {
    text.split('$').next().unwrap_or_default()
}
