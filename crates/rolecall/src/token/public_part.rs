//! Public keys: their parts as in a JWK, the checks before they are trusted, and their thumbprints.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    EcdsaVerificationAlgorithm, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::encoding::encode;
use super::error::KeyError;
use super::rsa;

/// A public key, as the parts of a JWK (RFC 7518 section 6, RFC 8037 section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicPart {
    EllipticCurve { x: Vec<u8>, y: Vec<u8> },
    Edwards { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl PublicPart {
    /// Checks the key for use with `algorithm` and converts it for aws-lc.
    pub(super) fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, KeyError> {
        let mismatched = KeyError::Mismatched(algorithm);
        let length = algorithm.curve().map(|(_, length)| length);
        let has_length = |coordinate: &[u8]| length == Some(coordinate.len());
        let parsed = match self {
            Self::EllipticCurve { x, y } if has_length(x) && has_length(y) => {
                let scheme = ecdsa(algorithm).ok_or(mismatched.clone())?;
                // SEC 1 section 2.3.3: an uncompressed point
                ParsedPublicKey::new(scheme, [&[4], x.as_slice(), y].concat())
            }
            Self::Edwards { x } if algorithm == Algorithm::EdDsa && has_length(x) => {
                if has_low_order(x) {
                    return Err(KeyError::Weak("a point of low order"));
                }
                ParsedPublicKey::new(&ED25519, x)
            }
            Self::Rsa { n, e } => {
                let scheme = rsa_scheme(algorithm).ok_or(mismatched.clone())?;
                rsa::check(n, e)?;
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(scheme)
            }
            _ => return Err(mismatched),
        };
        parsed.map_err(|_| mismatched)
    }

    /// Returns the members from which the thumbprint is computed, sorted by name (RFC 7638 section 3.2).
    fn members(&self, algorithm: Algorithm) -> Vec<(&'static str, String)> {
        let curve = algorithm.curve().map_or("", |(name, _)| name).to_owned();
        match self {
            Self::EllipticCurve { x, y } => vec![
                ("crv", curve),
                ("kty", "EC".to_owned()),
                ("x", encode(x)),
                ("y", encode(y)),
            ],
            Self::Edwards { x } => {
                vec![("crv", curve), ("kty", "OKP".to_owned()), ("x", encode(x))]
            }
            Self::Rsa { n, e } => vec![
                ("e", encode(e)),
                ("kty", "RSA".to_owned()),
                ("n", encode(n)),
            ],
        }
    }

    /// Returns the key as a JWK without `kid`, `alg` and `use`.
    pub(super) fn to_jwk(&self, algorithm: Algorithm) -> Map<String, Value> {
        let members = self.members(algorithm).into_iter();
        members
            .map(|(name, value)| (name.to_owned(), Value::String(value)))
            .collect()
    }

    /// Returns the JWK thumbprint with SHA-256 in base64url (RFC 7638).
    pub(super) fn thumbprint(&self, algorithm: Algorithm) -> String {
        // the JSON is built by hand because the RFC fixes the order; no value has characters to escape
        let members = self.members(algorithm).into_iter();
        let members: Vec<String> = members
            .map(|(name, value)| format!("\"{name}\":\"{value}\""))
            .collect();
        let text = format!("{{{}}}", members.join(","));
        encode(digest(&SHA256, text.as_bytes()).as_ref())
    }
}

fn ecdsa(algorithm: Algorithm) -> Option<&'static EcdsaVerificationAlgorithm> {
    match algorithm {
        Algorithm::Es256 => Some(&ECDSA_P256_SHA256_FIXED),
        Algorithm::Es384 => Some(&ECDSA_P384_SHA384_FIXED),
        Algorithm::Es512 => Some(&ECDSA_P521_SHA512_FIXED),
        _ => None,
    }
}

fn rsa_scheme(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_2048_8192_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

/// The y coordinates, little endian, of the points of order 1, 2, 4 and 8 of Curve25519, including encodings beyond the
/// prime. With such a key, one signature is valid for many messages.
const LOW_ORDER: [[u8; 32]; 7] = [
    with_ends(0, 0, 0),
    with_ends(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    with_ends(0xec, 0xff, 0x7f),
    with_ends(0xed, 0xff, 0x7f),
    with_ends(0xee, 0xff, 0x7f),
];

const fn with_ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    let ([start, .., end], first, last) = (&mut bytes, first, last);
    *start = first;
    *end = last;
    bytes
}

fn has_low_order(x: &[u8]) -> bool {
    let mut y = x.to_vec();
    if let Some(last) = y.last_mut() {
        // the highest bit is the sign of the other coordinate
        *last &= 0x7f;
    }
    LOW_ORDER.iter().any(|low| low.as_slice() == y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::encoding::decode;

    #[test]
    fn the_thumbprint_is_as_in_rfc_8037() {
        let x = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(
            PublicPart::Edwards { x }.thumbprint(Algorithm::EdDsa),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn low_order_points_at_the_ends_of_the_field_are_refused() {
        for (first, last) in [(0, 0), (1, 0), (0xec, 0x7f), (0xed, 0x7f), (0xee, 0x7f)] {
            let middle = if last == 0 { 0 } else { 0xff };
            let mut x = vec![first];
            x.extend([middle; 30]);
            x.push(last);
            let refused = PublicPart::Edwards { x }.parse(Algorithm::EdDsa);
            assert!(matches!(refused, Err(KeyError::Weak(_))), "{first:x}");
        }
    }

    #[test]
    fn low_order_points_are_refused_because_forged_signatures_are_valid() {
        let mut forgeable = 0;
        for low in LOW_ORDER {
            for sign in [0, 0x80] {
                let mut x = low.to_vec();
                x[31] |= sign;
                let part = PublicPart::Edwards { x: x.clone() };
                assert!(matches!(
                    part.parse(Algorithm::EdDsa),
                    Err(KeyError::Weak(_))
                ));
                let Ok(weak) = ParsedPublicKey::new(&ED25519, &x) else {
                    continue;
                };
                // R is the neutral element and s is 0, so no private key is needed
                let forged = [&[1][..], &[0; 63]].concat();
                let valid = (0u8..=255).filter(|m| weak.verify_sig(&[*m], &forged).is_ok());
                forgeable += usize::from(valid.count() > 0);
            }
        }
        assert!(
            forgeable >= 6,
            "some points in the list are not weak: {forgeable}"
        );
    }
}
