use serde_json::json;

use super::{HANDLE, ORIGIN, challenge, kept, register, request, server, sign_in, verify, with};
use crate::{
    Assertion, Challenge, Passkey, Refusal, UserVerification,
    testing::{Algorithm, Authenticator, Flags, Key, assertion, authenticator_data, client_data},
};

const ID: [u8; 16] = [8; 16];

/// Signs any data with a key of its own, and verifies that.
fn signed(data: &[u8], key: &Key) -> Result<crate::Verified, Refusal> {
    let client_data = client_data("webauthn.get", &challenge().to_text(), ORIGIN);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &client_data);
    let signature = key.sign(&[data, hash.as_ref()].concat()).unwrap();
    let answer = assertion(&ID, &client_data, data, &signature, Some(&HANDLE));
    let passkey = Passkey {
        credential_id: &ID,
        public_key: &key.to_cose(),
        user_handle: &HANDLE,
        counter: 0,
        is_backup_eligible: false,
        has_verified_user: true,
    };
    sign_in(&answer, &passkey)
}

#[test]
fn a_passkey_says_which_kind_of_key_it_is() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    let verified = sign_in(&device.get(&request()).unwrap(), &kept(&made)).unwrap();
    assert_eq!((verified.method(), verified.counter), ("hwk", 2));
    assert!(verified.is_user_verified && !verified.went_back);
    let mut synced = Authenticator::new(ORIGIN);
    synced.is_synced = true;
    let made = register(&mut synced);
    let verified = sign_in(&synced.get(&request()).unwrap(), &kept(&made)).unwrap();
    assert_eq!((verified.method(), verified.counter), ("swk", 0));
    assert!(verified.is_backed_up && !verified.went_back);
}

#[test]
fn i087_an_answer_to_another_challenge_is_refused() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    let other = Challenge::new([1; 32]);
    let options = server().request_options(&other, &[], UserVerification::Required);
    let answer = device.get(&options).unwrap();
    assert_eq!(sign_in(&answer, &kept(&made)), Err(Refusal::WrongChallenge));
    // the challenge in the body beside it proves nothing
    let repeated = with(&answer, "/challenge", Some(json!(challenge().to_text())));
    assert_eq!(
        sign_in(&repeated, &kept(&made)),
        Err(Refusal::WrongChallenge)
    );
}

#[test]
fn i087_the_answer_of_a_registration_signs_nobody_in() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    let answer = device.create(&super::creation()).unwrap();
    assert_eq!(
        sign_in(&answer, &kept(&made)),
        Err(Refusal::Malformed("credential"))
    );
    let key = Key::generate(Algorithm::Es256).unwrap();
    let rest = [&[0; 16], &[0, 16][..], &ID, &key.to_cose()].concat();
    let flags = Flags::USER_PRESENT | Flags::USER_VERIFIED | Flags::ATTESTED;
    let data = authenticator_data("login.example.com", flags, 1, &rest);
    assert_eq!(signed(&data, &key), Err(Refusal::Flags));
}

#[test]
fn i088_other_origins_and_relying_parties_are_refused() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    for origin in [
        "https://example.com",
        "http://login.example.com",
        "https://login.example.com:1",
    ] {
        device.origin = origin.to_owned();
        let answer = device.get(&request()).unwrap();
        assert_eq!(sign_in(&answer, &kept(&made)), Err(Refusal::WrongOrigin));
    }
    let key = Key::generate(Algorithm::Es256).unwrap();
    let flags = Flags::USER_PRESENT | Flags::USER_VERIFIED;
    let data = |id| authenticator_data(id, flags, 1, &[]);
    assert!(signed(&data("login.example.com"), &key).is_ok());
    let refused = signed(&data("example.com"), &key);
    assert_eq!(refused, Err(Refusal::WrongRelyingParty));
}

#[test]
fn i089_alone_a_passkey_must_check_its_user() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    device.verifies_user = false;
    let answer = device.get(&request()).unwrap();
    assert_eq!(
        sign_in(&answer, &kept(&made)),
        Err(Refusal::UserNotVerified)
    );
    let beside = verify(&answer, &kept(&made), UserVerification::Discouraged).unwrap();
    assert!(!beside.is_user_verified && beside.has_verified_user);
}

#[test]
fn i089_y322_a_key_without_pin_is_no_proof_of_its_user_until_it_was_one_beside_another_factor() {
    let mut device = Authenticator::new(ORIGIN);
    device.verifies_user = false;
    let made = register(&mut device);
    // somebody finds the key and gives it a PIN
    device.verifies_user = true;
    let answer = device.get(&request()).unwrap();
    assert_eq!(
        sign_in(&answer, &kept(&made)),
        Err(Refusal::UserNotVerified)
    );
    let beside = verify(&answer, &kept(&made), UserVerification::Discouraged).unwrap();
    assert!(!beside.is_user_verified && beside.has_verified_user);
    let known = Passkey {
        has_verified_user: beside.has_verified_user,
        ..kept(&made)
    };
    assert!(sign_in(&answer, &known).unwrap().is_user_verified);
}

#[test]
fn i090_another_passkey_or_user_is_refused() {
    let (mut alices, mut bobs) = (Authenticator::new(ORIGIN), Authenticator::new(ORIGIN));
    let (of_alice, of_bob) = (register(&mut alices), register(&mut bobs));
    let answer = bobs.get(&request()).unwrap();
    assert_eq!(
        sign_in(&answer, &kept(&of_alice)),
        Err(Refusal::WrongCredential)
    );
    let stolen_id = Passkey {
        credential_id: &of_bob.credential_id,
        ..kept(&of_alice)
    };
    assert_eq!(sign_in(&answer, &stolen_id), Err(Refusal::Signature));
    let of_another = Passkey {
        user_handle: b"another user....",
        ..kept(&of_bob)
    };
    assert_eq!(sign_in(&answer, &of_another), Err(Refusal::WrongUser));
    let beside = verify(&answer, &of_another, UserVerification::Discouraged);
    assert_eq!(beside, Err(Refusal::WrongUser));
}

