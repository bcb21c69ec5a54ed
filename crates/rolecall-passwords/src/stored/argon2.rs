//! Argon2id and Argon2i (RFC 9106): the PHC form, and Django's, which puts `argon2` before it.
//!
//! Argon2d is not supported: its memory access depends on the password, and no software uses
//! it for passwords.

use std::fmt;

use ::argon2::{Algorithm, Argon2, Params, Version};

use super::error::{ComputeError, UnusableHash};
use super::phc::{self, Phc};
use crate::memory::Memory;
use crate::password::Password;

/// An Argon2 hash whose costs are within bounds.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq))]
pub(crate) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Argon2Hash {
    /// Builds a hash in the form of new ones: Argon2id of version 1.3 with `costs` (KiB, passes,
    /// lanes).
    pub(crate) fn current(
        costs: [u32; 3],
        salt: [u8; 16],
        output: [u8; 32],
    ) -> Result<Self, UnusableHash> {
        Self::within_bounds(
            Algorithm::Argon2id,
            Version::V0x13,
            costs,
            salt.to_vec(),
            output.to_vec(),
        )
    }

    /// Parses `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        let phc = Phc::parse(text).ok_or(UnusableHash::Malformed)?;
        let algorithm = match phc.id {
            "argon2id" => Algorithm::Argon2id,
            "argon2i" => Algorithm::Argon2i,
            _ => return Err(UnusableHash::UnknownScheme),
        };
        // Hashes from before version 1.3 do not name their version.
        let version = match phc.version {
            Some(19) => Version::V0x13,
            Some(16) | None => Version::V0x10,
            Some(_) => return Err(UnusableHash::Malformed),
        };
        let costs = phc
            .parameters(["m", "t", "p"])
            .ok_or(UnusableHash::Malformed)?;
        Self::within_bounds(algorithm, version, costs, phc.salt, phc.hash)
    }

    /// Parses `argon2$argon2id$v=19$m=102400,t=2,p=8$salt$hash`.
    pub(super) fn parse_django(text: &str) -> Result<Self, UnusableHash> {
        Self::parse(text.strip_prefix("argon2").ok_or(UnusableHash::Malformed)?)
    }

    /// Rejects costs that a row of the database could use to stop the server, and salts and
    /// outputs that are too short to protect anything.
    fn within_bounds(
        algorithm: Algorithm,
        version: Version,
        [memory_kib, passes, lanes]: [u32; 3],
        salt: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<Self, UnusableHash> {
        const MAX_MEMORY_KIB: u32 = 256 * 1024;
        const MAX_PASSES: u32 = 20;
        const MAX_LANES: u32 = 16;
        /// KiB written in all passes together: about a second of work.
        const MAX_WORK_KIB: u64 = 1024 * 1024;
        let affordable = memory_kib <= MAX_MEMORY_KIB
            && passes <= MAX_PASSES
            && lanes <= MAX_LANES
            && u64::from(memory_kib) * u64::from(passes) <= MAX_WORK_KIB;
        if !affordable || !(8..=64).contains(&salt.len()) || !(16..=64).contains(&output.len()) {
            return Err(UnusableHash::OutOfBounds);
        }
        let params = Params::new(memory_kib, passes, lanes, Some(output.len()))
            .map_err(|_| UnusableHash::OutOfBounds)?;
        Ok(Self {
            algorithm,
            version,
            params,
            salt,
            output,
        })
    }

    /// Returns KiB, passes and lanes.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn costs(&self) -> [u32; 3] {
        [
            self.params.m_cost(),
            self.params.t_cost(),
            self.params.p_cost(),
        ]
    }

    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    pub(super) fn compute(
        &self,
        password: &Password,
        memory: &mut Memory,
    ) -> Result<Vec<u8>, ComputeError> {
        let blocks = memory
            .blocks(self.params.block_count())
            .ok_or(ComputeError::OutOfMemory)?;
        let mut output = vec![0; self.output.len()];
        Argon2::new(self.algorithm, self.version, self.params.clone())
            .hash_password_into_with_memory(
                password.expose().as_bytes(),
                &self.salt,
                &mut output,
                blocks,
            )
            .map_err(|_| ComputeError::InvalidCosts)?;
        Ok(output)
    }

    /// Returns the hash of `password` with the same salt and costs.
    pub(crate) fn with_password(
        mut self,
        password: &Password,
        memory: &mut Memory,
    ) -> Result<Self, ComputeError> {
        self.output = self.compute(password, memory)?;
        Ok(self)
    }

    /// Checks whether a new hash with these costs (KiB, passes, lanes) would be like this one.
    pub(crate) fn is_current(&self, [memory_kib, passes, lanes]: [u32; 3]) -> bool {
        self.algorithm == Algorithm::Argon2id
            && self.version == Version::V0x13
            && self.params.m_cost() == memory_kib
            && self.params.t_cost() == passes
            && self.params.p_cost() == lanes
            && self.salt.len() >= 16
            && self.output.len() >= 32
    }
}

impl fmt::Display for Argon2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "${}$v={}$m={},t={},p={}${}${}",
            self.algorithm.as_str(),
            u32::from(self.version),
            self.params.m_cost(),
            self.params.t_cost(),
            self.params.p_cost(),
            phc::encode(&self.salt),
            phc::encode(&self.output),
        )
    }
}
