//! PBKDF2 (RFC 8018) with HMAC over SHA-1, SHA-256 or SHA-512: the PHC form, passlib's,
//! Django's and Werkzeug's.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::{Password, Unusable, fields, phc::Phc};

/// Several seconds of work; the largest default of a framework is a tenth of it.
const MAX_ITERATIONS: u32 = 10_000_000;

/// The hash function under the HMAC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    fn named(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// `pbkdf2` alone means SHA-1, in passlib as in the PHC form.
    fn of_modular_id(id: &str) -> Option<Self> {
        match id.strip_prefix("pbkdf2")? {
            "" => Some(Self::Sha1),
            rest => Self::named(rest.strip_prefix('-')?),
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

/// A PBKDF2 hash within bounds.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq))]
pub(in crate::passwords) struct Pbkdf2Hash {
    digest: Digest,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2Hash {
    /// `$pbkdf2-sha256$..`: the PHC form if its parameters have names, otherwise passlib's.
    pub(super) fn parse_modular(text: &str) -> Result<Self, Unusable> {
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

    /// `$pbkdf2-sha256$i=600000,l=32$salt$hash`; without `l` the output is as long as the
    /// hash function's.
    fn parse_phc(text: &str) -> Result<Self, Unusable> {
        let phc = Phc::parse(text).ok_or(Unusable::Broken)?;
        let digest = Digest::of_modular_id(phc.id).ok_or(Unusable::UnknownScheme)?;
        let stated = match phc.parameters(["i", "l"]) {
            Some([iterations, length]) => usize::try_from(length).ok().map(|l| (iterations, l)),
            None => phc.parameters(["i"]).map(|[i]| (i, digest.length())),
        };
        let (iterations, length) = stated.ok_or(Unusable::Broken)?;
        if phc.version.is_some() {
            return Err(Unusable::Broken);
        }
        Self::bounded(digest, iterations, phc.salt, phc.hash, length)
    }

    /// `$pbkdf2-sha256$29000$salt$hash`, in base64 that has `.` where others have `+`.
    fn parse_passlib(text: &str) -> Result<Self, Unusable> {
        let [_, id, iterations, salt, output] = fields::split(text).ok_or(Unusable::Broken)?;
        let digest = Digest::of_modular_id(id).ok_or(Unusable::UnknownScheme)?;
        let iterations = fields::decimal(iterations).ok_or(Unusable::Broken)?;
        let salt = decode_adapted(salt).ok_or(Unusable::Broken)?;
        let output = decode_adapted(output).ok_or(Unusable::Broken)?;
        Self::bounded(digest, iterations, salt, output, digest.length())
    }

    /// `pbkdf2_sha256$1000000$salt$hash`; the salt is the text itself.
    pub(super) fn parse_django(text: &str) -> Result<Self, Unusable> {
        let [id, iterations, salt, output] = fields::split(text).ok_or(Unusable::Broken)?;
        let digest = id.strip_prefix("pbkdf2_").and_then(Digest::named);
        let digest = digest.ok_or(Unusable::UnknownScheme)?;
        let iterations = fields::decimal(iterations).ok_or(Unusable::Broken)?;
        let output = STANDARD.decode(output).map_err(|_| Unusable::Broken)?;
        Self::bounded(digest, iterations, salt.into(), output, digest.length())
    }

    /// `pbkdf2:sha256:1000000$salt$hash`, the hash in hexadecimal; the salt is the text itself.
    pub(super) fn parse_werkzeug(text: &str) -> Result<Self, Unusable> {
        let [method, salt, output] = fields::split(text).ok_or(Unusable::Broken)?;
        let (name, iterations) = method
            .strip_prefix("pbkdf2:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(Unusable::Broken)?;
        let digest = Digest::named(name).ok_or(Unusable::UnknownScheme)?;
        let iterations = fields::decimal(iterations).ok_or(Unusable::Broken)?;
        let output = fields::decode_hex(output).ok_or(Unusable::Broken)?;
        Self::bounded(digest, iterations, salt.into(), output, digest.length())
    }

    /// Refuses what would cost too much or protects nothing. The beginning of an output is
    /// itself a valid, shorter output: one that has not its full `length` was cut off.
    fn bounded(
        digest: Digest,
        iterations: u32,
        salt: Vec<u8>,
        output: Vec<u8>,
        length: usize,
    ) -> Result<Self, Unusable> {
        if output.len() != length {
            return Err(Unusable::Broken);
        }
        // More output than the hash function has costs its iterations again.
        let honest = (16..=digest.length()).contains(&length) && fields::is_salt(&salt);
        match NonZeroU32::new(iterations) {
            Some(iterations) if honest && iterations.get() <= MAX_ITERATIONS => Ok(Self {
                digest,
                iterations,
                salt,
                output,
            }),
            _ => Err(Unusable::OutOfBounds),
        }
    }

    /// Iterations, as they will be run.
    #[cfg(any(test, fuzzing))]
    pub(super) fn costs(&self) -> u32 {
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

/// passlib's base64. It never writes `+`.
fn decode_adapted(text: &str) -> Option<Vec<u8>> {
    if text.contains('+') {
        return None;
    }
    STANDARD_NO_PAD.decode(text.replace('.', "+")).ok()
}
