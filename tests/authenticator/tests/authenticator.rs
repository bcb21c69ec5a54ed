//! The crate `passkey` as browser and authenticator: it reads our options and writes answers as others understand WebAuthn,
//! where `testing` and the verifier could share an error of ours.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData, WebauthnError},
    crypto::{aws_lc_rs::AwsLcRsBackend, iana},
    types::{
        Passkey as Held,
        ctap2::{Aaguid, Ctap2Error},
        webauthn::{CredentialCreationOptions, CredentialRequestOptions},
    },
};
use rolecall_passkeys::{
    Assertion, Challenge, Credential, NewPasskey, Passkey, Refusal, RelyingParty, User,
    UserVerification, Verified,
};
use serde_json::{Value, json};
use url::Url;

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

/// A person who touches the device, and proves to be its owner where the device can ask for that.
struct Person {
    is_checked: bool,
}

#[async_trait::async_trait]
impl UserValidationMethod for Person {
    type PasskeyItem = Held;

    async fn check_user<'a>(
        &self,
        hint: UiHint<'a, Held>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        if let UiHint::InformExcludedCredentialFound(_) = hint {
            return Err(Ctap2Error::CredentialExcluded);
        }
        Ok(UserCheck {
            presence,
            verification: verification && self.is_checked,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        self.is_checked.then_some(true)
    }
}

/// A browser at a page, with an authenticator that holds one passkey.
struct Device {
    origin: Url,
    algorithm: iana::Algorithm,
    checks_user: bool,
    counts: bool,
    held: Option<Held>,
}

impl Device {
    fn at(origin: &str) -> Self {
        Self {
            origin: origin.parse().unwrap(),
            algorithm: iana::Algorithm::ES256,
            checks_user: true,
            counts: false,
            held: None,
        }
    }

    fn authenticator(&self) -> Authenticator<Option<Held>, Person, AwsLcRsBackend> {
        let person = Person {
            is_checked: self.checks_user,
        };
        let id = Aaguid::new_empty();
        let mut authenticator = Authenticator::new(id, self.held.clone(), person, AwsLcRsBackend);
        authenticator.set_make_credentials_with_signature_counter(self.counts);
        authenticator.set_algorithms(&[self.algorithm]).unwrap();
        authenticator
    }

    /// Makes a passkey, as `navigator.credentials.create`, and returns its JSON.
    fn create(&mut self, options: &Value) -> Result<String, WebauthnError> {
        let options = json!({ "publicKey": options }).to_string();
        let options: CredentialCreationOptions = serde_json::from_str(&options).unwrap();
        let client = Client::new(self.authenticator());
        let mut client = client.user_verification_when_preferred(self.checks_user);
        let made = at_once(client.register(&self.origin, options, DefaultClientData))?;
        self.held.clone_from(client.authenticator().store());
        Ok(serde_json::to_string(&made).unwrap())
    }

    /// Uses the passkey, as `navigator.credentials.get`, and returns its JSON.
    fn get(&mut self, options: &Value) -> Result<String, WebauthnError> {
        let options = json!({ "publicKey": options }).to_string();
        let options: CredentialRequestOptions = serde_json::from_str(&options).unwrap();
        let mut client = Client::new(self.authenticator());
        let answer = at_once(client.authenticate(&self.origin, options, DefaultClientData))?;
        self.held.clone_from(client.authenticator().store());
        Ok(serde_json::to_string(&answer).unwrap())
    }

    fn register(&mut self) -> NewPasskey {
        let made = self.create(&creation()).unwrap();
        server().verify_registration(&made, &challenge()).unwrap()
    }
}

/// Runs what waits for nothing.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("an authenticator in memory waits for nothing"),
    }
}

#[test]
fn the_passkey_crate_registers_and_signs_in() {
    for algorithm in [iana::Algorithm::ES256, iana::Algorithm::EdDSA] {
        let mut device = Device::at(ORIGIN);
        device.algorithm = algorithm;
        let made = device.register();
        assert!(made.is_user_verified, "{algorithm:?}");
        let held = device.held.clone().unwrap();
        assert_eq!(made.credential_id, held.credential_id.to_vec());
        assert_eq!(held.user_handle.unwrap().to_vec(), HANDLE);
        let answer = device.get(&request()).unwrap();
        let found = sign_in(&answer, &kept(&made)).unwrap();
        assert!(found.is_user_verified, "{algorithm:?}");
        assert_eq!(
            Assertion::read(&answer).unwrap().credential_id(),
            made.credential_id
        );
    }
}

