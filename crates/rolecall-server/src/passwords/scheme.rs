//! The schemes: how new hashes are made and which stored ones can be verified.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::memory::Memory;
use super::phc::{self, Phc};
use super::{Password, PasswordProblem};

/// What bcrypt can take in; it ignores everything after.
const BCRYPT_MAX_BYTES: usize = 72;

/// bcrypt's own base64. Some old libraries leave stray bits in the last letter of the salt.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

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

    /// A stored hash with `salt`, whose output is still to be computed (it is all zero).
    fn blank(&self, salt: [u8; 16]) -> Result<StoredHash, Unusable> {
        match *self {
            Self::Argon2id {
                memory_kib,
                passes,
                lanes,
            } => Argon2Hash::bounded(
                Algorithm::Argon2id,
                Version::V0x13,
                [memory_kib, passes, lanes],
                salt.to_vec(),
                vec![0; 32],
            )
            .map(StoredHash::Argon2),
            Self::Bcrypt { cost } => {
                BcryptHash::bounded(cost, salt, [0; 23]).map(StoredHash::Bcrypt)
            }
        }
    }

    /// Computes a new hash of `password` with a random salt.
    pub(super) fn hash(&self, password: &Password, memory: &mut Memory) -> Result<String, Failure> {
        let mut stored = self.blank(random()?).map_err(|_| Failure)?;
        match &mut stored {
            StoredHash::Argon2(hash) => hash.output = hash.compute(password, memory)?,
            StoredHash::Bcrypt(hash) => hash.output = hash.compute(password),
        }
        Ok(stored.to_string())
    }

    /// A hash that no password is known for and that costs what a current one costs.
    pub(super) fn dummy(&self) -> Result<StoredHash, Failure> {
        let mut stored = self.blank(random()?).map_err(|_| Failure)?;
        match &mut stored {
            StoredHash::Argon2(hash) => hash.output = random::<32>()?.to_vec(),
            StoredHash::Bcrypt(hash) => hash.output = random()?,
        }
        Ok(stored)
    }
}

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
pub(super) enum StoredHash {
    Argon2(Argon2Hash),
    Bcrypt(BcryptHash),
}

impl StoredHash {
    /// Recognises the scheme by its prefix and takes the text apart.
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let id = text
            .strip_prefix('$')
            .and_then(|rest| rest.split('$').next());
        match id.unwrap_or_default() {
            "argon2id" => Argon2Hash::parse(text, Algorithm::Argon2id).map(Self::Argon2),
            "argon2i" => Argon2Hash::parse(text, Algorithm::Argon2i).map(Self::Argon2),
            "2a" | "2b" | "2y" => BcryptHash::parse(text).map(Self::Bcrypt),
            _ => Err(Unusable::UnknownScheme),
        }
    }

    /// Whether `password` is the one this hash was made from. Compares in constant time.
    pub(super) fn verify(&self, password: &Password, memory: &mut Memory) -> Result<bool, Failure> {
        Ok(match self {
            Self::Argon2(hash) => hash.output.ct_eq(&hash.compute(password, memory)?).into(),
            Self::Bcrypt(hash) => {
                let same: bool = hash.output.ct_eq(&hash.compute(password)).into();
                same && !password.expose().contains('\0')
            }
        })
    }

    /// Whether a new hash made with `parameters` would be of the same kind and cost.
    pub(super) fn is_made_with(&self, parameters: &Parameters) -> bool {
        match (self, *parameters) {
            (
                Self::Argon2(hash),
                Parameters::Argon2id {
                    memory_kib,
                    passes,
                    lanes,
                },
            ) => {
                hash.algorithm == Algorithm::Argon2id
                    && hash.version == Version::V0x13
                    && hash.params.m_cost() == memory_kib
                    && hash.params.t_cost() == passes
                    && hash.params.p_cost() == lanes
                    && hash.salt.len() >= 16
                    && hash.output.len() >= 32
            }
            (Self::Bcrypt(hash), Parameters::Bcrypt { cost }) => hash.cost == cost,
            _ => false,
        }
    }
}

impl fmt::Display for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argon2(hash) => write!(
                f,
                "${}$v={}$m={},t={},p={}${}${}",
                hash.algorithm.as_str(),
                u32::from(hash.version),
                hash.params.m_cost(),
                hash.params.t_cost(),
                hash.params.p_cost(),
                phc::encode(&hash.salt),
                phc::encode(&hash.output),
            ),
            Self::Bcrypt(hash) => write!(
                f,
                "$2b${:02}${}{}",
                hash.cost,
                BCRYPT_BASE64.encode(hash.salt),
                BCRYPT_BASE64.encode(hash.output),
            ),
        }
    }
}

