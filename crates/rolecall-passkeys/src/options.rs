//! The options that a page gives to the browser.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{Challenge, RelyingParty, cose::ALGORITHMS};

/// The time in which the browser expects an answer, in milliseconds: the one that WebAuthn 15.1 recommends.
const TIMEOUT: u32 = 300_000;

/// The user for whom a passkey is made.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// Random bytes that stand for the user. A handle says nothing about them: authenticators show it to any page of the
    /// server.
    pub handle: &'a [u8; 16],
    /// The user name, which people choose from in a list.
    pub name: &'a str,
    /// The name of the person.
    pub display_name: &'a str,
}

/// A passkey that a user has.
#[derive(Clone, Copy, Debug)]
pub struct Credential<'a> {
    /// Its id.
    pub id: &'a [u8],
    /// The ways to reach its authenticator.
    pub transports: &'a [String],
}

/// Says whether the authenticator checks its user with a PIN, a fingerprint or a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserVerification {
    /// The passkey is the only proof.
    Required,
    /// The passkey stands beside another factor.
    Discouraged,
}

impl UserVerification {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Discouraged => "discouraged",
        }
    }
}

impl RelyingParty {
    /// Returns the options to make a passkey (`PublicKeyCredential.parseCreationOptionsFromJSON`). An authenticator that
    /// holds one of `present` makes no second one.
    #[must_use]
    pub fn creation_options(
        &self,
        challenge: &Challenge,
        user: User<'_>,
        present: &[Credential<'_>],
    ) -> Value {
        let algorithms = ALGORITHMS.map(|alg| json!({"type": "public-key", "alg": alg}));
        json!({
            "rp": {"id": self.id(), "name": self.name()},
            "user": {
                "id": URL_SAFE_NO_PAD.encode(user.handle),
                "name": user.name,
                "displayName": user.display_name,
            },
            "challenge": challenge.to_text(),
            "pubKeyCredParams": algorithms,
            "timeout": TIMEOUT,
            "excludeCredentials": descriptors(present),
            "authenticatorSelection": {
                "residentKey": "preferred",
                "requireResidentKey": false,
                "userVerification": "preferred",
            },
            "attestation": "none",
        })
    }

    /// Returns the options to sign in with one of these passkeys, or with any of this server if there are none
    /// (`PublicKeyCredential.parseRequestOptionsFromJSON`).
    #[must_use]
    pub fn request_options(
        &self,
        challenge: &Challenge,
        allowed: &[Credential<'_>],
        verification: UserVerification,
    ) -> Value {
        json!({
            "challenge": challenge.to_text(),
            "timeout": TIMEOUT,
            "rpId": self.id(),
            "allowCredentials": descriptors(allowed),
            "userVerification": verification.as_str(),
        })
    }
}

fn descriptors(credentials: &[Credential<'_>]) -> Vec<Value> {
    let descriptor = |one: &Credential<'_>| {
        let id = URL_SAFE_NO_PAD.encode(one.id);
        json!({"type": "public-key", "id": id, "transports": one.transports})
    };
    credentials.iter().map(descriptor).collect()
}
