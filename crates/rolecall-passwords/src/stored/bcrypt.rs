//! bcrypt: the common form, Django's with its name before it, and the two forms that hash the
//! password with SHA-256 first so that bcrypt does not truncate it.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::error::UnusableHash;
use super::fields;
use crate::password::Password;

/// The bytes of a password that bcrypt uses; it ignores all others.
pub(crate) const MAX_BYTES: usize = 72;

/// bcrypt's own base64. It accepts stray bits in the last letter of a salt, since some old
/// libraries write them.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The step that a password goes through before bcrypt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Preparation {
    /// None.
    None,
    /// Django: SHA-256 in hexadecimal.
    Sha256Hex,
    /// passlib before 1.7.3: SHA-256 in base64.
    Sha256Base64,
    /// passlib: HMAC-SHA256 in base64, with the text of the salt as its key.
    HmacBase64,
}

/// A bcrypt hash whose cost is within bounds.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq))]
pub(crate) struct BcryptHash {
    preparation: Preparation,
    cost: u32,
    salt: [u8; 16],
    output: [u8; 23],
}

impl BcryptHash {
    /// Builds a hash in the form of new ones.
    pub(crate) fn current(
        cost: u32,
        salt: [u8; 16],
        output: [u8; 23],
    ) -> Result<Self, UnusableHash> {
        Self::within_bounds(Preparation::None, cost, salt, output)
    }

    /// Parses `$2b$`, two digits, `$`, 22 letters of salt, 31 letters of output.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        Self::parse_crypt(text, Preparation::None)
    }

    /// Parses the part after `bcrypt_sha256$`.
    pub(super) fn parse_django_sha256(text: &str) -> Result<Self, UnusableHash> {
        Self::parse_crypt(text, Preparation::Sha256Hex)
    }

    /// Parses `$bcrypt-sha256$v=2,t=2b,r=12$salt$hash` or `$bcrypt-sha256$2b,12$salt$hash`.
    pub(super) fn parse_passlib(text: &str) -> Result<Self, UnusableHash> {
        let [_, _, costs, salt_text, output] =
            fields::split(text).ok_or(UnusableHash::Malformed)?;
        let (preparation, cost) = match costs.strip_prefix("v=2,t=2b,r=") {
            Some(cost) => (Preparation::HmacBase64, cost),
            None => (
                Preparation::Sha256Base64,
                costs
                    .strip_prefix("2b,")
                    .or_else(|| costs.strip_prefix("2a,"))
                    .ok_or(UnusableHash::Malformed)?,
            ),
        };
        let cost = fields::decimal(cost).ok_or(UnusableHash::Malformed)?;
        let (salt, output) = decode(salt_text, output).ok_or(UnusableHash::Malformed)?;
        // The text is the key of the HMAC, so only the canonical one is the same hash.
        if BCRYPT_BASE64.encode(salt) != salt_text {
            return Err(UnusableHash::Malformed);
        }
        Self::within_bounds(preparation, cost, salt, output)
    }

    fn parse_crypt(text: &str, preparation: Preparation) -> Result<Self, UnusableHash> {
        Self::crypt_parts(text)
            .ok_or(UnusableHash::Malformed)
            .and_then(|(cost, salt, output)| Self::within_bounds(preparation, cost, salt, output))
    }

    fn crypt_parts(text: &str) -> Option<(u32, [u8; 16], [u8; 23])> {
        let [empty, variant, cost, rest] = fields::split(text)?;
        let two_digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        if !empty.is_empty() || !matches!(variant, "2a" | "2b" | "2y") || !two_digits {
            return None;
        }
        let (salt, output) = rest.split_at_checked(22)?;
        let (salt, output) = decode(salt, output)?;
        Some((cost.parse().ok()?, salt, output))
    }

    fn within_bounds(
        preparation: Preparation,
        cost: u32,
        salt: [u8; 16],
        output: [u8; 23],
    ) -> Result<Self, UnusableHash> {
        if !(4..=16).contains(&cost) {
            return Err(UnusableHash::OutOfBounds);
        }
        Ok(Self {
            preparation,
            cost,
            salt,
            output,
        })
    }

    /// Returns the binary logarithm of the rounds.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn costs(&self) -> u32 {
        self.cost
    }

    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    /// Checks whether another password has the same hash: bcrypt repeats its NUL-terminated
    /// key, so it cannot distinguish `a` from `a NUL a`.
    pub(super) fn is_ambiguous(&self, password: &Password) -> bool {
        self.preparation == Preparation::None && password.expose().contains('\0')
    }

    /// Computes the output for the first 72 bytes, from which an imported hash was made too.
    pub(super) fn compute(&self, password: &Password) -> [u8; 23] {
        let bytes = self.prepared(password.expose().as_bytes());
        let mut key = Zeroizing::new([0; MAX_BYTES]);
        for (slot, byte) in key.iter_mut().zip(bytes.iter()) {
            *slot = *byte;
        }
        // The key ends with a NUL where there is room for one.
        let length = (bytes.len() + 1).min(MAX_BYTES);
        let key = key.get(..length).unwrap_or_default();
        let mut output = [0; 23];
        output.copy_from_slice(::bcrypt::bcrypt(self.cost, self.salt, key).split_at(23).0);
        output
    }

    fn prepared(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let sha256 = || digest::digest(&digest::SHA256, password);
        Zeroizing::new(match self.preparation {
            Preparation::None => password.to_vec(),
            Preparation::Sha256Hex => fields::encode_hex(sha256().as_ref()).into_bytes(),
            Preparation::Sha256Base64 => STANDARD.encode(sha256()).into_bytes(),
            Preparation::HmacBase64 => {
                let salt = BCRYPT_BASE64.encode(self.salt);
                let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
                STANDARD.encode(hmac::sign(&key, password)).into_bytes()
            }
        })
    }

    /// Returns the hash of `password` with the same salt and cost.
    pub(crate) fn with_password(mut self, password: &Password) -> Self {
        self.output = self.compute(password);
        self
    }

    /// Checks whether a new hash with `cost` would be like this one.
    pub(crate) fn is_current(&self, cost: u32) -> bool {
        self.preparation == Preparation::None && self.cost == cost
    }
}

fn decode(salt: &str, output: &str) -> Option<([u8; 16], [u8; 23])> {
    let salt = BCRYPT_BASE64.decode(salt).ok()?;
    let output = BCRYPT_BASE64.decode(output).ok()?;
    Some((salt.try_into().ok()?, output.try_into().ok()?))
}

/// Writes the form of new hashes, which have no preparation.
impl fmt::Display for BcryptHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "$2b${:02}${}{}",
            self.cost,
            BCRYPT_BASE64.encode(self.salt),
            BCRYPT_BASE64.encode(self.output),
        )
    }
}