/// An Argon2 hash within bounds.
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Argon2Hash {
    fn parse(text: &str, algorithm: Algorithm) -> Result<Self, Unusable> {
        let phc = Phc::parse(text).ok_or(Unusable::Broken)?;
        debug_assert_eq!(phc.id, algorithm.as_str());
        // Hashes from before version 1.3 do not name their version.
        let version = match phc.version {
            Some(19) => Version::V0x13,
            Some(16) | None => Version::V0x10,
            Some(_) => return Err(Unusable::Broken),
        };
        let costs = phc.parameters(["m", "t", "p"]).ok_or(Unusable::Broken)?;
        Self::bounded(algorithm, version, costs, phc.salt, phc.hash)
    }

    /// Refuses what would cost too much (a row of the database must not stop the server)
    /// or is too short to protect anything.
    fn bounded(
        algorithm: Algorithm,
        version: Version,
        [memory_kib, passes, lanes]: [u32; 3],
        salt: Vec<u8>,
        output: Vec<u8>,
    ) -> Result<Self, Unusable> {
        const MAX_MEMORY_KIB: u32 = 256 * 1024;
        const MAX_PASSES: u32 = 20;
        const MAX_LANES: u32 = 16;
        /// KiB written in all passes: about a second of work.
        const MAX_WORK_KIB: u64 = 1024 * 1024;
        let affordable = memory_kib <= MAX_MEMORY_KIB
            && passes <= MAX_PASSES
            && lanes <= MAX_LANES
            && u64::from(memory_kib) * u64::from(passes) <= MAX_WORK_KIB;
        if !affordable || !(8..=64).contains(&salt.len()) || !(16..=64).contains(&output.len()) {
            return Err(Unusable::OutOfBounds);
        }
        let params = Params::new(memory_kib, passes, lanes, Some(output.len()))
            .map_err(|_| Unusable::OutOfBounds)?;
        Ok(Self {
            algorithm,
            version,
            params,
            salt,
            output,
        })
    }

    fn compute(&self, password: &Password, memory: &mut Memory) -> Result<Vec<u8>, Failure> {
        let blocks = memory.blocks(self.params.block_count()).ok_or(Failure)?;
        let mut output = vec![0; self.output.len()];
        Argon2::new(self.algorithm, self.version, self.params.clone())
            .hash_password_into_with_memory(
                password.expose().as_bytes(),
                &self.salt,
                &mut output,
                blocks,
            )
            .map_err(|_| Failure)?;
        Ok(output)
    }
}

/// A bcrypt hash within bounds.
pub(super) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    output: [u8; 23],
}

impl BcryptHash {
    fn parse(text: &str) -> Result<Self, Unusable> {
        Self::parts(text)
            .ok_or(Unusable::Broken)
            .and_then(|(cost, salt, output)| Self::bounded(cost, salt, output))
    }

    /// `$2b$`, two digits, `$`, 22 letters of salt, 31 letters of output.
    fn parts(text: &str) -> Option<(u32, [u8; 16], [u8; 23])> {
        if text.len() != 60 || !text.is_ascii() {
            return None;
        }
        let cost = text.get(4..6)?;
        if text.get(6..7)? != "$" || !cost.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let salt = BCRYPT_BASE64.decode(text.get(7..29)?).ok()?;
        let output = BCRYPT_BASE64.decode(text.get(29..)?).ok()?;
        Some((
            cost.parse().ok()?,
            salt.try_into().ok()?,
            output.try_into().ok()?,
        ))
    }

    fn bounded(cost: u32, salt: [u8; 16], output: [u8; 23]) -> Result<Self, Unusable> {
        if !(4..=16).contains(&cost) {
            return Err(Unusable::OutOfBounds);
        }
        Ok(Self { cost, salt, output })
    }

