use serde_json::json;

use super::{ORIGIN, challenge, creation, kept, register, request, server, sign_in, with};
use crate::{
    Challenge, Credential, Refusal, User,
    testing::{
        Algorithm, Authenticator, Flags, Key, attestation_object, authenticator_data, client_data,
        registration,
    },
};

const ID: [u8; 32] = [5; 32];

fn made(ceremony: &str, challenge_text: &str, origin: &str) -> Result<(), Refusal> {
    let data = client_data(ceremony, challenge_text, origin);
    with_client_data(&data)
}

fn with_client_data(data: &[u8]) -> Result<(), Refusal> {
    let json = registration(&ID, data, &attestation_object(&honest_data()));
    server().verify_registration(&json, &challenge()).map(drop)
}

fn honest_data() -> Vec<u8> {
    let key = Key::generate(Algorithm::EdDsa).unwrap().to_cose();
    authenticator_data("login.example.com", honest_flags(), 1, &attested(&ID, &key))
}

fn honest_flags() -> u8 {
    Flags::USER_PRESENT | Flags::USER_VERIFIED | Flags::ATTESTED
}

fn attested(id: &[u8], key: &[u8]) -> Vec<u8> {
    let length = u16::try_from(id.len()).unwrap().to_be_bytes();
    [&[0; 16], &length[..], id, key].concat()
}

fn with_data(data: &[u8]) -> Result<(), Refusal> {
    with_object(&ID, &attestation_object(data))
}

fn with_object(id: &[u8], object: &[u8]) -> Result<(), Refusal> {
    let client_data = client_data("webauthn.create", &challenge().to_text(), ORIGIN);
    let json = registration(id, &client_data, object);
    server().verify_registration(&json, &challenge()).map(drop)
}

fn with_key(key: &[u8]) -> Result<(), Refusal> {
    let rest = attested(&ID, key);
    with_data(&authenticator_data(
        "login.example.com",
        honest_flags(),
        1,
        &rest,
    ))
}

