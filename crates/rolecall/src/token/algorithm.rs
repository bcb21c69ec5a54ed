//! The signature algorithms that are supported.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use thiserror::Error;

/// A signature algorithm of RFC 7518 section 3.1 or RFC 8037 section 3.1.
///
/// A key is for exactly one algorithm. `none` is not a value of this type.
///
/// ```
/// use rolecall::token::Algorithm;
///
/// assert_eq!("ES256".parse(), Ok(Algorithm::Es256));
/// assert_eq!(Algorithm::EdDsa.to_string(), "EdDSA");
/// assert!("none".parse::<Algorithm>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256: signer and verifier share a secret.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519, called `EdDSA` in JOSE.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
}

/// The type of key that an algorithm needs: `kty` in RFC 7517 section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Octets,
    EllipticCurve,
    Edwards,
    Rsa,
}

/// The error for a text that is not the name of a supported algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a supported signature algorithm")]
pub struct ParseAlgorithmError;

impl Algorithm {
    /// All supported algorithms.
    pub const ALL: [Self; 13] = [
        Self::Hs256,
        Self::Hs384,
        Self::Hs512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
    ];

    /// Returns the JOSE name, as in the `alg` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    /// Returns true if the key that verifies tokens can also sign them.
    #[must_use]
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    pub(super) const fn key_type(self) -> KeyType {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => KeyType::Octets,
            Self::Es256 | Self::Es384 | Self::Es512 => KeyType::EllipticCurve,
            Self::EdDsa => KeyType::Edwards,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                KeyType::Rsa
            }
        }
    }

    /// Returns the HMAC algorithm and the minimum length of its secret in bytes: that of the hash (RFC 7518 section
    /// 3.2).
    pub(super) const fn hmac(self) -> Option<(hmac::Algorithm, usize)> {
        match self {
            Self::Hs256 => Some((hmac::HMAC_SHA256, 32)),
            Self::Hs384 => Some((hmac::HMAC_SHA384, 48)),
            Self::Hs512 => Some((hmac::HMAC_SHA512, 64)),
            _ => None,
        }
    }

    /// Returns the JOSE name of the curve, and the length of a coordinate in bytes.
    pub(super) const fn curve(self) -> Option<(&'static str, usize)> {
        match self {
            Self::Es256 => Some(("P-256", 32)),
            Self::Es384 => Some(("P-384", 48)),
            Self::Es512 => Some(("P-521", 66)),
            Self::EdDsa => Some(("Ed25519", 32)),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = ParseAlgorithmError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or(ParseAlgorithmError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_case_sensitive() {
        for algorithm in Algorithm::ALL {
            let name = algorithm.to_string();
            assert_eq!(name.parse(), Ok(algorithm));
            for odd in [name.to_lowercase(), format!(" {name}"), format!("{name}\0")] {
                if odd != name {
                    assert_eq!(odd.parse::<Algorithm>(), Err(ParseAlgorithmError), "{odd}");
                }
            }
        }
    }

    #[test]
    fn none_is_not_an_algorithm_in_any_spelling() {
        for none in ["none", "None", "NONE", "nOnE", "", "null", "HS1", "RS1"] {
            assert_eq!(none.parse::<Algorithm>(), Err(ParseAlgorithmError));
        }
    }

    #[test]
    fn only_hmac_algorithms_are_symmetric() {
        for algorithm in Algorithm::ALL {
            assert_eq!(
                algorithm.is_symmetric(),
                algorithm.as_str().starts_with("HS")
            );
            assert_eq!(algorithm.is_symmetric(), algorithm.hmac().is_some());
        }
    }
}
