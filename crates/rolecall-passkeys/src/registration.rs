//! Adding a passkey (WebAuthn 7.1).

use serde::Deserialize;

use crate::{
    Challenge, Refusal, RelyingParty,
    answer::{Answer, decode},
    authenticator_data::AuthenticatorData,
    cbor::Value,
    client_data,
};

const OBJECT: &str = "attestationObject";

/// The transports of WebAuthn 5.8.4. Others are dropped: they would go back to the page of every sign-in.
const TRANSPORTS: [&str; 6] = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];

/// A passkey that was just made, to be kept with its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPasskey {
    /// Its id, 16 to 1023 bytes. It must be new among the passkeys of all users.
    pub credential_id: Vec<u8>,
    /// Its public key as a `COSE_Key`.
    pub public_key: Vec<u8>,
    /// The counter of signatures; 0 if the authenticator has none.
    pub counter: u32,
    /// The ways to reach the authenticator, sorted; hints for the browser.
    pub transports: Vec<&'static str>,
    /// True if the authenticator checked a PIN or a fingerprint.
    pub is_user_verified: bool,
    /// True if the key may be copied to other devices of the user. Never changes.
    pub is_backup_eligible: bool,
    /// True if a copy exists.
    pub is_backed_up: bool,
    /// The model of the authenticator (AAGUID); zeros if it does not say. Nothing vouches for it.
    pub model: [u8; 16],
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "attestationObject")]
    object: String,
    #[serde(default)]
    transports: Vec<String>,
}

impl RelyingParty {
    /// Verifies the answer to [`creation_options`](Self::creation_options), in the JSON of `PublicKeyCredential.toJSON`.
    /// Only the data of the authenticator counts, never what the browser repeats of it. Attestation was not asked for and
    /// is not verified, so that the model of the authenticator is its own claim.
    ///
    /// # Errors
    ///
    /// [`Refusal`] names the check that failed. The challenge is spent nevertheless.
    pub fn verify_registration(
        &self,
        json: &str,
        challenge: &Challenge,
    ) -> Result<NewPasskey, Refusal> {
        let answer = Answer::<Response>::read(json)?;
        let response = &answer.response;
        let client_data = decode(&response.client_data, "clientDataJSON")?;
        client_data::check(&client_data, "webauthn.create", self, challenge)?;
        let object = decode(&response.object, OBJECT)?;
        let data = authenticator_data(&object)?;
        let data = AuthenticatorData::read(data, self)?;
        let attested = data.attested.ok_or(Refusal::Flags)?;
        if attested.credential_id != answer.credential_id()? {
            return Err(Refusal::WrongCredential);
        }
        let is_stated = |name: &&str| response.transports.iter().any(|stated| stated == name);
        Ok(NewPasskey {
            credential_id: attested.credential_id.to_vec(),
            public_key: attested.public_key.to_vec(),
            counter: data.counter,
            transports: TRANSPORTS.into_iter().filter(is_stated).collect(),
            is_user_verified: data.is_user_verified,
            is_backup_eligible: data.is_backup_eligible,
            is_backed_up: data.is_backed_up,
            model: attested.model,
        })
    }
}

/// Returns `authData` of an attestation object, which has a format and its statement beside it and nothing else.
fn authenticator_data(object: &[u8]) -> Result<&[u8], Refusal> {
    let object = Value::read_all(object, OBJECT)?;
    let (mut data, mut format, mut statement) = (None, None, None);
    for (key, value) in object.as_map().unwrap_or_default() {
        match (key, value) {
            (Value::Text("authData"), Value::Bytes(bytes)) => data = Some(*bytes),
            (Value::Text("fmt"), Value::Text(text)) => format = Some(*text),
            (Value::Text("attStmt"), Value::Map(entries)) => statement = Some(entries),
            _ => return Err(Refusal::Malformed(OBJECT)),
        }
    }
    match (data, format, statement) {
        (Some(data), Some(format), Some(statement)) if format != "none" || statement.is_empty() => {
            Ok(data)
        }
        _ => Err(Refusal::Malformed(OBJECT)),
    }
}
