mod assertion;
mod corruption;
mod model;
mod options;
mod origins;
mod registration;
mod vectors;

use serde_json::Value;

use crate::{
    Assertion, Challenge, NewPasskey, Passkey, Refusal, RelyingParty, User, UserVerification,
    Verified, testing::Authenticator,
};

const ORIGIN: &str = "https://login.example.com";
const HANDLE: [u8; 16] = *b"0123456789abcdef";

fn server() -> RelyingParty {
    RelyingParty::new(ORIGIN, "Example").unwrap()
}

fn challenge() -> Challenge {
    Challenge::new([42; 32])
}

fn creation() -> Value {
    let user = User {
        handle: &HANDLE,
        name: "alice",
        display_name: "Alice",
    };
    server().creation_options(&challenge(), user, &[])
}

fn request() -> Value {
    server().request_options(&challenge(), &[], UserVerification::Required)
}

fn register(device: &mut Authenticator) -> NewPasskey {
    let answer = device.create(&creation()).unwrap();
    server().verify_registration(&answer, &challenge()).unwrap()
}

fn kept(made: &NewPasskey) -> Passkey<'_> {
    Passkey {
        credential_id: &made.credential_id,
        public_key: &made.public_key,
        user_handle: &HANDLE,
        counter: made.counter,
        is_backup_eligible: made.is_backup_eligible,
        has_verified_user: made.is_user_verified,
    }
}

fn sign_in(answer: &str, passkey: &Passkey<'_>) -> Result<Verified, Refusal> {
    verify(answer, passkey, UserVerification::Required)
}

fn verify(
    answer: &str,
    passkey: &Passkey<'_>,
    verification: UserVerification,
) -> Result<Verified, Refusal> {
    let answer = Assertion::read(answer)?;
    server().verify_assertion(&answer, &challenge(), passkey, verification)
}

/// Returns the JSON with one member replaced, or without it.
fn with(json: &str, pointer: &str, value: Option<Value>) -> String {
    let mut json: Value = serde_json::from_str(json).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    json.to_string()
}
