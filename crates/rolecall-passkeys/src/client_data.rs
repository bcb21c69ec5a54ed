//! The statement of the browser: which page used the passkey, and for which request.

use serde::Deserialize;

use crate::{Challenge, Refusal, RelyingParty};

const UNREADABLE: Refusal = Refusal::Malformed("clientDataJSON");

/// Parsed as JSON and never compared with a template: browsers add members, some of them random.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    ceremony: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    is_cross_origin: bool,
    #[serde(rename = "topOrigin")]
    top_origin: Option<String>,
}

/// Checks that a browser made this answer for the request with this challenge, on a page of the server itself.
pub(crate) fn check(
    json: &[u8],
    ceremony: &str,
    server: &RelyingParty,
    challenge: &Challenge,
) -> Result<(), Refusal> {
    // what is ignored must be text all the same
    let json = std::str::from_utf8(json).map_err(|_| UNREADABLE)?;
    let data: ClientData = serde_json::from_str(json).map_err(|_| UNREADABLE)?;
    if data.ceremony != ceremony {
        return Err(Refusal::WrongCeremony);
    }
    if !challenge.matches(&data.challenge) {
        return Err(Refusal::WrongChallenge);
    }
    if data.origin != server.origin() {
        return Err(Refusal::WrongOrigin);
    }
    if data.is_cross_origin || data.top_origin.is_some() {
        return Err(Refusal::CrossOrigin);
    }
    Ok(())
}
