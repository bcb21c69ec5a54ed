//! ID tokens (`OpenID` Connect Core section 2).

use aws_lc_rs::digest::{Algorithm as Digest, SHA256, SHA512, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::token::{Algorithm, SignError, jws};
use rolecall_core::{Acr, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    app::App,
    clients::{sign_in::IdTokenAlgorithm, store::Client},
    error::ApiError,
    store::read_head,
};

/// The assurance that a sign-in can reach, the lowest first.
pub(crate) const REACHABLE: &[Acr] = &[Acr::Aal1, Acr::Aal2, Acr::Phr];

/// The type of ID tokens, by which no guard takes one for an access token.
const TYPE: &str = "JWT";

/// What an ID token says.
pub(crate) struct IdToken<'a> {
    pub(crate) client: &'a Client,
    pub(crate) subject: &'a str,
    pub(crate) session: &'a str,
    pub(crate) auth_time: Timestamp,
    /// The methods of authentication, separated by spaces.
    pub(crate) amr: &'a str,
    /// Only in the first one of a session.
    pub(crate) nonce: Option<&'a str>,
    pub(crate) access_token: &'a str,
    /// Claims about the user.
    pub(crate) claims: Map<String, Value>,
    pub(crate) now: Timestamp,
}

/// Returns true if ID tokens for this client can be signed: not where a shared secret signs.
pub(crate) fn can_sign(app: &App, client: &Client) -> bool {
    let algorithm = client.sign_in.id_token_alg.algorithm();
    app.parts().keys.signing().id_token_key(algorithm).is_some()
}

/// Reads the signing keys if there is none for the ID tokens of this client: another node may just have made one.
pub(crate) async fn find_new_key(app: &App, client: &Client) -> Result<(), ApiError> {
    if can_sign(app, client) {
        return Ok(());
    }
    let mut conn = app.store().read().await?;
    let head = read_head(&mut conn).await?;
    app.catch_up_keys(&mut conn, &head).await
}

/// Returns true if this server signs with a secret that it shares with those who verify, which cannot sign ID tokens for
/// this client: anybody who verifies could make them.
pub(crate) fn has_shared_secret(app: &App, client: &Client) -> bool {
    let signing = app.parts().keys.signing();
    let algorithm = client.sign_in.id_token_alg.algorithm();
    signing.key.algorithm().is_symmetric() && signing.id_token_key(algorithm).is_none()
}

/// Makes and signs an ID token. One that would be longer than anybody accepts loses the roles, which `/userinfo` tells too:
/// other people assign them, and must not block a sign-in with them.
///
/// # Errors
///
/// If no key has the algorithm of the client.
pub(crate) fn sign(app: &App, token: &IdToken<'_>) -> Result<String, ApiError> {
    let settings = app.settings();
    let algorithm = token.client.sign_in.id_token_alg;
    let signing = app.parts().keys.signing();
    let key = signing.id_token_key(algorithm.algorithm());
    let key = key.ok_or_else(|| ApiError::internal(NoKey(algorithm.algorithm())))?;
    let mut claims = token.claims.clone();
    let standard = json!({
        "iss": settings.issuer,
        "sub": token.subject,
        "aud": token.client.id,
        "iat": token.now.seconds(),
        "exp": token.now.plus(settings.access_ttl).seconds(),
        "auth_time": token.auth_time.seconds(),
        "acr": Acr::of_methods(token.amr.split(' ')).as_str(),
        "amr": token.amr.split(' ').collect::<Vec<_>>(),
        "at_hash": at_hash(algorithm, token.access_token),
        "sid": token.session,
    });
    if let Value::Object(standard) = standard {
        claims.extend(standard);
    }
    if let Some(nonce) = token.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    let mut spare = ["groups", "roles"].into_iter();
    loop {
        let signed = key.sign_typed(TYPE, &claims);
        let is_too_long = matches!(signed, Err(SignError::TooLong));
        let left_out = spare.find(|name| is_too_long && claims.remove(*name).is_some());
        let Some(left_out) = left_out else {
            return signed.map_err(ApiError::internal);
        };
        tracing::warn!(
            subject = %token.subject,
            left_out,
            "an ID token would be too long: a claim is left out of it"
        );
    }
}

