//! Stored hashes: every form that is verified, a module for each family.
//!
//! | form | made by | module |
//! |---|---|---|
//! | `$argon2id$v=19$m=19456,t=2,p=1$..` | rolecall, argon2-cffi, passlib, PHP, Node | [`argon2`] |
//! | `argon2$argon2id$v=19$..` | Django | [`argon2`] |
//! | `$2b$12$..`, `$2a$`, `$2y$` | rolecall, passlib, PHP, everybody | [`bcrypt`] |
//! | `bcrypt$$2b$12$..`, `bcrypt_sha256$$2b$12$..` | Django | [`bcrypt`] |
//! | `$bcrypt-sha256$v=2,t=2b,r=12$..`, `$bcrypt-sha256$2b,12$..` | passlib | [`bcrypt`] |
//! | `$pbkdf2-sha256$i=600000,l=32$..` | PHC | [`pbkdf2`] |
//! | `$pbkdf2-sha256$29000$..` | passlib | [`pbkdf2`] |
//! | `pbkdf2_sha256$1000000$..` | Django | [`pbkdf2`] |
//! | `pbkdf2:sha256:1000000$..` | Werkzeug, Flask | [`pbkdf2`] |
//! | `$scrypt$ln=16,r=8,p=1$..` | PHC, passlib | [`scrypt`] |
//! | `scrypt$16384$salt$8$5$..` | Django | [`scrypt`] |
//! | `scrypt:32768:8:1$..` | Werkzeug, Flask | [`scrypt`] |
//!
//! A text is taken only if it has exactly the form its origin writes: one that was cut off
//! or altered is broken, not a hash of something else.

mod argon2;
mod bcrypt;
mod fields;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod pbkdf2;
mod phc;
mod scrypt;
#[cfg(test)]
mod tests;

use subtle::ConstantTimeEq as _;

use super::{Password, memory::Memory};

pub(super) use argon2::Argon2Hash;
pub(super) use bcrypt::{BcryptHash, MAX_BYTES as BCRYPT_MAX_BYTES};
use pbkdf2::Pbkdf2Hash;
use scrypt::ScryptHash;

/// Longer texts are refused before they are looked at.
const MAX_LENGTH: usize = 512;

/// The computation itself broke: no memory, no randomness.
#[derive(Debug)]
pub(super) struct Failure;

/// Why a stored hash is not run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("the scheme is not known")]
    UnknownScheme,
    #[error("the form is broken")]
    Broken,
    #[error("the parameters are out of bounds")]
    OutOfBounds,
}

/// A hash from the database, taken apart and known to be affordable.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq))]
pub(super) enum StoredHash {
    Argon2(Argon2Hash),
    Bcrypt(BcryptHash),
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
}

impl StoredHash {
    /// Recognises the scheme by its prefix and takes the text apart.
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        if text.len() > MAX_LENGTH || !text.is_ascii() {
            return Err(Unusable::Broken);
        }
        match text.strip_prefix('$') {
            Some(rest) => Self::parse_modular(text, first_field(rest)),
            None => Self::parse_framework(text),
        }
    }

    /// The forms that begin with `$`: PHC, the modular crypt format and passlib's.
    fn parse_modular(text: &str, id: &str) -> Result<Self, Unusable> {
        match id {
            "argon2id" | "argon2i" => Argon2Hash::parse(text).map(Self::Argon2),
            "2a" | "2b" | "2y" => BcryptHash::parse(text).map(Self::Bcrypt),
            "bcrypt-sha256" => BcryptHash::parse_passlib(text).map(Self::Bcrypt),
            "scrypt" => ScryptHash::parse_phc(text).map(Self::Scrypt),
            "pbkdf2" | "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512" => {
                Pbkdf2Hash::parse_modular(text).map(Self::Pbkdf2)
            }
            _ => Err(Unusable::UnknownScheme),
        }
    }

    /// The forms of Django and Werkzeug, which begin with a name.
    fn parse_framework(text: &str) -> Result<Self, Unusable> {
        let Some((id, rest)) = text.split_once('$') else {
            return Err(Unusable::UnknownScheme);
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
            _ => Err(Unusable::UnknownScheme),
        }
    }

    /// Whether `password` is the one this hash was made from. Compares in constant time.
    pub(super) fn verify(&self, password: &Password, memory: &mut Memory) -> Result<bool, Failure> {
        // Nothing of this may depend on a part of the password before the work is done.
        let (same, has_twins) = match self {
            Self::Argon2(hash) => (hash.output().ct_eq(&hash.compute(password, memory)?), false),
            Self::Bcrypt(hash) => (
                hash.output().ct_eq(&hash.compute(password)),
                hash.confuses(password),
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

/// HMAC (RFC 2104 section 2) pads its key with NUL: PBKDF2 and scrypt cannot tell a password
/// from the same with a NUL at its end.
fn ends_like_padding(password: &Password) -> bool {
    password.expose().ends_with('\0')
}

fn first_field(text: &str) -> &str {
    text.split('$').next().unwrap_or_default()
}
