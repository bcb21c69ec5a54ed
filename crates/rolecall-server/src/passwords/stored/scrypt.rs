//! scrypt (RFC 7914): the PHC form, which passlib writes too, Django's and Werkzeug's.

use ::scrypt::{Params, scrypt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Failure, Password, Unusable, fields, phc::Phc};

/// Output bytes that Django and Werkzeug ask for.
const FRAMEWORK_BYTES: usize = 64;

/// A scrypt hash within bounds.
#[cfg_attr(any(test, fuzzing), derive(Debug, PartialEq))]
pub(in crate::passwords) struct ScryptHash {
    params: Params,
    memory_bytes: usize,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl ScryptHash {
    /// `$scrypt$ln=16,r=8,p=1$salt$hash` with an output of 32 or 64 bytes.
    pub(super) fn parse_phc(text: &str) -> Result<Self, Unusable> {
        let phc = Phc::parse(text).ok_or(Unusable::Broken)?;
        let costs = phc.parameters(["ln", "r", "p"]).ok_or(Unusable::Broken)?;
        // The beginning of an output is itself a valid, shorter output: any other length
        // than the usual ones was cut off.
        if phc.version.is_some() || !matches!(phc.hash.len(), 32 | 64) {
            return Err(Unusable::Broken);
        }
        Self::bounded(costs, phc.salt, phc.hash)
    }

    /// What follows `scrypt$`: `16384$salt$8$5$hash`; the salt is the text itself.
    pub(super) fn parse_django(text: &str) -> Result<Self, Unusable> {
        let [n, salt, r, p, output] = fields::split(text).ok_or(Unusable::Broken)?;
        let output = STANDARD.decode(output).map_err(|_| Unusable::Broken)?;
        Self::framework([n, r, p], salt, output)
    }

    /// `scrypt:32768:8:1$salt$hash`, the hash in hexadecimal; the salt is the text itself.
    pub(super) fn parse_werkzeug(text: &str) -> Result<Self, Unusable> {
        let [method, salt, output] = fields::split(text).ok_or(Unusable::Broken)?;
        let mut costs = method.split(':').skip(1);
        let mut next = || costs.next().ok_or(Unusable::Broken);
        let numbers = [next()?, next()?, next()?];
        if costs.next().is_some() {
            return Err(Unusable::Broken);
        }
        let output = fields::decode_hex(output).ok_or(Unusable::Broken)?;
        Self::framework(numbers, salt, output)
    }

    /// Both frameworks write N itself and not its logarithm.
    fn framework(costs: [&str; 3], salt: &str, output: Vec<u8>) -> Result<Self, Unusable> {
        let [n, r, p] = costs.map(fields::decimal);
        let (Some(n), Some(r), Some(p)) = (n, r, p) else {
            return Err(Unusable::Broken);
        };
        if !n.is_power_of_two() || output.len() != FRAMEWORK_BYTES {
            return Err(Unusable::Broken);
        }
        Self::bounded([n.ilog2(), r, p], salt.into(), output)
    }

    /// Refuses what would cost too much (a row of the database must not stop the server)
    /// or is too short to protect anything.
    fn bounded([log_n, r, p]: [u32; 3], salt: Vec<u8>, output: Vec<u8>) -> Result<Self, Unusable> {
        const MAX_MEMORY_BYTES: u64 = 256 * 1024 * 1024;
        /// Bytes mixed by all of the `p` runs: one or two seconds of work.
        const MAX_WORK_BYTES: u64 = 2 * MAX_MEMORY_BYTES;
        // Bounded one by one, so that nothing overflows in the products.
        let plausible = (1..=24).contains(&log_n) && (1..=64).contains(&r) && (1..=16).contains(&p);
        if !plausible || !fields::is_salt(&salt) {
            return Err(Unusable::OutOfBounds);
        }
        let memory = (128 * u64::from(r)) << log_n;
        if memory > MAX_MEMORY_BYTES || memory * u64::from(p) > MAX_WORK_BYTES {
            return Err(Unusable::OutOfBounds);
        }
        let out_of_bounds = |_| Unusable::OutOfBounds;
        let log_n = u8::try_from(log_n).map_err(out_of_bounds)?;
        Ok(Self {
            params: Params::new(log_n, r, p).map_err(|_| Unusable::OutOfBounds)?,
            memory_bytes: usize::try_from(memory).map_err(out_of_bounds)?,
            salt,
            output,
        })
    }

    /// The logarithm of N, r and p, as they will be run.
    #[cfg(any(test, fuzzing))]
    pub(super) fn costs(&self) -> [u32; 3] {
        [self.params.log_n().into(), self.params.r(), self.params.p()]
    }

    pub(super) fn output(&self) -> &[u8] {
        &self.output
    }

    pub(super) fn compute(&self, password: &Password) -> Result<Vec<u8>, Failure> {
        // The computation takes its memory itself, and where there is none it would end the
        // process: asking first makes that an error.
        Vec::<u8>::new()
            .try_reserve_exact(self.memory_bytes)
            .map_err(|_| Failure)?;
        let mut output = vec![0; self.output.len()];
        let password = password.expose().as_bytes();
        scrypt(password, &self.salt, &self.params, &mut output).map_err(|_| Failure)?;
        Ok(output)
    }
}
