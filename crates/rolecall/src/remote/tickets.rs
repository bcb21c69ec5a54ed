//! Redeems tickets at the issuer.

use std::{
    future::ready,
    sync::{Arc, Weak},
    time::Duration,
};

use http::{
    Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::{client_token::ClientToken, failure::Failure, shared::Shared};
use crate::{
    Denial,
    guard::{Exchanged, Tickets},
};

/// The longest ticket: longer ones are not the issuer's.
const MAX_TICKET: usize = 128;
/// Longer than the answer with the longest token.
const MAX_ANSWER: usize = 64 * 1024;
/// A ticket lives for 30 s, and a browser that opens a connection waits for it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The requests under way at once. Anybody can send invented tickets, which must not flood the issuer.
const MAX_REQUESTS: usize = 100;

#[derive(Deserialize)]
struct Answer {
    active: bool,
    access_token: Option<String>,
}

/// Redeems the tickets of a guard, each with one request.
pub(crate) struct RemoteTickets {
    /// A guard that is dropped ends its requests.
    shared: Weak<Shared>,
    client: Arc<ClientToken>,
    places: Arc<Semaphore>,
}

impl RemoteTickets {
    pub(super) fn new(shared: &Arc<Shared>, client: Arc<ClientToken>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            client,
            places: Arc::new(Semaphore::new(MAX_REQUESTS)),
        }
    }
}

impl Tickets for RemoteTickets {
    fn redeem(&self, ticket: &str, path: &str) -> Exchanged {
        let deny = |denial| -> Exchanged { Box::pin(ready(Err(denial))) };
        if ticket.len() > MAX_TICKET {
            return deny(Denial::EndedToken);
        }
        let (Some(shared), Ok(place)) = (
            self.shared.upgrade(),
            Arc::clone(&self.places).try_acquire_owned(),
        ) else {
            return deny(Denial::Unavailable);
        };
        let client = Arc::clone(&self.client);
        let body = Zeroizing::new(json!({ "ticket": ticket, "path": path }).to_string());
        Box::pin(async move {
            let _place = place;
            let redeemed = tokio::time::timeout(TIMEOUT, redeem(&shared, &client, &body)).await;
            match redeemed.unwrap_or(Err(Failure::TimedOut)) {
                Ok(Some(token)) => Ok(token.as_str().into()),
                Ok(None) => Err(Denial::EndedToken),
                Err(failure) => {
                    tracing::warn!(issuer = shared.issuer.name, %failure, "a ticket could not be redeemed");
                    // INVARIANT: without an answer of the issuer a ticket gives nothing
                    Err(Denial::Unavailable)
                }
            }
        })
    }
}

/// Returns the access token of a ticket; `None` for a ticket that is not valid.
async fn redeem(
    shared: &Shared,
    client: &ClientToken,
    body: &str,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let token = client.get(shared).await?;
    match send(shared, &token, body).await {
        // the issuer refused the client before it looked at the ticket
        Err(Failure::Status {
            status: StatusCode::UNAUTHORIZED,
            ..
        }) => {
            client.forget(&token).await;
            let token = client.get(shared).await?;
            send(shared, &token, body).await
        }
        answered => answered,
    }
}

async fn send(
    shared: &Shared,
    token: &str,
    body: &str,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let uri = shared.issuer.uri_of("/api/tickets/redeem")?;
    let request = Request::post(uri)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, format!("Bearer {token}"));
    let answer = shared
        .http
        .send(request, body.to_owned().into(), MAX_ANSWER, TIMEOUT)
        .await?;
    if answer.status != StatusCode::OK {
        return Err(Failure::Status {
            request: "the request for the token of a ticket",
            status: answer.status,
        });
    }
    let answer: Answer =
        serde_json::from_slice(&answer.body).map_err(|_| Failure::Malformed("ticket"))?;
    match answer {
        Answer { active: false, .. } => Ok(None),
        Answer {
            access_token: Some(token),
            ..
        } => Ok(Some(Zeroizing::new(token))),
        Answer { .. } => Err(Failure::Malformed("ticket")),
    }
}
