//! The cost to sign and to verify an access token with each algorithm of the server, beside bare aws-lc-rs with the
//! same key.

use std::time::Duration;

use anyhow::{Context as _, bail};
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{
        self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
        Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair,
        VerificationAlgorithm,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::{
    Guard,
    token::{Algorithm, KeySet, SigningKey},
};

use super::verify::{BareKey, claims, guard, measure};

/// The values of `tokens.algorithm`.
const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::Es256,
    Algorithm::EdDsa,
    Algorithm::Rs256,
    Algorithm::Hs256,
];

/// A private key of aws-lc-rs.
enum BareSigner {
    Secret(Box<hmac::Key>),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl BareSigner {
    fn signs(&self, random: &SystemRandom, message: &[u8]) -> bool {
        match self {
            Self::Secret(key) => !hmac::sign(key, message).as_ref().is_empty(),
            Self::Ecdsa(pair) => pair.sign(random, message).is_ok(),
            Self::Ed25519(pair) => !pair.sign(message).as_ref().is_empty(),
            Self::Rsa(pair) => {
                let mut output = vec![0; pair.public_modulus_len()];
                let encoding = &signature::RSA_PKCS1_SHA256;
                pair.sign(encoding, random, message, &mut output).is_ok()
            }
        }
    }
}

/// An algorithm to time; its key is generated like those of the server, RSA with 3072 bits.
struct Case {
    key: SigningKey,
    signer: BareSigner,
    verifier: BareKey,
    token: String,
    /// The signed text and the decoded signature.
    parts: (String, Vec<u8>),
    /// Has no cache.
    guard: Guard,
}

/// Measures all algorithms and operations in turn; prints algorithm, operation and nanoseconds.
pub(crate) fn run(rounds: usize, time: Duration) -> anyhow::Result<()> {
    let cases = ALGORITHMS
        .into_iter()
        .map(Case::new)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let (random, claims) = (SystemRandom::new(), claims());
    for _ in 0..rounds {
        for case in &cases {
            let (message, signature) = &case.parts;
            let message = message.as_bytes();
            for (operation, nanoseconds) in [
                (
                    "bare-sign",
                    measure(time, || case.signer.signs(&random, message))?,
                ),
                ("sign", measure(time, || case.key.sign(&claims).is_ok())?),
                (
                    "bare-verify",
                    measure(time, || case.verifier.verifies(message, signature))?,
                ),
                (
                    "verify",
                    measure(time, || case.guard.verify(&case.token).is_ok())?,
                ),
            ] {
                println!("{}\t{operation}\t{nanoseconds:.1}", case.key.algorithm());
            }
        }
    }
    Ok(())
}

impl Case {
    fn new(algorithm: Algorithm) -> anyhow::Result<Self> {
        let (key, signer, verifier) = keys(algorithm)?;
        let token = key.sign(&claims())?;
        let (message, signature) = token.rsplit_once('.').context("a token has three parts")?;
        let parts = (message.to_owned(), URL_SAFE_NO_PAD.decode(signature)?);
        let guard = guard(KeySet::new(vec![key.verifying_key()])?, 0)?;
        guard.verify(&token)?;
        Ok(Self {
            key,
            signer,
            verifier,
            token,
            parts,
            guard,
        })
    }
}

fn keys(algorithm: Algorithm) -> anyhow::Result<(SigningKey, BareSigner, BareKey)> {
    if algorithm == Algorithm::Hs256 {
        let secret = [7; 32];
        let key = SigningKey::from_secret(algorithm, Some("key"), &secret)?;
        let bare = || Box::new(hmac::Key::new(hmac::HMAC_SHA256, &secret));
        return Ok((key, BareSigner::Secret(bare()), BareKey::Secret(bare())));
    }
    let key = SigningKey::generate(algorithm)?;
    let der = key.to_pkcs8().context("the key has no private part")?;
    let (signer, verifier) = match algorithm {
        Algorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)?;
            let public = public(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref())?;
            (BareSigner::Ecdsa(pair), public)
        }
        Algorithm::EdDsa => {
            let pair = Ed25519KeyPair::from_pkcs8(&der)?;
            let public = public(&ED25519, pair.public_key().as_ref())?;
            (BareSigner::Ed25519(pair), public)
        }
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(&der)?;
            let public = public(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())?;
            (BareSigner::Rsa(pair), public)
        }
        other => bail!("{other} is not measured here"),
    };
    Ok((key, signer, verifier))
}

fn public(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> anyhow::Result<BareKey> {
    Ok(BareKey::Public(ParsedPublicKey::new(algorithm, key)?))
}