#[test]
fn a_passkey_of_each_algorithm_is_made_and_signs_in() {
    for algorithm in Algorithm::ALL {
        let mut device = Authenticator::new(ORIGIN);
        device.algorithm = algorithm;
        let made = register(&mut device);
        assert_eq!((made.counter, made.credential_id.len()), (1, 32));
        assert_eq!(made.transports, ["hybrid", "internal"]);
        assert!(made.is_user_verified && !made.is_backup_eligible);
        let answer = device.get(&request()).unwrap();
        assert!(sign_in(&answer, &kept(&made)).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn a_device_makes_no_second_passkey_for_the_same_user() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    let present = [Credential {
        id: &made.credential_id,
        transports: &[],
    }];
    let user = User {
        handle: &super::HANDLE,
        name: "alice",
        display_name: "Alice",
    };
    let options = server().creation_options(&challenge(), user, &present);
    assert_eq!(device.create(&options), None);
}

#[test]
fn i087_another_challenge_or_ceremony_is_refused() {
    let right = challenge().to_text();
    assert_eq!(made("webauthn.create", &right, ORIGIN), Ok(()));
    let old = Challenge::new([41; 32]).to_text();
    for wrong in [
        &old,
        "",
        &right[..42],
        &format!("{right}="),
        &format!("{right}A"),
    ] {
        assert_eq!(
            made("webauthn.create", wrong, ORIGIN),
            Err(Refusal::WrongChallenge)
        );
    }
    for ceremony in ["webauthn.get", "payment.get", "", "WEBAUTHN.CREATE"] {
        assert_eq!(made(ceremony, &right, ORIGIN), Err(Refusal::WrongCeremony));
    }
}

#[test]
fn i088_another_origin_is_refused() {
    let right = challenge().to_text();
    let others = [
        "http://login.example.com",
        "https://login.example.com:8443",
        "https://login.example.com/",
        "https://login.example.com.",
        "https://example.com",
        "https://other.example.com",
        "https://a.login.example.com",
        "https://login.example.com.evil.test",
        "https://LOGIN.example.com",
        "android:apk-key-hash:AAAA",
        "null",
        "",
    ];
    for origin in others {
        let refused = made("webauthn.create", &right, origin);
        assert_eq!(refused, Err(Refusal::WrongOrigin), "{origin}");
    }
}

#[test]
fn i088_pages_inside_others_are_refused() {
    let text = challenge().to_text();
    let base = |more: &str| {
        let members =
            format!(r#""type":"webauthn.create","challenge":"{text}","origin":"{ORIGIN}""#);
        with_client_data(format!("{{{members}{more}}}").as_bytes())
    };
    assert_eq!(base(""), Ok(()));
    assert_eq!(base(r#","crossOrigin":false"#), Ok(()));
    assert_eq!(base(r#","crossOrigin":true"#), Err(Refusal::CrossOrigin));
    let nested = base(r#","crossOrigin":false,"topOrigin":"https://evil.test""#);
    assert_eq!(nested, Err(Refusal::CrossOrigin));
    let unreadable = Err(Refusal::Malformed("clientDataJSON"));
    assert_eq!(base(r#","crossOrigin":"true""#), unreadable);
    assert_eq!(base(r#","origin":"https://evil.test""#), unreadable);
    assert_eq!(with_client_data(b"\xef\xbb\xbf{}"), unreadable);
    assert_eq!(with_client_data(b"{}"), unreadable);
}

#[test]
fn i088_the_data_of_another_relying_party_is_refused() {
    let key = Key::generate(Algorithm::EdDsa).unwrap().to_cose();
    let rest = attested(&ID, &key);
    for id in ["example.com", "evil.test", "LOGIN.example.com", ""] {
        let data = authenticator_data(id, honest_flags(), 1, &rest);
        assert_eq!(with_data(&data), Err(Refusal::WrongRelyingParty));
    }
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    let key = Key::generate(Algorithm::EdDsa).unwrap().to_cose();
    let rest = attested(&ID, &key);
    let data =
        |flags, rest: &[u8]| with_data(&authenticator_data("login.example.com", flags, 1, rest));
    let honest = honest_flags();
    assert_eq!(data(honest, &rest), Ok(()));
    assert_eq!(data(honest & !Flags::USER_VERIFIED, &rest), Ok(()));
    assert_eq!(
        data(honest & !Flags::USER_PRESENT, &rest),
        Err(Refusal::UserAbsent)
    );
    assert_eq!(data(honest | Flags::BACKED_UP, &rest), Err(Refusal::Flags));
    assert_eq!(data(honest | Flags::BACKUP_ELIGIBLE, &rest), Ok(()));
    assert_eq!(data(honest & !Flags::ATTESTED, &rest), Err(Refusal::Flags));
    assert_eq!(data(honest & !Flags::ATTESTED, &[]), Err(Refusal::Flags));
    let extended = [&rest[..], b"\xa1\x69credProps\xa1\x62rk\xf5"].concat();
    assert_eq!(data(honest | Flags::EXTENDED, &extended), Ok(()));
    assert_eq!(data(honest, &extended), Err(Refusal::Flags));
    let unreadable = Err(Refusal::Malformed("authenticatorData"));
    assert_eq!(data(honest | Flags::EXTENDED, &rest), unreadable);
    let odd = [&rest[..], b"\xa1\x01\x02"].concat();
    assert_eq!(data(honest | Flags::EXTENDED, &odd), unreadable);
}

#[test]
fn i091_ids_of_odd_lengths_are_refused() {
    let key = Key::generate(Algorithm::EdDsa).unwrap().to_cose();
    for (length, is_right) in [
        (0, false),
        (15, false),
        (16, true),
        (1023, true),
        (1024, false),
    ] {
        let id = vec![9; length];
        let data = authenticator_data("login.example.com", honest_flags(), 1, &attested(&id, &key));
        let outcome = with_object(&id, &attestation_object(&data));
        let expected = if is_right {
            Ok(())
        } else {
            Err(Refusal::CredentialId)
        };
        assert_eq!(outcome, expected, "{length}");
    }
}

#[test]
fn i091_keys_that_are_weak_or_not_asked_for_are_refused() {
    let es256 = Key::generate(Algorithm::Es256).unwrap().to_cose();
    assert_eq!(with_key(&es256), Ok(()));
    // -35 is ES384: the number takes one byte more
    let es384 = [&es256[..4], &[0x38, 0x22], &es256[5..]].concat();
    assert_eq!(with_key(&es384), Err(Refusal::Algorithm));
    let mut off_the_curve = es256.clone();
    *off_the_curve.last_mut().unwrap() ^= 1;
    assert_eq!(with_key(&off_the_curve), Err(Refusal::PublicKey));
    let mut infinity = es256.clone();
    infinity[10..42].fill(0);
    infinity[45..].fill(0);
    assert_eq!(with_key(&infinity), Err(Refusal::PublicKey));
    let mut other_curve = es256.clone();
    other_curve[6] = 2;
    assert_eq!(with_key(&other_curve), Err(Refusal::PublicKey));
    let mut one_more = [&es256[..], &[0x04, 0x00]].concat();
    one_more[0] = 0xa6;
    assert_eq!(with_key(&one_more), Err(Refusal::PublicKey));
    assert_eq!(with_key(b"\xa0"), Err(Refusal::PublicKey));
    assert_eq!(with_key(b"\x00"), Err(Refusal::PublicKey));
}

#[test]
fn i091_short_rsa_keys_and_odd_exponents_are_refused() {
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        let length = u16::try_from(modulus.len()).unwrap().to_be_bytes();
        let head = [0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59];
        let short = [0x21, 0x40 | u8::try_from(exponent.len()).unwrap()];
        with_key(&[&head[..], &length, modulus, &short, exponent].concat())
    };
    let odd = |length: usize, first: u8| {
        let mut modulus = vec![0xff; length];
        modulus[0] = first;
        modulus
    };
    assert_eq!(rsa(&odd(256, 0x80), &[1, 0, 1]), Ok(()));
    assert_eq!(rsa(&odd(512, 0x80), &[1, 0, 1]), Ok(()));
    let refused = [
        (odd(128, 0x80), vec![1, 0, 1]),
        (odd(255, 0xff), vec![1, 0, 1]),
        (odd(256, 0x7f), vec![1, 0, 1]),
        (odd(257, 0), vec![1, 0, 1]),
        (odd(513, 0x80), vec![1, 0, 1]),
        (odd(256, 0x80), vec![1]),
        (odd(256, 0x80), vec![2]),
        (odd(256, 0x80), vec![0, 1, 0, 1]),
        (odd(256, 0x80), vec![]),
        ([&odd(255, 0x80)[..], &[0xfe]].concat(), vec![1, 0, 1]),
    ];
    for (modulus, exponent) in refused {
        let refusal = rsa(&modulus, &exponent);
        assert_eq!(
            refusal,
            Err(Refusal::PublicKey),
            "{} {exponent:?}",
            modulus.len()
        );
    }
}

#[test]
fn i091_an_attestation_object_has_three_members_and_nothing_after_them() {
    let data = honest_data();
    let object = attestation_object(&data);
    let unreadable = Err(Refusal::Malformed("attestationObject"));
    assert_eq!(with_object(&ID, &[&object[..], &[0]].concat()), unreadable);
    assert_eq!(with_object(&ID, &object[..object.len() - 1]), unreadable);
    assert_eq!(with_object(&ID, b"\xa0"), unreadable);
    assert_eq!(with_object(&ID, b"\x80"), unreadable);
    let length = u8::try_from(data.len()).unwrap();
    let head = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58";
    let spelled = [&head[..], &[length], &data].concat();
    assert_eq!(spelled, object);
    let statement = b"\xa3\x63fmt\x64none\x67attStmt\xa1\x63alg\x26\x68authData\x58";
    assert_eq!(
        with_object(&ID, &[&statement[..], &[length], &data].concat()),
        unreadable
    );
    let packed = b"\xa3\x63fmt\x66packed\x67attStmt\xa1\x63alg\x26\x68authData\x58";
    assert_eq!(
        with_object(&ID, &[&packed[..], &[length], &data].concat()),
        Ok(())
    );
    let four = b"\xa4\x61x\x00\x63fmt\x64none\x67attStmt\xa0\x68authData\x58";
    assert_eq!(
        with_object(&ID, &[&four[..], &[length], &data].concat()),
        unreadable
    );
    let short = [
        &b"\xa2\x63fmt\x64none\x68authData\x58"[..],
        &[length],
        &data,
    ]
    .concat();
    assert_eq!(with_object(&ID, &short), unreadable);
}

#[test]
fn i091_bombs_are_refused_by_their_size_and_depth() {
    let data = client_data("webauthn.create", &challenge().to_text(), ORIGIN);
    let large = registration(&ID, &data, &vec![0xa1; 5000]);
    let refused = server().verify_registration(&large, &challenge());
    assert_eq!(refused, Err(Refusal::TooLong("attestationObject")));
    let deep = registration(&ID, &data, &vec![0x81; 4000]);
    let refused = server().verify_registration(&deep, &challenge());
    assert_eq!(refused, Err(Refusal::Malformed("attestationObject")));
    let refused = server().verify_registration(&"[".repeat(20_000), &challenge());
    assert_eq!(refused, Err(Refusal::TooLong("credential")));
    let refused = server().verify_registration(&"[".repeat(10_000), &challenge());
    assert_eq!(refused, Err(Refusal::Malformed("credential")));
}

#[test]
fn i093_only_the_data_of_the_authenticator_counts() {
    let mut device = Authenticator::new(ORIGIN);
    let answer = device.create(&creation()).unwrap();
    let honest = server().verify_registration(&answer, &challenge()).unwrap();
    for member in ["publicKey", "publicKeyAlgorithm", "authenticatorData"] {
        let pointer = format!("/response/{member}");
        for value in [None, Some(json!("AAAA")), Some(json!(-257))] {
            let answer = with(&answer, &pointer, value);
            let made = server().verify_registration(&answer, &challenge());
            assert_eq!(made.as_ref(), Ok(&honest));
        }
    }
    let other = json!("AAAAAAAAAAAAAAAAAAAAAA");
    let named = with(&answer, "/id", Some(other.clone()));
    let unreadable = Err(Refusal::Malformed("credential"));
    assert_eq!(
        server().verify_registration(&named, &challenge()),
        unreadable
    );
    let named = with(&named, "/rawId", Some(other));
    let refused = server().verify_registration(&named, &challenge());
    assert_eq!(refused, Err(Refusal::WrongCredential));
}
