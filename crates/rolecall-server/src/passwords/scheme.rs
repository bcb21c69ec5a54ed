//! The schemes that new hashes are made with. What is only verified is in [`super::stored`].

use std::fmt;

use super::{
    Password, PasswordProblem,
    memory::Memory,
    stored::{Argon2Hash, BCRYPT_MAX_BYTES, BcryptHash, Failure, StoredHash, Unusable},
};

/// How new password hashes are made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PasswordScheme {
    /// Argon2id (RFC 9106), the default.
    #[default]
    Argon2id,
    /// bcrypt, for systems that share their table with software that knows nothing else.
    Bcrypt,
}

impl PasswordScheme {
    /// Refuses a password that this scheme could not keep whole.
    ///
    /// # Errors
    ///
    /// [`PasswordProblem::Over72Bytes`] or [`PasswordProblem::ContainsNul`] under bcrypt.
    pub fn check(self, password: &Password) -> Result<(), PasswordProblem> {
        let bytes = password.expose().as_bytes();
        match self {
            Self::Bcrypt if bytes.len() > BCRYPT_MAX_BYTES => Err(PasswordProblem::Over72Bytes {
                length: bytes.len(),
            }),
            // bcrypt repeats its NUL-terminated key, so `a` and `a NUL a` are the same to it.
            Self::Bcrypt if bytes.contains(&0) => Err(PasswordProblem::ContainsNul),
            Self::Argon2id | Self::Bcrypt => Ok(()),
        }
    }
}

impl fmt::Display for PasswordScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Argon2id => "argon2id",
            Self::Bcrypt => "bcrypt",
        })
    }
}

impl std::str::FromStr for PasswordScheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        match name {
            "argon2id" => Ok(Self::Argon2id),
            "bcrypt" => Ok(Self::Bcrypt),
            _ => Err(UnknownScheme(name.to_owned())),
        }
    }
}

/// No scheme has this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not one of `argon2id`, `bcrypt`")]
pub struct UnknownScheme(String);

/// A scheme with its costs, for new hashes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parameters {
    /// Argon2id.
    Argon2id {
        /// Memory in KiB, at least 8.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes; they are worked through one after the other.
        lanes: u32,
    },
    /// bcrypt, with `2^cost` rounds; 4 to 16.
    Bcrypt {
        /// Binary logarithm of the rounds.
        cost: u32,
    },
}

impl Default for Parameters {
    fn default() -> Self {
        Self::of(PasswordScheme::default())
    }
}

impl Parameters {
    /// The recommended costs (OWASP Password Storage Cheat Sheet) of a scheme.
    #[must_use]
    pub const fn of(scheme: PasswordScheme) -> Self {
        match scheme {
            PasswordScheme::Argon2id => Self::Argon2id {
                memory_kib: 19 * 1024,
                passes: 2,
                lanes: 1,
            },
            PasswordScheme::Bcrypt => Self::Bcrypt { cost: 12 },
        }
    }

    /// The scheme without its costs.
    #[must_use]
    pub const fn scheme(&self) -> PasswordScheme {
        match self {
            Self::Argon2id { .. } => PasswordScheme::Argon2id,
            Self::Bcrypt { .. } => PasswordScheme::Bcrypt,
        }
    }

    /// Computes a new hash of `password` with a random salt.
    pub(super) fn hash(&self, password: &Password, memory: &mut Memory) -> Result<String, Failure> {
        let salt = random()?;
        match *self {
            Self::Argon2id {
                memory_kib,
                passes,
                lanes,
            } => Ok(
                Argon2Hash::current([memory_kib, passes, lanes], salt, [0; 32])?
                    .made_from(password, memory)?
                    .to_string(),
            ),
            Self::Bcrypt { cost } => Ok(BcryptHash::current(cost, salt, [0; 23])?
                .made_from(password)
                .to_string()),
        }
    }

    /// A hash that no password is known for and that costs what a current one costs.
    pub(super) fn dummy(&self) -> Result<StoredHash, Failure> {
        let salt = random()?;
        Ok(match *self {
            Self::Argon2id {
                memory_kib,
                passes,
                lanes,
            } => StoredHash::Argon2(Argon2Hash::current(
                [memory_kib, passes, lanes],
                salt,
                random()?,
            )?),
            Self::Bcrypt { cost } => {
                StoredHash::Bcrypt(BcryptHash::current(cost, salt, random()?)?)
            }
        })
    }

    /// Whether a new hash would be of the same kind and cost as `stored`.
    pub(super) fn made(&self, stored: &StoredHash) -> bool {
        match (stored, *self) {
            (
                StoredHash::Argon2(hash),
                Self::Argon2id {
                    memory_kib,
                    passes,
                    lanes,
                },
            ) => hash.is_current([memory_kib, passes, lanes]),
            (StoredHash::Bcrypt(hash), Self::Bcrypt { cost }) => hash.is_current(cost),
            _ => false,
        }
    }
}

/// Costs out of bounds are a mistake of the configuration here.
impl From<Unusable> for Failure {
    fn from(_: Unusable) -> Self {
        Self
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure)?;
    Ok(bytes)
}