/// No key signs with the algorithm that a client wants.
#[derive(Debug, thiserror::Error)]
#[error("no key signs ID tokens with {0}: start `rolecall serve` once more, which makes one")]
struct NoKey(Algorithm);

/// Returns the left half of the hash of an access token (section 3.1.3.6). Ed25519 hashes with SHA-512.
fn at_hash(algorithm: IdTokenAlgorithm, token: &str) -> String {
    let by: &'static Digest = match algorithm {
        IdTokenAlgorithm::Rs256 | IdTokenAlgorithm::Es256 => &SHA256,
        IdTokenAlgorithm::EdDsa => &SHA512,
    };
    let hash = digest(by, token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

/// The parts of an ID token that an application sends back as a hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) client: String,
    pub(crate) subject: String,
    pub(crate) session: String,
}

impl Hint {
    /// Reads an ID token of this server, expired or not.
    pub(crate) fn read(app: &App, token: &str) -> Option<Self> {
        let claims = verify(app, token)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            client: text("aud")?,
            subject: text("sub")?,
            session: text("sid")?,
        })
    }
}

/// Returns the claims of an ID token of this server, expired or not, whichever client it was for.
fn verify(app: &App, token: &str) -> Option<Map<String, Value>> {
    let verified = jws::verify(&app.parts().live.keys(), token).ok()?;
    // an access token is not one
    verified.typ.filter(|typ| typ == TYPE)?;
    let claims: Map<String, Value> = serde_json::from_slice(&verified.payload).ok()?;
    let issuer = claims.get("iss").and_then(Value::as_str);
    (issuer == Some(app.settings().issuer.as_str())).then_some(claims)
}

#[cfg(test)]
mod tests {

    use rolecall::token::MAX_TOKEN_BYTES;

    use super::*;
    use crate::clients::sign_in::SignIn;

    fn client() -> Client {
        Client {
            sign_in: SignIn {
                // the algorithm of access tokens, whose key exists
                id_token_alg: IdTokenAlgorithm::Es256,
                ..SignIn::default()
            },
            ..Client::sample()
        }
    }

    #[tokio::test]
    async fn y283_roles_that_do_not_fit_are_left_out_of_an_id_token() {
        let server = crate::Embedded::builder("sqlite::memory:");
        let server = server.open().await.unwrap();
        let client = client();
        // in quarters of the longest token, before base64
        let text = |quarters: usize| json!("r".repeat(MAX_TOKEN_BYTES * quarters * 3 / 16));
        let signed = |claims: Value| {
            let Value::Object(claims) = claims else {
                panic!("no object");
            };
            let token = IdToken {
                client: &client,
                subject: "u",
                session: "s",
                auth_time: Timestamp::default(),
                amr: "pwd",
                nonce: None,
                access_token: "a.b.c",
                claims,
                now: Timestamp::from_seconds(1_900_000_000),
            };
            let token = sign(server.app(), &token)?;
            assert!(token.len() <= MAX_TOKEN_BYTES);
            Ok::<_, ApiError>(verify(server.app(), &token).unwrap())
        };
        let names = |claims: Value| {
            let signed = signed(claims).unwrap();
            ["name", "roles", "groups"].map(|name| signed.contains_key(name))
        };
        let all = json!({ "name": "n", "roles": text(1), "groups": text(1) });
        assert_eq!(names(all), [true; 3]);
        let twice = json!({ "name": "n", "roles": text(2), "groups": text(2) });
        assert_eq!(names(twice), [true, true, false]);
        let much = json!({ "name": "n", "roles": text(4), "groups": text(4) });
        assert_eq!(names(much), [true, false, false]);
        let one = json!({ "name": "n", "roles": text(4) });
        assert_eq!(names(one), [true, false, false]);
        assert!(signed(json!({ "name": text(4), "roles": "r" })).is_err());
    }

    #[test]
    fn the_hash_of_an_access_token_is_that_of_the_specification() {
        // OpenID Connect Core section A.3
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        let hash = "77QmUPtjPfzWtF2AnpK9RQ";
        assert_eq!(at_hash(IdTokenAlgorithm::Rs256, token), hash);
        assert_eq!(at_hash(IdTokenAlgorithm::Es256, token), hash);
        let long = at_hash(IdTokenAlgorithm::EdDsa, token);
        assert_eq!(URL_SAFE_NO_PAD.decode(long).unwrap().len(), 32);
    }
}
