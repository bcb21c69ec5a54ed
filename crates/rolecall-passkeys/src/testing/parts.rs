//! The parts of an answer, so that a test can put together a wrong one.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

/// The flags of the authenticator's data.
#[derive(Clone, Copy, Debug)]
pub struct Flags;

impl Flags {
    /// Somebody touched the authenticator.
    pub const USER_PRESENT: u8 = 1;
    /// It checked who that was.
    pub const USER_VERIFIED: u8 = 1 << 2;
    /// The key may be copied.
    pub const BACKUP_ELIGIBLE: u8 = 1 << 3;
    /// A copy exists.
    pub const BACKED_UP: u8 = 1 << 4;
    /// A new passkey follows.
    pub const ATTESTED: u8 = 1 << 6;
    /// Extensions follow.
    pub const EXTENDED: u8 = 1 << 7;
}

/// Returns the statement of a browser.
#[must_use]
pub fn client_data(ceremony: &str, challenge: &str, origin: &str) -> Vec<u8> {
    let data = json!({
        "type": ceremony,
        "challenge": challenge,
        "origin": origin,
        "crossOrigin": false,
        // browsers add something, so that no server compares the text
        "other_keys_can_be_added_here": "do not compare clientDataJSON against a template",
    });
    data.to_string().into_bytes()
}

/// Returns the statement of an authenticator; `rest` follows its header.
#[must_use]
pub fn authenticator_data(rp_id: &str, flags: u8, counter: u32, rest: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, rp_id.as_bytes());
    [hash.as_ref(), &[flags], &counter.to_be_bytes(), rest].concat()
}

/// Returns the new passkey that follows the header of the data when one is made.
#[must_use]
pub fn attested(id: &[u8], cose: &[u8]) -> Vec<u8> {
    let length = u16::try_from(id.len()).unwrap_or(u16::MAX);
    [&[0; 16], &length.to_be_bytes()[..], id, cose].concat()
}

/// Returns the bytes that a passkey signs.
pub(super) fn signed(data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [data, digest(&SHA256, client_data).as_ref()].concat()
}

/// Returns an attestation object without attestation.
#[must_use]
pub fn attestation_object(data: &[u8]) -> Vec<u8> {
    map(&[
        (text("fmt"), text("none")),
        (text("attStmt"), map(&[])),
        (text("authData"), bytes(data)),
    ])
}

/// Returns the JSON of a new passkey.
#[must_use]
pub fn registration(id: &[u8], client_data: &[u8], object: &[u8]) -> String {
    let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let answer = json!({
        "id": encode(id),
        "rawId": encode(id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": encode(client_data),
            "attestationObject": encode(object),
            "transports": ["internal", "hybrid", "carrier-pigeon"],
            // what a browser repeats for servers without a decoder: it does not count
            "publicKey": encode(b"another key"),
            "publicKeyAlgorithm": -7,
            "authenticatorData": encode(b"other data"),
        },
    });
    answer.to_string()
}

/// Returns the JSON of a sign-in.
#[must_use]
pub fn assertion(
    id: &[u8],
    client_data: &[u8],
    data: &[u8],
    signature: &[u8],
    user_handle: Option<&[u8]>,
) -> String {
    let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
    let answer = json!({
        "id": encode(id),
        "rawId": encode(id),
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": encode(client_data),
            "authenticatorData": encode(data),
            "signature": encode(signature),
            "userHandle": user_handle.map(encode),
        },
    });
    answer.to_string()
}

pub(super) fn integer(value: i64) -> Vec<u8> {
    if value < 0 {
        head(1, (-1 - value).unsigned_abs())
    } else {
        head(0, value.unsigned_abs())
    }
}

pub(super) fn bytes(value: &[u8]) -> Vec<u8> {
    [&head(2, length(value.len())), value].concat()
}

fn text(value: &str) -> Vec<u8> {
    [&head(3, length(value.len())), value.as_bytes()].concat()
}

pub(super) fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut written = head(5, length(entries.len()));
    for (key, value) in entries {
        written.extend([key.as_slice(), value].concat());
    }
    written
}

fn length(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// Writes the first bytes of an item (RFC 8949 section 3).
fn head(major: u8, argument: u64) -> Vec<u8> {
    let [.., high, low] = argument.to_be_bytes();
    match argument {
        0..24 => vec![(major << 5) | low],
        24..0x100 => vec![(major << 5) | 0x18, low],
        _ => vec![(major << 5) | 0x19, high, low],
    }
}
