//! scrypt (RFC 7914): the PHC form, which passlib writes as well, Django's and Werkzeug's.

use ::scrypt::{Params, scrypt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::{ComputeError, UnusableHash};
use super::fields;
use super::phc::Phc;
use crate::password::Password;

/// The length of an output in Django and Werkzeug.
const FRAMEWORK_BYTES: usize = 64;

/// A scrypt hash whose costs are within bounds.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq))]
pub(crate) struct ScryptHash {
    params: Params,
    memory_bytes: usize,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl ScryptHash {
    /// Parses `$scrypt$ln=16,r=8,p=1$salt$hash` with an output of 32 or 64 bytes.
    pub(super) fn parse_phc(text: &str) -> Result<Self, UnusableHash> {
        let phc = Phc::parse(text).ok_or(UnusableHash::Malformed)?;
        let costs = phc
            .parameters(["ln", "r", "p"])
            .ok_or(UnusableHash::Malformed)?;
        // The beginning of an output is itself a valid, shorter output: any length but the
        // usual ones means that it was truncated.
        if phc.version.is_some() || !matches!(phc.hash.len(), 32 | 64) {
            return Err(UnusableHash::Malformed);
        }
        Self::within_bounds(costs, phc.salt, phc.hash)
    }

    /// Parses the part after `scrypt$`: `16384$salt$8$5$hash`. The salt is the text itself.
    pub(super) fn parse_django(text: &str) -> Result<Self, UnusableHash> {
        let [n, salt, r, p, output] = fields::split(text).ok_or(UnusableHash::Malformed)?;
        let output = STANDARD
            .decode(output)
            .map_err(|_| UnusableHash::Malformed)?;
        Self::from_framework([n, r, p], salt, output)
    }

    /// Parses `scrypt:32768:8:1$salt$hash` with the hash in hexadecimal. The salt is the text
    /// itself.
    pub(super) fn parse_werkzeug(text: &str) -> Result<Self, UnusableHash> {
        let [method, salt, output] = fields::split(text).ok_or(UnusableHash::Malformed)?;
        let mut costs = method.split(':').skip(1);
        let mut next = || costs.next().ok_or(UnusableHash::Malformed);
        let numbers = [next()?, next()?, next()?];
        if costs.next().is_some() {
            return Err(UnusableHash::Malformed);
        }
        let output = fields::decode_hex(output).ok_or(UnusableHash::Malformed)?;
        Self::from_framework(numbers, salt, output)
    }

    /// Builds a hash from the fields of Django or Werkzeug, which write N and not its logarithm.
    fn from_framework(costs: [&str; 3], salt: &str, output: Vec<u8>) -> Result<Self, UnusableHash> {
        let [n, r, p] = costs.map(fields::decimal);
        let (Some(n), Some(r), Some(p)) = (n, r, p) else {
            return Err(UnusableHash::Malformed);
        };
        if !n.is_power_of_two() || output.len() != FRAMEWORK_BYTES {
            return Err(UnusableHash::Malformed);
        }
        Self::within_bounds([n.ilog2(), r, p], salt.into(), output)
    }

    /// Rejects costs that a row of the database could use to stop the server, and salts that
    /// are too short to protect anything.
    fn within_bounds(
        [log_n, r, p]: [u32; 3],
        salt: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<Self, UnusableHash> {
        const MAX_MEMORY_BYTES: u64 = 256 * 1024 * 1024;
        /// Bytes mixed in all `p` runs together: one or two seconds of work.
        const MAX_WORK_BYTES: u64 = 2 * MAX_MEMORY_BYTES;
        // Each is bounded first, so that the products below cannot overflow.
        let plausible = (1..=24).contains(&log_n) && (1..=64).contains(&r) && (1..=16).contains(&p);
        if !plausible || !fields::is_valid_salt(&salt) {
            return Err(UnusableHash::OutOfBounds);
        }
        let memory = (128 * u64::from(r)) << log_n;
        if memory > MAX_MEMORY_BYTES || memory * u64::from(p) > MAX_WORK_BYTES {
            return Err(UnusableHash::OutOfBounds);
        }
        let out_of_bounds = |_| UnusableHash::OutOfBounds;
        let log_n = u8::try_from(log_n).map_err(out_of_bounds)?;
        Ok(Self {
            params: Params::new(log_n, r, p).map_err(|_| UnusableHash::OutOfBounds)?,
            memory_bytes: usize::try_from(memory).map_err(out_of_bounds)?,
            salt,
            output,
        })
    }

    /// Returns the binary logarithm of N, then r and p.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn costs(&self) -> [u32; 3] {
        [self.params.log_n().into(), self.params.r(), self.params.p()]
    }

    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    pub(super) fn compute(&self, password: &Password) -> Result<Vec<u8>, ComputeError> {
        // The computation allocates its memory itself and ends the process if there is none.
        // Reserving it first makes that an error.
        Vec::<u8>::new()
            .try_reserve_exact(self.memory_bytes)
            .map_err(|_| ComputeError::OutOfMemory)?;
        let mut output = vec![0; self.output.len()];
        let password = password.expose().as_bytes();
        scrypt(password, &self.salt, &self.params, &mut output)
            .map_err(|_| ComputeError::InvalidCosts)?;
        Ok(output)
    }
}
