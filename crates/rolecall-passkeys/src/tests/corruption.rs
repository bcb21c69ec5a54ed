//! Every bit and every cut of an honest answer.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ORIGIN, challenge, creation, kept, register, request, server, sign_in, with};
use crate::testing::{Algorithm, Authenticator};

fn part(json: &str, pointer: &str) -> Vec<u8> {
    let json: Value = serde_json::from_str(json).unwrap();
    let text = json.pointer(pointer).unwrap().as_str().unwrap();
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn with_bytes(json: &str, pointer: &str, bytes: &[u8]) -> String {
    with(json, pointer, Some(json!(URL_SAFE_NO_PAD.encode(bytes))))
}

#[test]
fn no_bit_of_a_sign_in_may_change() {
    for algorithm in Algorithm::ALL {
        let mut device = Authenticator::new(ORIGIN);
        device.algorithm = algorithm;
        let made = register(&mut device);
        let answer = device.get(&request()).unwrap();
        let names = [
            "clientDataJSON",
            "authenticatorData",
            "signature",
            "userHandle",
        ];
        for pointer in names.map(|name| format!("/response/{name}")) {
            let honest = part(&answer, &pointer);
            for bit in 0..honest.len() * 8 {
                let mut bytes = honest.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let changed = with_bytes(&answer, &pointer, &bytes);
                let verified = sign_in(&changed, &kept(&made));
                assert!(verified.is_err(), "{algorithm:?} {pointer} bit {bit}");
            }
            for cut in 0..honest.len() {
                let changed = with_bytes(&answer, &pointer, &honest[..cut]);
                let verified = sign_in(&changed, &kept(&made));
                assert!(verified.is_err(), "{algorithm:?} {pointer} cut at {cut}");
            }
        }
        assert!(sign_in(&answer, &kept(&made)).is_ok());
    }
}

/// Without attestation nothing vouches for a new passkey. A changed bit is refused, or it stands in the model, the
/// counter, a flag that says more, or the key itself; no other part of the result changes.
#[test]
fn a_changed_bit_of_a_registration_is_refused_or_changes_only_what_it_stands_for() {
    let mut device = Authenticator::new(ORIGIN);
    let answer = device.create(&creation()).unwrap();
    let honest = server().verify_registration(&answer, &challenge()).unwrap();
    let object = part(&answer, "/response/attestationObject");
    let mut accepted = 0;
    for bit in 0..object.len() * 8 {
        let mut bytes = object.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = with_bytes(&answer, "/response/attestationObject", &bytes);
        let Ok(mut made) = server().verify_registration(&changed, &challenge()) else {
            continue;
        };
        accepted += 1;
        let differences = usize::from(made.model != honest.model)
            + usize::from(made.counter != honest.counter)
            + usize::from(made.is_user_verified != honest.is_user_verified)
            + usize::from(made.is_backup_eligible != honest.is_backup_eligible)
            + usize::from(made.public_key != honest.public_key);
        // a reserved flag, and the format's name, say nothing
        assert!(differences <= 1, "bit {bit}");
        made.model = honest.model;
        made.counter = honest.counter;
        made.is_user_verified = honest.is_user_verified;
        made.is_backup_eligible = honest.is_backup_eligible;
        made.public_key.clone_from(&honest.public_key);
        assert_eq!(made, honest, "bit {bit}");
    }
    let free = 16 * 8 + 32 + 4 + 32;
    assert!(accepted <= free, "{accepted} bits may change");
    for cut in 0..object.len() {
        let changed = with_bytes(&answer, "/response/attestationObject", &object[..cut]);
        assert!(
            server()
                .verify_registration(&changed, &challenge())
                .is_err()
        );
    }
}

#[test]
fn no_bit_of_the_browsers_statement_about_a_new_passkey_may_change_what_it_says() {
    let mut device = Authenticator::new(ORIGIN);
    let answer = device.create(&creation()).unwrap();
    let pointer = "/response/clientDataJSON";
    let honest = part(&answer, pointer);
    let read = |bytes: &[u8]| serde_json::from_slice::<Said>(bytes).unwrap();
    for bit in 0..honest.len() * 8 {
        let mut bytes = honest.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = with_bytes(&answer, pointer, &bytes);
        if server().verify_registration(&changed, &challenge()).is_ok() {
            assert_eq!(read(&bytes), read(&honest), "bit {bit}");
        }
    }
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Said {
    #[serde(rename = "type")]
    ceremony: String,
    challenge: String,
    origin: String,
}
