//! Logout tokens (`OpenID` Connect Back-Channel Logout 1.0 section 2.4).

use std::time::Duration;

use rolecall_core::Timestamp;
use serde_json::json;

use crate::{app::App, clients::store::Client, error::ApiError, ids};

/// The type of logout tokens, by which nobody takes one for another kind of token (section 4).
const TYPE: &str = "logout+jwt";
/// The time for which a logout token is valid. It is made when it is sent.
const LIFETIME: Duration = Duration::from_mins(2);
/// The event of section 2.4.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Makes and signs the token that tells `client` of the end of `session`, with the algorithm of its ID tokens. Returns
/// `None` where nothing signs ID tokens.
///
/// # Errors
///
/// If no id can be made or the signature fails.
pub(crate) fn sign(
    app: &App,
    client: &Client,
    (subject, session): (&str, &str),
    now: Timestamp,
) -> Result<Option<String>, ApiError> {
    let signing = app.parts().keys.signing();
    let algorithm = client.sign_in.id_token_alg.algorithm();
    let Some(key) = signing.id_token_key(algorithm) else {
        tracing::error!(
            client = client.id,
            algorithm = algorithm.as_str(),
            "a client is not told of a log-out, since no key signs its ID tokens: set `tokens.algorithm` to ES256, EdDSA or RS256"
        );
        return Ok(None);
    };
    // without `nonce`, so that no relying party takes it for an ID token
    let claims = json!({
        "iss": app.settings().issuer,
        "aud": client.id,
        "iat": now.seconds(),
        "exp": now.plus(LIFETIME).seconds(),
        "jti": ids::random_token(128).map_err(ApiError::internal)?,
        "events": { EVENT: {} },
        "sub": subject,
        "sid": session,
    });
    let token = key.sign_typed(TYPE, &claims).map_err(ApiError::internal)?;
    Ok(Some(token))
}