#[test]
fn i090_alone_a_passkey_must_name_its_user() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    let answer = device.get(&request()).unwrap();
    for unnamed in [None, Some(json!(null))] {
        let answer = with(&answer, "/response/userHandle", unnamed);
        assert_eq!(sign_in(&answer, &kept(&made)), Err(Refusal::WrongUser));
        let beside = verify(&answer, &kept(&made), UserVerification::Discouraged);
        assert!(beside.is_ok());
    }
    let empty = with(&answer, "/response/userHandle", Some(json!("")));
    assert_eq!(sign_in(&empty, &kept(&made)), Err(Refusal::WrongUser));
}

#[test]
fn i094_a_counter_that_goes_back_is_refused_unless_the_key_is_backed_up() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    let with_counter = |counter| Passkey {
        counter,
        ..kept(&made)
    };
    let answer = device.get(&request()).unwrap();
    assert_eq!(sign_in(&answer, &with_counter(1)).unwrap().counter, 2);
    for counter in [2, 3, u32::MAX] {
        assert_eq!(
            sign_in(&answer, &with_counter(counter)),
            Err(Refusal::Counter)
        );
    }
    let key = Key::generate(Algorithm::Es256).unwrap();
    let flags = Flags::USER_PRESENT | Flags::USER_VERIFIED;
    let client = client_data("webauthn.get", &challenge().to_text(), ORIGIN);
    let both = Flags::BACKUP_ELIGIBLE | Flags::BACKED_UP;
    for (more, is_refused) in [(both, false), (Flags::BACKUP_ELIGIBLE, true)] {
        let data = authenticator_data("login.example.com", flags | more, 5, &[]);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &client);
        let signature = key.sign(&[&data, hash.as_ref()].concat()).unwrap();
        let answer = assertion(&ID, &client, &data, &signature, Some(&HANDLE));
        let passkey = Passkey {
            credential_id: &ID,
            public_key: &key.to_cose(),
            user_handle: &HANDLE,
            counter: 9,
            is_backup_eligible: true,
            has_verified_user: true,
        };
        match sign_in(&answer, &passkey) {
            Ok(verified) => assert!(verified.went_back && verified.counter == 9 && !is_refused),
            Err(refusal) => assert!(refusal == Refusal::Counter && is_refused),
        }
    }
}

#[test]
fn a_counter_that_falls_to_zero_has_gone_back() {
    let mut device = Authenticator::new(ORIGIN);
    device.counter = 7;
    let made = register(&mut device);
    device.counter = u32::MAX;
    let answer = device.get(&request()).unwrap();
    assert_eq!(sign_in(&answer, &kept(&made)), Err(Refusal::Counter));
}

#[test]
fn a_passkey_never_changes_whether_it_may_be_copied() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    device.is_synced = true;
    let answer = device.get(&request()).unwrap();
    assert_eq!(
        sign_in(&answer, &kept(&made)),
        Err(Refusal::BackupEligibility)
    );
}

#[test]
fn bytes_after_the_data_are_refused() {
    let key = Key::generate(Algorithm::EdDsa).unwrap();
    let flags = Flags::USER_PRESENT | Flags::USER_VERIFIED;
    let data = |flags, rest: &[u8]| authenticator_data("login.example.com", flags, 1, rest);
    assert!(signed(&data(flags, &[]), &key).is_ok());
    assert_eq!(signed(&data(flags, &[0]), &key), Err(Refusal::Flags));
    assert!(signed(&data(flags | Flags::EXTENDED, b"\xa0"), &key).is_ok());
    let twice = signed(&data(flags | Flags::EXTENDED, b"\xa0\xa0"), &key);
    assert_eq!(twice, Err(Refusal::Malformed("authenticatorData")));
    let absent = signed(&data(Flags::USER_VERIFIED, &[]), &key);
    assert_eq!(absent, Err(Refusal::UserAbsent));
}

#[test]
fn an_answer_that_is_no_such_json_is_refused() {
    let mut device = Authenticator::new(ORIGIN);
    let made = register(&mut device);
    let answer = device.get(&request()).unwrap();
    let members = [
        "/id",
        "/rawId",
        "/type",
        "/response",
        "/response/clientDataJSON",
        "/response/authenticatorData",
        "/response/signature",
    ];
    for member in members {
        for value in [None, Some(json!(null)), Some(json!(1)), Some(json!("=="))] {
            let changed = with(&answer, member, value);
            assert!(Assertion::read(&changed).is_err(), "{changed}");
        }
    }
    let padded = with(&answer, "/response/signature", Some(json!("AAA=")));
    let unreadable = Err(Refusal::Malformed("signature"));
    assert_eq!(sign_in(&padded, &kept(&made)), unreadable);
    let long = with(
        &answer,
        "/response/signature",
        Some(json!("A".repeat(8000))),
    );
    assert_eq!(
        sign_in(&long, &kept(&made)),
        Err(Refusal::TooLong("signature"))
    );
    for text in ["", "null", "[]", "\"\"", "{"] {
        assert_eq!(Assertion::read(text), Err(Refusal::Malformed("credential")));
    }
}
