//! PBKDF2 (RFC 8018) with HMAC over SHA-1, SHA-256 or SHA-512: the PHC form, passlib's,
//! Django's and Werkzeug's.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::error::UnusableHash;
use super::fields;
use super::phc::Phc;
use crate::password::Password;

/// Several seconds of work, and ten times the largest default of a framework.
const MAX_ITERATIONS: u32 = 10_000_000;

/// The hash function under the HMAC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Reads `pbkdf2-sha256` and the like; `pbkdf2` alone means SHA-1, in passlib and in PHC.
    fn from_modular_id(id: &str) -> Option<Self> {
        match id.strip_prefix("pbkdf2")? {
            "" => Some(Self::Sha1),
            rest => Self::from_name(rest.strip_prefix('-')?),
        }
    }

    const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    const fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// A PBKDF2 hash whose costs are within bounds.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq))]
pub(crate) struct Pbkdf2Hash {
    digest: Digest,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2Hash {
    /// Parses `$pbkdf2-sha256$..`: the PHC form if its parameters have names, otherwise
    /// passlib's.
    pub(super) fn parse_modular(text: &str) -> Result<Self, UnusableHash> {
        let named = text
            .split('$')
            .nth(2)
            .is_some_and(|part| part.contains('='));
        if named {
            Self::parse_phc(text)
        } else {
            Self::parse_passlib(text)
        }
    }

    /// Parses `$pbkdf2-sha256$i=600000,l=32$salt$hash`. Without `l` the output is as long as
    /// that of the hash function.
    fn parse_phc(text: &str) -> Result<Self, UnusableHash> {
        let phc = Phc::parse(text).ok_or(UnusableHash::Malformed)?;
        let digest = Digest::from_modular_id(phc.id).ok_or(UnusableHash::UnknownScheme)?;
        let stated = match phc.parameters(["i", "l"]) {
            Some([iterations, length]) => usize::try_from(length).ok().map(|l| (iterations, l)),
            None => phc.parameters(["i"]).map(|[i]| (i, digest.length())),
        };
        let (iterations, length) = stated.ok_or(UnusableHash::Malformed)?;
        if phc.version.is_some() {
            return Err(UnusableHash::Malformed);
        }
        Self::within_bounds(digest, iterations, phc.salt, phc.hash, length)
    }

    /// Parses `$pbkdf2-sha256$29000$salt$hash`, whose base64 has `.` instead of `+`.
    fn parse_passlib(text: &str) -> Result<Self, UnusableHash> {
        let [_, id, iterations, salt, output] =
            fields::split(text).ok_or(UnusableHash::Malformed)?;
        let digest = Digest::from_modular_id(id).ok_or(UnusableHash::UnknownScheme)?;
        let iterations = fields::decimal(iterations).ok_or(UnusableHash::Malformed)?;
        let salt = decode_adapted(salt).ok_or(UnusableHash::Malformed)?;
        let output = decode_adapted(output).ok_or(UnusableHash::Malformed)?;
        Self::within_bounds(digest, iterations, salt, output, digest.length())
    }

    /// Parses `pbkdf2_sha256$1000000$salt$hash`; the salt is the text itself.
    pub(super) fn parse_django(text: &str) -> Result<Self, UnusableHash> {
        let [id, iterations, salt, output] = fields::split(text).ok_or(UnusableHash::Malformed)?;
        let digest = id.strip_prefix("pbkdf2_").and_then(Digest::from_name);
        let digest = digest.ok_or(UnusableHash::UnknownScheme)?;
        let iterations = fields::decimal(iterations).ok_or(UnusableHash::Malformed)?;
        let output = STANDARD
            .decode(output)
            .map_err(|_| UnusableHash::Malformed)?;
        Self::within_bounds(digest, iterations, salt.into(), output, digest.length())
    }

    /// Parses `pbkdf2:sha256:1000000$salt$hash` with the hash in hexadecimal; the salt is the
    /// text itself.
    pub(super) fn parse_werkzeug(text: &str) -> Result<Self, UnusableHash> {
        let [method, salt, output] = fields::split(text).ok_or(UnusableHash::Malformed)?;
        let (name, iterations) = method
            .strip_prefix("pbkdf2:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(UnusableHash::Malformed)?;
        let digest = Digest::from_name(name).ok_or(UnusableHash::UnknownScheme)?;
        let iterations = fields::decimal(iterations).ok_or(UnusableHash::Malformed)?;
        let output = fields::decode_hex(output).ok_or(UnusableHash::Malformed)?;
        Self::within_bounds(digest, iterations, salt.into(), output, digest.length())
    }

    /// Rejects costs that are too high, salts and outputs that are too short, and truncated
    /// outputs: the beginning of an output is itself a valid, shorter output, so anything but
    /// the full `length` was truncated.
    fn within_bounds(
        digest: Digest,
        iterations: u32,
        salt: Vec<u8>,
        output: Vec<u8>,
        length: usize,
    ) -> Result<Self, UnusableHash> {
        if output.len() != length {
            return Err(UnusableHash::Malformed);
        }
        // An output longer than that of the hash function costs all iterations once more.
        let is_usual = (16..=digest.length()).contains(&length) && fields::is_valid_salt(&salt);
        match NonZeroU32::new(iterations) {
            Some(iterations) if is_usual && iterations.get() <= MAX_ITERATIONS => Ok(Self {
                digest,
                iterations,
                salt,
                output,
            }),
            _ => Err(UnusableHash::OutOfBounds),
        }
    }

    /// Returns the number of iterations.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn costs(&self) -> u32 {
        self.iterations.get()
    }

    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    pub(super) fn compute(&self, password: &Password) -> Vec<u8> {
        let mut output = vec![0; self.output.len()];
        pbkdf2::derive(
            self.digest.algorithm(),
            self.iterations,
            &self.salt,
            password.expose().as_bytes(),
            &mut output,
        );
        output
    }
}

/// Decodes passlib's base64, in which `.` stands for `+`.
fn decode_adapted(text: &str) -> Option<Vec<u8>> {
    if text.contains('+') {
        return None;
    }
    STANDARD_NO_PAD.decode(text.replace('.', "+")).ok()
}
