//! The body of the fuzz target `passkey`, which a test runs on the kept inputs.

use crate::{
    Assertion, Challenge, Passkey, Refusal, RelyingParty, UserVerification,
    authenticator_data::AuthenticatorData,
    cbor::Value,
    cose::PublicKey,
    testing::{Flags, attestation_object, authenticator_data, client_data, registration},
};

const ORIGIN: &str = "https://example.org";

/// Reads any bytes as each thing that an authenticator or a browser sends. The first byte chooses.
///
/// # Panics
///
/// If something is accepted that has not passed each check.
pub fn passkey(data: &[u8]) {
    let Ok(server) = RelyingParty::new(ORIGIN, "Example") else {
        return;
    };
    let challenge = Challenge::new([7; 32]);
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 5 {
        0 => {
            if let Ok(value) = Value::read_all(data, "data") {
                let _ = PublicKey::read(&value);
            }
        }
        1 => {
            // the hash is known, so that the fuzzer begins with the flags
            let data = [&server.id_hash()[..], data].concat();
            registered(&server, &challenge, &attestation_object(&data));
        }
        2 => registered(&server, &challenge, data),
        3 => {
            let text = String::from_utf8_lossy(data);
            let _ = server.verify_registration(&text, &challenge);
            let Ok(answer) = Assertion::read(&text) else {
                return;
            };
            assert!(text.contains("public-key"));
            signed_in(&server, &challenge, &answer);
        }
        _ => {
            let data = [&authenticator_data("example.org", 1, 1, &[]), data].concat();
            if let Ok(read) = AuthenticatorData::read(&data, &server) {
                assert!(read.attested.is_none() && !read.is_backed_up);
                assert_eq!(data.len(), 37);
            }
        }
    }
}

/// Nobody can sign for this key, so that nothing may be accepted.
fn signed_in(server: &RelyingParty, challenge: &Challenge, answer: &Assertion) {
    let public_key = [
        &[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..],
        &[9; 32],
    ]
    .concat();
    let passkey = Passkey {
        credential_id: answer.credential_id(),
        public_key: &public_key,
        user_handle: b"0123456789abcdef",
        counter: 0,
        is_backup_eligible: false,
        has_verified_user: true,
    };
    let verified =
        server.verify_assertion(answer, challenge, &passkey, UserVerification::Discouraged);
    assert!(verified.is_err(), "{verified:?}");
}

fn registered(server: &RelyingParty, challenge: &Challenge, object: &[u8]) {
    let client_data = client_data("webauthn.create", &challenge.to_text(), ORIGIN);
    // the id is the one that the data names, or the answer would be refused for it alone
    let hash = server.id_hash();
    let at = object.windows(32).position(|window| window == hash);
    let data = at.and_then(|at| object.get(at..)).unwrap_or_default();
    let length = data.get(53..55).and_then(|two| two.try_into().ok());
    let length = usize::from(length.map_or(0, u16::from_be_bytes));
    let id = data.get(55..).and_then(|rest| rest.get(..length));
    let json = registration(id.unwrap_or_default(), &client_data, object);
    let made = match server.verify_registration(&json, challenge) {
        Ok(made) => made,
        Err(refusal) => {
            let is_of_client = matches!(refusal, Refusal::WrongChallenge | Refusal::WrongOrigin);
            assert!(!is_of_client, "{refusal}");
            return;
        }
    };
    assert!((16..=1023).contains(&made.credential_id.len()));
    assert!(made.is_backup_eligible || !made.is_backed_up);
    let key = Value::read_all(&made.public_key, "key");
    assert!(key.is_ok_and(|key| PublicKey::read(&key).is_ok()));
    let flags = data.get(32).copied().unwrap_or_default();
    assert!(flags & Flags::USER_PRESENT != 0);
}

#[cfg(test)]
#[path = "../../../fuzz/unpack.rs"]
mod unpack;

#[cfg(test)]
mod tests {
    #[test]
    fn no_kept_input_breaks_the_passkeys() {
        let archive = include_str!("../../../fuzz/corpus/passkey.txt");
        let inputs = super::unpack::unpack(archive).unwrap();
        assert!(inputs.len() > 20, "the kept inputs are gone");
        for input in inputs {
            // a test that fails shows the input
            println!("{} \"{}\"", input.name, input.bytes.escape_ascii());
            super::passkey(&input.bytes);
        }
    }
}
