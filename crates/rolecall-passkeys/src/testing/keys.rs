use aws_lc_rs::{
    rand,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
        RSA_PKCS1_SHA256, RsaKeyPair,
    },
};

use super::parts::{bytes, integer, map};
use crate::cose::{ED_DSA, ES256, RS256};

/// An algorithm of passkeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA with PKCS #1 1.5 and SHA-256.
    Rs256,
}

impl Algorithm {
    /// Every algorithm that the options ask for.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// Returns the number of the algorithm in COSE.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Es256 => ES256,
            Self::EdDsa => ED_DSA,
            Self::Rs256 => RS256,
        }
    }
}

/// The private key of a passkey.
#[derive(Debug)]
pub enum Key {
    /// For ES256.
    Es256(EcdsaKeyPair),
    /// For `EdDSA`.
    EdDsa(Ed25519KeyPair),
    /// For RS256.
    Rs256(RsaKeyPair),
}

impl Key {
    /// Makes a key; `None` if the system has no randomness.
    #[must_use]
    pub fn generate(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                .ok()
                .map(Self::Es256),
            Algorithm::EdDsa => Ed25519KeyPair::generate().ok().map(Self::EdDsa),
            Algorithm::Rs256 => RsaKeyPair::generate(KeySize::Rsa2048).ok().map(Self::Rs256),
        }
    }

    /// Returns the public key as a `COSE_Key`.
    #[must_use]
    pub fn to_cose(&self) -> Vec<u8> {
        let number = integer;
        match self {
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point.split_at(1).1.split_at(32);
                map(&[
                    (number(1), number(2)),
                    (number(3), number(ES256)),
                    (number(-1), number(1)),
                    (number(-2), bytes(x)),
                    (number(-3), bytes(y)),
                ])
            }
            Self::EdDsa(pair) => map(&[
                (number(1), number(1)),
                (number(3), number(ED_DSA)),
                (number(-1), number(6)),
                (number(-2), bytes(pair.public_key().as_ref())),
            ]),
            Self::Rs256(pair) => {
                // RSAPublicKey in DER: with 2048 bits, all before the modulus has 9 bytes, and a head of 2 follows
                let key = pair.public_key().as_ref().split_at(9).1;
                let (n, e) = (key.split_at(256).0, key.split_at(258).1);
                map(&[
                    (number(1), number(3)),
                    (number(3), number(RS256)),
                    (number(-1), bytes(n)),
                    (number(-2), bytes(e)),
                ])
            }
        }
    }

    /// Signs a message; `None` if the system has no randomness.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = rand::SystemRandom::new();
        match self {
            Self::Es256(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::EdDsa(pair) => Some(pair.sign(message).as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
                signed.ok().map(|()| signature)
            }
        }
    }
}

pub(super) fn random(length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}
