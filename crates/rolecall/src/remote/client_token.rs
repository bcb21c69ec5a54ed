//! The access token with which the guard calls the issuer: for the feed and for tickets.

use std::time::Duration;

use http::{
    Request, StatusCode, Uri,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde::Deserialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::{failure::Failure, settings::Credentials, shared::Shared};

/// The maximum length of an answer of the token endpoint.
const MAX_ANSWER: usize = 64 * 1024;
const TIMEOUT: Duration = Duration::from_secs(5);
/// The lifetime that is assumed for a token without `expires_in`, in seconds.
const DEFAULT_LIFETIME: u64 = 60;

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_in: Option<u64>,
}

#[derive(Clone)]
struct Token {
    text: Zeroizing<String>,
    /// The monotonic time at which to request a new one.
    renew_at: Duration,
}

/// The client of the guard, and its current access token.
pub(super) struct ClientToken {
    credentials: Credentials,
    current: Mutex<Option<Token>>,
}

impl ClientToken {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            current: Mutex::new(None),
        }
    }

    /// Returns the current token, or requests one. Others who need it at the same time wait for the same request.
    pub(super) async fn get(&self, shared: &Shared) -> Result<Zeroizing<String>, Failure> {
        let mut current = self.current.lock().await;
        let now = shared.clock.monotonic();
        if let Some(token) = current.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.text.clone());
        }
        let token = fetch_token(shared, &self.credentials).await?;
        Ok(current.insert(token).text.clone())
    }

    /// Forgets a token that the issuer has refused, unless there is another one by now.
    pub(super) async fn forget(&self, refused: &str) {
        let mut current = self.current.lock().await;
        if current
            .as_ref()
            .is_some_and(|token| *token.text == *refused)
        {
            *current = None;
        }
    }
}

/// Requests an access token for the issuer itself (RFC 6749 section 4.4), once its metadata is loaded.
async fn fetch_token(shared: &Shared, credentials: &Credentials) -> Result<Token, Failure> {
    let endpoint = token_endpoint(shared).await?;
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("audience", &shared.issuer.name)
        .finish();
    let sent_at = shared.clock.monotonic();
    let request = Request::post(endpoint)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(AUTHORIZATION, credentials.basic());
    let answer = shared
        .http
        .send(request, form.into(), MAX_ANSWER, TIMEOUT)
        .await?;
    if answer.status != StatusCode::OK {
        return Err(Failure::Status {
            request: "the request for a token",
            status: answer.status,
        });
    }
    let answer: Answer =
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Malformed("token"))?;
    let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(DEFAULT_LIFETIME));
    Ok(Token {
        text: answer.access_token.into(),
        renew_at: sent_at.saturating_add(lifetime / 5 * 4),
    })
}

/// Returns the token endpoint, after waiting until [`keys`](super::keys) has loaded the metadata.
async fn token_endpoint(shared: &Shared) -> Result<Uri, Failure> {
    let mut metadata = shared.metadata.subscribe();
    let known = metadata.wait_for(Option::is_some).await;
    let known = known.map_err(|_| Failure::Malformed("metadata"))?;
    known
        .as_ref()
        .and_then(|metadata| metadata.token.clone())
        .ok_or(Failure::NoTokenEndpoint)
}
