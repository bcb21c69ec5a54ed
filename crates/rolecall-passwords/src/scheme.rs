//! The schemes of new hashes. Those that are only verified are in [`crate::stored`].

use std::fmt;

use crate::memory::Memory;
use crate::password::Password;
use crate::problem::PasswordProblem;
use crate::stored::{
    Argon2Hash, BCRYPT_MAX_BYTES, BcryptHash, ComputeError, StoredHash, UnusableHash,
};

/// The scheme of new password hashes.
///
/// ```
/// use rolecall_passwords::PasswordScheme;
///
/// assert_eq!("bcrypt".parse(), Ok(PasswordScheme::Bcrypt));
/// assert_eq!(PasswordScheme::default().to_string(), "argon2id");
/// assert!("md5".parse::<PasswordScheme>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PasswordScheme {
    /// Argon2id (RFC 9106), the default.
    #[default]
    Argon2id,
    /// bcrypt, for systems that share their table with software that supports nothing else.
    Bcrypt,
}

impl PasswordScheme {
    /// Checks that this scheme can keep the whole of `password`.
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
            // bcrypt repeats its NUL-terminated key: it cannot distinguish `a` from `a NUL a`.
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

/// A text that is not the name of a [`PasswordScheme`].
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a password scheme; use `argon2id` or `bcrypt`")]
pub struct UnknownScheme(String);

/// A scheme with its costs, for new hashes.
///
/// ```
/// use rolecall_passwords::{Parameters, PasswordScheme};
///
/// let cheap = Parameters::Argon2id { memory_kib: 8, passes: 1, lanes: 1 }; // in tests
/// assert_eq!(cheap.scheme(), PasswordScheme::Argon2id);
/// assert_eq!(Parameters::of(PasswordScheme::Bcrypt), Parameters::Bcrypt { cost: 12 });
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parameters {
    /// Argon2id.
    Argon2id {
        /// Memory in KiB, at least 8.
        memory_kib: u32,
        /// Passes over the memory.
        passes: u32,
        /// Lanes, which are computed one after the other.
        lanes: u32,
    },
    /// bcrypt with `2^cost` rounds.
    Bcrypt {
        /// Binary logarithm of the rounds, 4 to 16.
        cost: u32,
    },
}

impl Default for Parameters {
    fn default() -> Self {
        Self::of(PasswordScheme::default())
    }
}

impl Parameters {
    /// Returns the costs that the OWASP Password Storage Cheat Sheet recommends for `scheme`.
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

    /// Returns the scheme without its costs.
    #[must_use]
    pub const fn scheme(&self) -> PasswordScheme {
        match self {
            Self::Argon2id { .. } => PasswordScheme::Argon2id,
            Self::Bcrypt { .. } => PasswordScheme::Bcrypt,
        }
    }

    /// Returns the number of blocks of 1 KiB that a computation takes.
    pub(crate) fn memory_blocks(&self) -> usize {
        match *self {
            Self::Argon2id { memory_kib, .. } => usize::try_from(memory_kib).unwrap_or(usize::MAX),
            Self::Bcrypt { .. } => 0,
        }
    }

    /// Computes a new hash of `password` with a random salt.
    pub(crate) fn hash(
        &self,
        password: &Password,
        memory: &mut Memory,
    ) -> Result<String, ComputeError> {
        let salt = random()?;
        match *self {
            Self::Argon2id {
                memory_kib,
                passes,
                lanes,
            } => Ok(
                Argon2Hash::current([memory_kib, passes, lanes], salt, [0; 32])?
                    .with_password(password, memory)?
                    .to_string(),
            ),
            Self::Bcrypt { cost } => Ok(BcryptHash::current(cost, salt, [0; 23])?
                .with_password(password)
                .to_string()),
        }
    }

    /// Returns a random hash that no password matches and that costs as much as a new one.
    pub(crate) fn dummy(&self) -> Result<StoredHash, ComputeError> {
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

    /// Checks whether `stored` has the scheme and the costs of new hashes.
    pub(crate) fn is_current(&self, stored: &StoredHash) -> bool {
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

/// Only costs can be unusable here: the salts and outputs have the right length.
impl From<UnusableHash> for ComputeError {
    fn from(_: UnusableHash) -> Self {
        Self::InvalidCosts
    }
}

fn random<const N: usize>() -> Result<[u8; N], ComputeError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| ComputeError::NoRandomness)?;
    Ok(bytes)
}
