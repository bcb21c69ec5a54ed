//! Public keys of passkeys (RFC 9052, RFC 9053, RFC 8230).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};

use crate::{Refusal, cbor::Value};

/// ES256, `EdDSA` and RS256: every authenticator has one of them. The best comes first.
pub(crate) const ALGORITHMS: [i64; 3] = [ES256, ED_DSA, RS256];
pub(crate) const ES256: i64 = -7;
pub(crate) const ED_DSA: i64 = -8;
pub(crate) const RS256: i64 = -257;

const KEY_TYPE: i64 = 1;
const ALGORITHM: i64 = 3;
/// The bytes of a modulus of 2048 bits, and of 4096: a longer one only costs time.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;

/// A public key that signs for one algorithm, valid and long enough.
#[derive(Debug)]
pub(crate) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// Reads a `COSE_Key` that has nothing but what its type needs (WebAuthn 6.5.1.1).
    pub(crate) fn read(value: &Value<'_>) -> Result<Self, Refusal> {
        let members = value.as_map().ok_or(Refusal::PublicKey)?;
        let algorithm = integer(members, ALGORITHM).ok_or(Refusal::PublicKey)?;
        let kind = integer(members, KEY_TYPE).ok_or(Refusal::PublicKey)?;
        let key = match algorithm {
            ES256 => p256(kind, members),
            ED_DSA => ed25519(kind, members),
            RS256 => rsa(kind, members),
            _ => return Err(Refusal::Algorithm),
        };
        key.map(Self).ok_or(Refusal::PublicKey)
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let verified = self.0.verify_sig(message, signature);
        verified.map_err(|_| Refusal::Signature)
    }
}

fn p256(kind: i64, members: &[(Value<'_>, Value<'_>)]) -> Option<ParsedPublicKey> {
    let is_p256 = kind == 2 && integer(members, -1) == Some(1) && members.len() == 5;
    let (x, y) = (bytes(members, -2)?, bytes(members, -3)?);
    if !is_p256 || x.len() != 32 || y.len() != 32 {
        return None;
    }
    // checks that the point is on the curve
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, [&[4], x, y].concat()).ok()
}

fn ed25519(kind: i64, members: &[(Value<'_>, Value<'_>)]) -> Option<ParsedPublicKey> {
    let is_ed25519 = kind == 1 && integer(members, -1) == Some(6) && members.len() == 4;
    let x = bytes(members, -2).filter(|x| is_ed25519 && x.len() == 32)?;
    ParsedPublicKey::new(&ED25519, x).ok()
}

fn rsa(kind: i64, members: &[(Value<'_>, Value<'_>)]) -> Option<ParsedPublicKey> {
    let (n, e) = (bytes(members, -1)?, bytes(members, -2)?);
    let is_rsa = kind == 3 && members.len() == 4;
    let has_all_bits = n.len() > *MODULUS.start() || *n.first()? >= 0x80;
    // without a leading zero, the length is that of the number
    let is_modulus = MODULUS.contains(&n.len()) && *n.first()? != 0 && n.last()? & 1 == 1;
    let is_exponent = matches!(e, [3] | [1, 0, 1]);
    if !is_rsa || !is_modulus || !has_all_bits || !is_exponent {
        return None;
    }
    let components = RsaPublicKeyComponents { n, e };
    let parsed = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
    parsed.ok()
}

fn integer(members: &[(Value<'_>, Value<'_>)], label: i64) -> Option<i64> {
    match find(members, label)? {
        Value::Integer(integer) => Some(*integer),
        _ => None,
    }
}

fn bytes<'a>(members: &[(Value<'a>, Value<'a>)], label: i64) -> Option<&'a [u8]> {
    match find(members, label)? {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn find<'v, 'a>(members: &'v [(Value<'a>, Value<'a>)], label: i64) -> Option<&'v Value<'a>> {
    let label = Value::Integer(label);
    let found = members.iter().find(|(key, _)| *key == label)?;
    Some(&found.1)
}
