//! The test vectors of WebAuthn Level 3, section 16. Attestation is not verified, so that those with a statement count as
//! those without.

use crate::{
    Passkey, Refusal, RelyingParty, UserVerification, Verified,
    answer::decode,
    assertion::Assertion,
    challenge::Challenge,
    testing::{assertion, registration},
};

const HANDLE: &[u8] = b"0123456789abcdef";

struct Vector {
    name: &'static str,
    parts: Vec<Vec<u8>>,
}

fn vectors() -> Vec<Vector> {
    let table = include_str!("../../tests/fixtures/vectors.tsv");
    let vectors = table.lines().skip(1).map(|line| {
        let mut columns = line.split('\t');
        let name = columns.next().unwrap();
        let parts = columns.map(unhex).collect();
        Vector { name, parts }
    });
    vectors.collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn challenge(bytes: &[u8]) -> Option<Challenge> {
    bytes.try_into().ok().map(Challenge::new)
}

/// Runs both ceremonies of a vector.
fn run(vector: &Vector) -> Result<Verified, Refusal> {
    let server = RelyingParty::new("https://example.org", "Example").unwrap();
    let [first, made_by, object, second, data, used_by, signature] = vector.parts.as_slice() else {
        panic!("{} lacks a part", vector.name);
    };
    // one vector has longer challenges than ours
    let first = challenge(first).ok_or(Refusal::WrongChallenge)?;
    let id = credential_id(object);
    let json = registration(id, made_by, object);
    let made = server.verify_registration(&json, &first)?;
    let answer = Assertion::read(&assertion(id, used_by, data, signature, None))?;
    let passkey = Passkey {
        credential_id: &made.credential_id,
        public_key: &made.public_key,
        user_handle: HANDLE,
        counter: made.counter,
        is_backup_eligible: made.is_backup_eligible,
        has_verified_user: made.is_user_verified,
    };
    let second = challenge(second).unwrap();
    server.verify_assertion(&answer, &second, &passkey, UserVerification::Discouraged)
}

/// Finds the id behind the hash of `example.org`, by another way than the code under test.
fn credential_id(object: &[u8]) -> &[u8] {
    let hash = decode("v6vDdDKViwYzYNOtZGHJxHNa5_jt1GWSpeDwFFKy5LU", "hash").unwrap();
    let at = object
        .windows(32)
        .position(|window| window == hash)
        .unwrap()
        + 53;
    let length = u16::from_be_bytes(object[at..at + 2].try_into().unwrap());
    &object[at + 2..][..usize::from(length)]
}

#[test]
fn the_vectors_of_the_standard_are_verified() {
    let outcomes: Vec<_> = vectors()
        .iter()
        .map(|one| (one.name, run(one).err()))
        .collect();
    let expected = [
        ("none-es256", None),
        ("packed-self-es256", None),
        ("none-es256-crossOrigin", Some(Refusal::CrossOrigin)),
        ("none-es256-topOrigin", Some(Refusal::CrossOrigin)),
        ("none-es256-long-credential-id", None),
        ("packed-es256", None),
        ("packed-es384", Some(Refusal::Algorithm)),
        ("packed-es512", Some(Refusal::WrongChallenge)),
        ("packed-rs256", None),
        ("packed-eddsa", None),
        ("packed-ed448", Some(Refusal::Algorithm)),
        ("tpm-es256", None),
        ("android-key-es256", None),
        ("apple-es256", None),
        ("fido-u2f-es256", None),
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn a_changed_bit_in_what_a_vector_signs_is_refused() {
    for vector in &mut vectors() {
        if run(vector).is_err() {
            continue;
        }
        for part in [4, 5, 6] {
            for at in 0..vector.parts[part].len() {
                let bit = 1 << (at % 8);
                vector.parts[part][at] ^= bit;
                assert!(
                    run(vector).is_err(),
                    "{} part {part} byte {at}",
                    vector.name
                );
                vector.parts[part][at] ^= bit;
            }
        }
    }
}