#[test]
fn its_counter_goes_up_and_an_older_answer_is_noticed() {
    let mut device = Device::at(ORIGIN);
    device.counts = true;
    let made = device.register();
    let mut passkey = kept(&made);
    let first = device.get(&request()).unwrap();
    let seen = sign_in(&first, &passkey).unwrap().counter;
    assert!(seen > made.counter);
    passkey.counter = seen;
    let second = device.get(&request()).unwrap();
    assert!(sign_in(&second, &passkey).unwrap().counter > seen);
    // its passkeys may be copied, so that a counter that goes back is no copy by a thief
    let older = sign_in(&first, &passkey).unwrap();
    assert!(older.went_back && older.is_synced);
    let bound = Passkey {
        is_backup_eligible: false,
        ..passkey
    };
    assert_eq!(sign_in(&first, &bound), Err(Refusal::BackupEligibility));
}

#[test]
fn without_a_check_of_its_user_it_is_no_proof_of_its_own() {
    let mut device = Device::at(ORIGIN);
    device.checks_user = false;
    let made = device.register();
    assert!(!made.is_user_verified);
    let allowed = [Credential {
        id: &made.credential_id,
        transports: &[],
    }];
    let asked = UserVerification::Discouraged;
    let options = server().request_options(&challenge(), &allowed, asked);
    let answer = device.get(&options).unwrap();
    let found = verify(&answer, &kept(&made), asked).unwrap();
    assert!(!found.is_user_verified);
    assert_eq!(
        sign_in(&answer, &kept(&made)),
        Err(Refusal::UserNotVerified)
    );
}

#[test]
fn it_makes_no_second_passkey_where_ours_is_excluded() {
    let mut device = Device::at(ORIGIN);
    let made = device.register();
    let present = [Credential {
        id: &made.credential_id,
        transports: &[],
    }];
    let user = User {
        handle: &HANDLE,
        name: "alice",
        display_name: "Alice",
    };
    let options = server().creation_options(&challenge(), user, &present);
    assert!(matches!(
        device.create(&options),
        Err(WebauthnError::AuthenticatorError(code)) if code == u8::from(Ctap2Error::CredentialExcluded)
    ));
}

#[test]
fn i087_its_answer_to_another_challenge_is_refused() {
    let mut device = Device::at(ORIGIN);
    let made = device.register();
    let other = Challenge::new([41; 32]);
    let options = server().request_options(&other, &[], UserVerification::Required);
    let answer = device.get(&options).unwrap();
    assert_eq!(sign_in(&answer, &kept(&made)), Err(Refusal::WrongChallenge));
}

#[test]
fn i088_it_refuses_our_options_on_the_page_of_another_server() {
    for origin in ["https://login.example.com.evil.test", "https://evil.test"] {
        let mut device = Device::at(origin);
        assert!(device.create(&creation()).is_err(), "{origin}");
        assert!(device.get(&request()).is_err(), "{origin}");
    }
}

#[test]
fn i088_what_it_makes_on_a_page_below_our_domain_is_refused() {
    // the browser allows it: the page shares the domain
    let mut device = Device::at("https://sub.login.example.com");
    let made = device.create(&creation()).unwrap();
    let refused = server().verify_registration(&made, &challenge());
    assert_eq!(refused.map(drop), Err(Refusal::WrongOrigin));
}

#[test]
fn a_changed_answer_of_it_is_refused() {
    let mut device = Device::at(ORIGIN);
    let made = device.register();
    let answer = device.get(&request()).unwrap();
    assert!(sign_in(&answer, &kept(&made)).is_ok());
    let other = Device::at(ORIGIN).register();
    let foreign = Passkey {
        public_key: &other.public_key,
        ..kept(&made)
    };
    assert_eq!(sign_in(&answer, &foreign), Err(Refusal::Signature));
    let handle = with(&answer, "/response/userHandle", Some(json!("AAAA")));
    assert!(sign_in(&handle, &kept(&made)).is_err());
}
