//! Signatures that are empty, too short, too long, in another format, or of another key or token.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rolecall::token::{Algorithm, Reason, SigningKey};

use crate::support::*;

/// The order n of P-256 (FIPS 186-4 appendix D.1.2.3).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Returns a valid token with its signature changed.
fn signed_by(key: &SigningKey, change: impl Fn(Vec<u8>) -> Vec<u8>) -> String {
    let good = token(key);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    format!("{signed}.{}", encode(change(decode(signature))))
}

fn keys() -> [&'static SigningKey; 4] {
    [&ES256, &EDDSA, &RS256, &HS256]
}

#[test]
fn sig_empty_is_refused() {
    for key in keys() {
        assert_refused(key, &signed_by(key, |_| vec![]), Reason::Signature);
        let good = token(key);
        let signed = good.rsplit_once('.').unwrap().0;
        assert_refused(key, signed, Reason::Form);
    }
}

#[test]
fn sig_63_one_byte_short_is_refused() {
    for key in keys() {
        let cut = |mut bytes: Vec<u8>| {
            bytes.pop();
            bytes
        };
        assert_refused(key, &signed_by(key, cut), Reason::Signature);
        assert_refused(
            key,
            &signed_by(key, |bytes| bytes[1..].to_vec()),
            Reason::Signature,
        );
    }
}

#[test]
fn sig_with_trailing_or_leading_bytes_is_refused() {
    for key in keys() {
        for extra in [&[0][..], &[1], &[0; 64]] {
            let after = signed_by(key, |bytes| [&bytes, extra].concat());
            assert_refused(key, &after, Reason::Signature);
            let before = signed_by(key, |bytes| [extra, &bytes].concat());
            assert_refused(key, &before, Reason::Signature);
        }
    }
}

#[test]
fn sig_of_a_wrong_length_is_refused() {
    for key in [&*ES256, &*EDDSA, &*HS256] {
        let full = decode(token(key).rsplit_once('.').unwrap().1).len();
        for length in (0..=2 * full).filter(|length| *length != full) {
            let odd = signed_by(key, |bytes| {
                bytes.iter().copied().cycle().take(length).collect()
            });
            assert_refused(key, &odd, Reason::Signature);
        }
    }
}

#[test]
fn sig_der_instead_of_raw_is_refused() {
    let pkcs8 = ES256.to_pkcs8().unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8).unwrap();
    let signed = signed_part(&header(&ES256).to_string(), &claims().to_string());
    let der = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let token = format!("{signed}.{}", encode(der.as_ref()));
    assert_refused(&ES256, &token, Reason::Signature);
}

#[test]
fn psychic_raw_zero_signature_is_refused() {
    let n = &P256_ORDER[..];
    let (zero, one) = (&[0; 32][..], &[&[0; 31][..], &[1]].concat()[..]);
    for (r, s) in [
        (zero, zero),
        (zero, one),
        (one, zero),
        (one, one),
        (n, n),
        (n, zero),
        (zero, n),
        (n, one),
        (one, n),
        (&[0xff; 32], &[0xff; 32]),
    ] {
        let token = signed_by(&ES256, |_| [r, s].concat());
        assert_refused(&ES256, &token, Reason::Signature);
    }
    let es384 = SigningKey::generate(Algorithm::Es384).unwrap();
    assert_refused(
        &es384,
        &signed_by(&es384, |_| vec![0; 96]),
        Reason::Signature,
    );
    assert_refused(
        &EDDSA,
        &signed_by(&EDDSA, |_| vec![0; 64]),
        Reason::Signature,
    );
    assert_refused(
        &RS256,
        &signed_by(&RS256, |_| vec![0; 384]),
        Reason::Signature,
    );
    assert_refused(
        &HS256,
        &signed_by(&HS256, |_| vec![0; 32]),
        Reason::Signature,
    );
}

#[test]
fn psychic_der_zero_signature_is_refused() {
    for der in [
        &[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00][..],
        &[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01],
        &[0x30, 0x04, 0x02, 0x00, 0x02, 0x00],
    ] {
        let token = signed_by(&ES256, |_| der.to_vec());
        assert_refused(&ES256, &token, Reason::Signature);
    }
}

#[test]
fn sig_other_key_is_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256] {
        let key = SigningKey::generate(algorithm).unwrap();
        let other = SigningKey::generate(algorithm).unwrap();
        let forged = sign(&other, &header(&key), &claims());
        assert_refused(&key, &forged, Reason::Signature);
    }
}

#[test]
fn sig_of_another_token_is_refused() {
    for key in keys() {
        let other = sign(key, &header(key), &with(claims(), "sub", "u2"));
        let signature = other.rsplit_once('.').unwrap().1;
        let good = token(key);
        let signed = good.rsplit_once('.').unwrap().0;
        assert_refused(key, &format!("{signed}.{signature}"), Reason::Signature);
    }
}

/// The twin signature (r, n - s) is valid as well in RFC 7518, so both tokens must have the same claims. Revocation
/// compares `jti`, which is the same.
#[test]
fn x006_sig_malleable_twin_has_the_same_claims() {
    let twin = |bytes: Vec<u8>| {
        let (r, s) = bytes.split_at(32);
        let (mut difference, mut borrow) = ([0; 32], 0);
        for place in (0..32).rev() {
            let value = i16::from(P256_ORDER[place]) - i16::from(s[place]) - borrow;
            borrow = i16::from(value < 0);
            difference[place] = u8::try_from(value.rem_euclid(256)).unwrap();
        }
        [r, &difference].concat()
    };
    let good = token(&ES256);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let twin = format!("{signed}.{}", encode(twin(decode(signature))));
    assert_ne!(good, twin);
    let keys = only(&ES256);
    assert_eq!(verify(&keys, &good), verify(&keys, &twin));
    assert_eq!(verify(&keys, &twin).unwrap().jti, "t1");
}

#[test]
fn sig_of_eddsa_with_s_beyond_the_order_is_refused() {
    // the order of the base point, little endian (RFC 8032 section 5.1): S + L must not verify
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let beyond = |mut bytes: Vec<u8>| {
        let mut carry = 0;
        for place in 0..32 {
            let sum = u16::from(bytes[32 + place]) + order[place] + carry;
            bytes[32 + place] = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        bytes
    };
    assert_refused(&EDDSA, &signed_by(&EDDSA, beyond), Reason::Signature);
}
