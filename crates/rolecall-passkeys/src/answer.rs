//! The JSON of an answer (`PublicKeyCredential.toJSON`, WebAuthn 5.1).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};

use crate::Refusal;

/// The longest JSON. What the rest repeats of a new passkey is ignored.
const MAX: usize = 16 * 1024;
/// The longest part of it, decoded.
const MAX_PART: usize = 4 * 1024;

/// An answer; other members are ignored.
#[derive(Deserialize)]
pub(crate) struct Answer<R> {
    id: String,
    #[serde(rename = "rawId")]
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    pub(crate) response: R,
}

impl<R: DeserializeOwned> Answer<R> {
    pub(crate) fn read(json: &str) -> Result<Self, Refusal> {
        if json.len() > MAX {
            return Err(Refusal::TooLong("credential"));
        }
        let answer: Self =
            serde_json::from_str(json).map_err(|_| Refusal::Malformed("credential"))?;
        if answer.kind == "public-key" && answer.id == answer.raw_id {
            Ok(answer)
        } else {
            Err(Refusal::Malformed("credential"))
        }
    }

    pub(crate) fn credential_id(&self) -> Result<Vec<u8>, Refusal> {
        decode(&self.id, "id")
    }
}

/// Decodes base64url without padding, and nothing else.
pub(crate) fn decode(text: &str, name: &'static str) -> Result<Vec<u8>, Refusal> {
    if text.len() > MAX_PART / 3 * 4 {
        return Err(Refusal::TooLong(name));
    }
    let decoded = URL_SAFE_NO_PAD.decode(text);
    decoded.map_err(|_| Refusal::Malformed(name))
}