    /// Cuts at 72 bytes, as every bcrypt does: an imported hash was made that way.
    fn compute(&self, password: &Password) -> [u8; 23] {
        let bytes = password.expose().as_bytes();
        let mut key = Zeroizing::new([0; BCRYPT_MAX_BYTES]);
        for (slot, byte) in key.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        // The key ends with a NUL where there is room for one.
        let length = (bytes.len() + 1).min(BCRYPT_MAX_BYTES);
        let key = key.get(..length).unwrap_or_default();
        let mut output = [0; 23];
        output.copy_from_slice(bcrypt::bcrypt(self.cost, self.salt, key).split_at(23).0);
        output
    }
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Failure)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every hash below but one was made by other software from this password.
    const PASSWORD: &str = "purple tram caf\u{e9}";

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    fn matches(stored: &str, text: &str) -> bool {
        let hash = StoredHash::parse(stored).unwrap();
        hash.verify(&password(text), &mut Memory::default())
            .unwrap()
    }

    fn refusal(stored: &str) -> Option<Unusable> {
        StoredHash::parse(stored).err()
    }

    #[test]
    fn hashes_made_elsewhere_verify_the_right_password_only() {
        for stored in [
            "$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9ealTT6NHIr672j/ywYElEGCY",
            "$argon2id$v=19$m=64,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$kmdHF2x+FceLIDyb8xbTdmSzYn237ZrdBuac8J9kDzk",
            "$argon2i$v=19$m=64,t=2,p=1$MDEyMzQ1Njc$gLcyDyo1kY6S8lFPCzRHcg",
            "$argon2i$v=16$m=64,t=2,p=1$MDEyMzQ1Njc$9KETQ8s4mAeIKBR/MChSYByfqmQjBBts",
            "$argon2i$m=64,t=2,p=1$MDEyMzQ1Njc$9KETQ8s4mAeIKBR/MChSYByfqmQjBBts",
            "$2b$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
            "$2a$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
            "$2y$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
            // stray bits in the last letter of the salt, as old software leaves them
            "$2y$04$abcdefghijklmnopqrstuv/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
        ] {
            assert!(matches(stored, PASSWORD), "{stored}");
            assert!(matches(stored, "purple tram cafe\u{301}"), "{stored}");
            for wrong in [
                "",
                "purple tram cafe",
                "Purple tram caf\u{e9}",
                "purple tram caf\u{e9} ",
            ] {
                assert!(!matches(stored, wrong), "{stored} takes `{wrong}`");
            }
        }
    }

    #[test]
    fn an_imported_bcrypt_hash_is_cut_at_72_bytes_as_its_origin_did() {
        let stored = "$2b$04$abcdefghijklmnopqrstuuMtJwfagkGaCKZ.IMpPJzYjhgL/xnp2C";
        let whole = "0123456789".repeat(7) + "ab";
        assert!(matches(stored, &whole));
        assert!(matches(stored, &format!("{whole} and a tail")));
        assert!(!matches(stored, &whole[..71]));
    }

    #[test]
    fn an_empty_password_is_just_a_password() {
        let stored = "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq";
        assert!(matches(stored, ""));
        assert!(!matches(stored, " "));
    }

    #[test]
    fn bcrypt_never_takes_a_password_with_a_nul_for_its_twin() {
        let parameters = Parameters::Bcrypt { cost: 4 };
        let stored = parameters
            .hash(&password("ab"), &mut Memory::default())
            .unwrap();
        assert!(matches(&stored, "ab"));
        for twin in ["ab\0ab", "ab\0", "ab\0ab\0ab"] {
            assert!(!matches(&stored, twin), "{}", twin.escape_debug());
        }
    }

    #[test]
    fn absurd_parameters_are_refused_before_anything_is_allocated() {
        for costs in [
            "m=4194304,t=2,p=1",
            "m=4294967295,t=1,p=1",
            "m=262145,t=1,p=1",
            "m=64,t=21,p=1",
            "m=64,t=1000000,p=1",
            "m=262144,t=5,p=1",
            "m=1024,t=1,p=17",
            "m=64,t=0,p=1",
            "m=64,t=1,p=0",
            "m=7,t=1,p=1",
            "m=64,t=1,p=9",
        ] {
            let stored = format!(
                "$argon2id$v=19${costs}$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9ealTT6NHIr672j/ywYElEGCY"
            );
            assert_eq!(refusal(&stored), Some(Unusable::OutOfBounds), "{costs}");
        }
        for cost in ["00", "03", "17", "31", "99"] {
            let stored =
                format!("$2b${cost}$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC");
            assert_eq!(refusal(&stored), Some(Unusable::OutOfBounds), "{cost}");
        }
    }

    #[test]
    fn salts_and_outputs_that_protect_nothing_are_refused() {
        for (salt, output) in [
            ("c2FsdA", "cbbfd8RbR8tZ9muqZM9eag"),
            ("MDEyMzQ1Njc", "cbbf"),
        ] {
            let stored = format!("$argon2id$v=19$m=64,t=1,p=1${salt}${output}");
            assert_eq!(refusal(&stored), Some(Unusable::OutOfBounds));
        }
    }

    #[test]
    fn broken_and_unknown_hashes_are_refused() {
        let bcrypt = "$2b$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC";
        for stored in [
            bcrypt[..59].to_owned(),
            format!("{bcrypt}x"),
            bcrypt.replace("$04$", "$+4$"),
            bcrypt.replace("$04$", "$0x$"),
            bcrypt.replace("04$a", "04xa"),
            bcrypt.replace("abc", "a\u{e9}"),
            bcrypt.replace("abc", "a=c"),
            "$argon2id$v=18$m=64,t=1,p=1$MDEyMzQ1Njc$cbbfd8RbR8tZ9muqZM9eag".to_owned(),
            "$argon2id$v=19$m=64,t=1$MDEyMzQ1Njc$cbbfd8RbR8tZ9muqZM9eag".to_owned(),
            "$argon2id$".to_owned(),
        ] {
            assert_eq!(refusal(&stored), Some(Unusable::Broken), "{stored}");
        }
        for stored in [
            "",
            "plain text",
            "$argon2d$v=19$m=64,t=2,p=1$MDEyMzQ1Njc$DqfK9/mLcJW8cjqdNa4dlPlPRBsxKSnI",
            &bcrypt.replace("2b", "2x"),
            "$1$abcdefgh$0123456789abcdefghijkl",
            "5f4dcc3b5aa765d61d8327deb882cf99",
        ] {
            assert_eq!(refusal(stored), Some(Unusable::UnknownScheme), "{stored}");
        }
    }

    #[test]
    fn new_hashes_have_the_documented_form_and_a_salt_of_their_own() {
        let mut memory = Memory::default();
        for (parameters, prefix) in [
            (Parameters::default(), "$argon2id$v=19$m=19456,t=2,p=1$"),
            (Parameters::Bcrypt { cost: 4 }, "$2b$04$"),
        ] {
            let one = parameters.hash(&password(PASSWORD), &mut memory).unwrap();
            let other = parameters.hash(&password(PASSWORD), &mut memory).unwrap();
            assert!(one.starts_with(prefix), "{one}");
            assert_ne!(one, other);
            assert!(matches(&one, PASSWORD) && matches(&other, PASSWORD));
            let read = StoredHash::parse(&one).unwrap();
            assert_eq!(read.to_string(), one);
            assert!(read.is_made_with(&parameters));
        }
        assert_eq!(
            Parameters::of(PasswordScheme::Bcrypt),
            Parameters::Bcrypt { cost: 12 }
        );
    }

    #[test]
    fn a_hash_with_other_costs_or_another_scheme_is_not_current() {
        let current = Parameters::Argon2id {
            memory_kib: 64,
            passes: 2,
            lanes: 1,
        };
        for stored in [
            "$argon2id$v=19$m=64,t=3,p=4$MDEyMzQ1Njc4OWFiY2RlZg$kmdHF2x+FceLIDyb8xbTdmSzYn237ZrdBuac8J9kDzk",
            "$argon2i$v=19$m=64,t=2,p=1$MDEyMzQ1Njc$gLcyDyo1kY6S8lFPCzRHcg",
            "$2b$04$abcdefghijklmnopqrstuu/bZTuvg6VD9mN977ZIyrhMDWJLHUgCC",
        ] {
            assert!(
                !StoredHash::parse(stored).unwrap().is_made_with(&current),
                "{stored}"
            );
        }
    }

    #[test]
    fn memory_used_before_changes_no_result() {
        let mut memory = Memory::default();
        let large = Parameters::Argon2id {
            memory_kib: 512,
            passes: 1,
            lanes: 1,
        };
        large
            .hash(&password("something else"), &mut memory)
            .unwrap();
        let stored = "$argon2id$v=19$m=64,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$cbbfd8RbR8tZ9muqZM9ealTT6NHIr672j/ywYElEGCY";
        let hash = StoredHash::parse(stored).unwrap();
        assert!(hash.verify(&password(PASSWORD), &mut memory).unwrap());
    }

    proptest::proptest! {
        #[test]
        fn no_stored_text_makes_it_panic(stored in "\\PC{0,80}|\\$(2b|argon2id)\\$[a-z0-9=,$./+]{0,70}|\\$2b\\$0[0-9]\\$.{53}") {
            let _ = StoredHash::parse(&stored);
        }
    }
}
