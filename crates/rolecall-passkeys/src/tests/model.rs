//! Answers put together at random, against the list of what each must be.

use proptest::prelude::*;

use super::{HANDLE, ORIGIN, challenge, server};
use crate::{
    Assertion, Challenge, Passkey, UserVerification,
    testing::{Algorithm, Flags, Key, assertion, authenticator_data, client_data},
};

const ID: [u8; 20] = [3; 20];

/// The choices of an authenticator, a browser and an attacker. Each is mostly right.
#[expect(clippy::struct_excessive_bools, reason = "each is one rule")]
#[derive(Clone, Debug)]
struct Attempt {
    ceremony: &'static str,
    challenge: u8,
    origin: &'static str,
    rp_id: &'static str,
    flags: u8,
    counter: u32,
    handle: Option<&'static [u8]>,
    is_own_key: bool,
    is_own_id: bool,
    stored_counter: u32,
    is_stored_eligible: bool,
    has_verified_user: bool,
    is_alone: bool,
}

fn attempts() -> impl Strategy<Value = Attempt> {
    let ceremony = prop_oneof![9 => Just("webauthn.get"), 1 => Just("webauthn.create")];
    let challenge = prop_oneof![9 => Just(42_u8), 1 => Just(1)];
    let origin = prop_oneof![9 => Just(ORIGIN), 1 => Just("https://evil.test")];
    let rp_id = prop_oneof![9 => Just("login.example.com"), 1 => Just("example.com")];
    let handle = prop_oneof![
        7 => Just(Some(&HANDLE[..])),
        2 => Just(None),
        1 => Just(Some(&b"another user"[..])),
    ];
    let flag = |weight| prop::bool::weighted(weight);
    let flags = (flag(0.9), flag(0.7), flag(0.5), flag(0.4), flag(0.05));
    let stored = (0..4_u32, flag(0.5), flag(0.8), any::<bool>());
    let told = (ceremony, challenge, origin, rp_id, flags, 0..4_u32, handle);
    (told, (flag(0.9), flag(0.9)), stored).prop_map(
        |((ceremony, challenge, origin, rp_id, flags, counter, handle), own, stored)| Attempt {
            ceremony,
            challenge,
            origin,
            rp_id,
            flags: [
                (flags.0, Flags::USER_PRESENT),
                (flags.1, Flags::USER_VERIFIED),
                (flags.2, Flags::BACKUP_ELIGIBLE),
                (flags.3, Flags::BACKED_UP),
                (flags.4, Flags::EXTENDED),
            ]
            .iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, flag)| flag)
            .sum(),
            counter,
            handle,
            is_own_key: own.0,
            is_own_id: own.1,
            stored_counter: stored.0,
            is_stored_eligible: stored.1,
            has_verified_user: stored.2,
            is_alone: stored.3,
        },
    )
}

/// The rules of WebAuthn 7.2 and of this server, each as one line.
fn is_right(attempt: &Attempt) -> bool {
    let has = |flag| attempt.flags & flag != 0;
    let names_user = attempt.handle == Some(&HANDLE[..]);
    let is_counted = attempt.counter > attempt.stored_counter
        || (attempt.counter == 0 && attempt.stored_counter == 0);
    let rules = [
        attempt.ceremony == "webauthn.get",
        attempt.challenge == 42,
        attempt.origin == ORIGIN,
        attempt.rp_id == "login.example.com",
        attempt.is_own_key && attempt.is_own_id,
        has(Flags::USER_PRESENT),
        !has(Flags::BACKED_UP) || has(Flags::BACKUP_ELIGIBLE),
        has(Flags::BACKUP_ELIGIBLE) == attempt.is_stored_eligible,
        !has(Flags::EXTENDED),
        names_user || (attempt.handle.is_none() && !attempt.is_alone),
        !attempt.is_alone || (has(Flags::USER_VERIFIED) && attempt.has_verified_user),
        is_counted || has(Flags::BACKED_UP),
    ];
    rules.into_iter().all(|rule| rule)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_answer_signs_in_if_and_only_if_each_rule_holds(attempt in attempts()) {
        let keys = [Key::generate(Algorithm::EdDsa).unwrap(), Key::generate(Algorithm::EdDsa).unwrap()];
        let text = Challenge::new([attempt.challenge; 32]).to_text();
        let client = client_data(attempt.ceremony, &text, attempt.origin);
        let data = authenticator_data(attempt.rp_id, attempt.flags, attempt.counter, &[]);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &client);
        let key = &keys[usize::from(!attempt.is_own_key)];
        let signature = key.sign(&[&data, hash.as_ref()].concat()).unwrap();
        let id = if attempt.is_own_id { ID } else { [4; 20] };
        let answer = assertion(&id, &client, &data, &signature, attempt.handle);
        let passkey = Passkey {
            credential_id: &ID,
            public_key: &keys[0].to_cose(),
            user_handle: &HANDLE,
            counter: attempt.stored_counter,
            is_backup_eligible: attempt.is_stored_eligible,
            has_verified_user: attempt.has_verified_user,
        };
        let verification = if attempt.is_alone {
            UserVerification::Required
        } else {
            UserVerification::Discouraged
        };
        let answer = Assertion::read(&answer).unwrap();
        let verified = server().verify_assertion(&answer, &challenge(), &passkey, verification);
        prop_assert_eq!(verified.is_ok(), is_right(&attempt), "{:?}", verified);
        if let Ok(verified) = verified {
            prop_assert!(verified.counter >= attempt.stored_counter);
            prop_assert_eq!(verified.is_synced, attempt.is_stored_eligible);
            prop_assert!(verified.is_user_verified || !attempt.is_alone);
        }
    }

    #[test]
    fn no_bytes_make_the_readers_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzzing::passkey(&data);
    }
}
