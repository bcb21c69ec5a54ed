//! Which client asks, and the proof of it: alike at `/token`, `/revoke` and `/introspect`.

use http::HeaderMap;
use secrecy::ExposeSecret as _;

use super::{basic, error::OAuthError, form::Form};
use crate::{
    app::App,
    clients::{
        secret,
        store::{self, Client, GrantType},
    },
    resources::{limit, store as resources},
    store::{Conn, StoreError},
    throttle::Source,
    tokens::requested::RequestedScope,
};

/// The client of a log-in without one.
pub(crate) const FIRST_PARTY: &str = "rolecall";

/// The client that sent a request to an OAuth endpoint.
#[derive(Debug)]
pub(crate) enum RequestingClient {
    /// No client: rolecall's own log-in.
    FirstParty,
    /// A client: one that proved itself, or a public one.
    Client(Box<Client>),
}

impl RequestingClient {
    /// As tokens and sessions name it.
    pub(crate) fn client_id(&self) -> &str {
        match self {
            Self::FirstParty => FIRST_PARTY,
            Self::Client(client) => &client.id,
        }
    }

    pub(crate) fn registered(&self) -> Option<&Client> {
        match self {
            Self::FirstParty => None,
            Self::Client(client) => Some(client),
        }
    }

    /// Reads the client once more, and returns the most that it may be given; `None` for no such limit.
    ///
    /// INVARIANT: the revision of the token was read before. What the client loses after that revision ends the token by
    /// a floor, and what it lost before is gone here: nothing that was read earlier, such as before a password was
    /// hashed, decides what a token carries.
    ///
    /// # Errors
    ///
    /// If the client is gone, or lost the grant or the audience.
    pub(super) async fn ceiling_now(
        &self,
        app: &App,
        conn: &mut Conn,
        grant: GrantType,
        audience: &str,
    ) -> Result<Option<RequestedScope>, OAuthError> {
        let settings = app.settings();
        let is_own = audience == settings.issuer;
        let Self::Client(client) = self else {
            // a session from before the server got another address or audience gives no token that works anywhere
            let is_known = is_own || audience == settings.audience;
            return if is_known {
                Ok(None)
            } else {
                Err(OAuthError::InvalidGrant)
            };
        };
        let client = store::find(conn, &client.id).await?;
        let client = client.ok_or(OAuthError::InvalidClient { basic: false })?;
        if !client.grants.contains(&grant) {
            return Err(OAuthError::UnauthorizedClient);
        }
        let is_allowed = client.has_audience(audience, &settings.issuer);
        if !is_allowed && !may_ask(conn, grant, audience).await? {
            return Err(OAuthError::InvalidTarget("the audience is not known"));
        }
        let ceiling = RequestedScope::stored(client.scope.as_deref())?;
        if is_own {
            return Ok(ceiling);
        }
        Ok(limit::limited(conn, audience, ceiling).await?)
    }

    /// Returns `true` if the client may refresh its tokens.
    pub(crate) fn may_refresh(&self) -> bool {
        self.registered()
            .is_none_or(|client| client.grants.contains(&GrantType::RefreshToken))
    }
}

/// Returns true if a client may have tokens for a resource that it was not allowed in advance, since the user was asked.
async fn may_ask(conn: &mut Conn, grant: GrantType, audience: &str) -> Result<bool, StoreError> {
    match grant {
        GrantType::AuthorizationCode => resources::hold_dynamic(conn, audience).await,
        GrantType::RefreshToken => limit::is_dynamic(conn, audience).await,
        _ => Ok(false),
    }
}

/// Finds out which client asks. Empty credentials mean none: Swagger UI sends them.
///
/// # Errors
///
/// `invalid_client` alike for an unknown client and a wrong secret, `invalid_request` for two proofs.
pub(crate) async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
    address: &str,
) -> Result<RequestingClient, OAuthError> {
    let basic = basic::client_credentials(headers)?;
    let (in_body, secret_in_body) = (form.get("client_id"), form.get("client_secret"));
    let (id, secret, by_basic) = match (&basic, in_body, secret_in_body) {
        (None, None, None) => return Ok(RequestingClient::FirstParty),
        (Some(_), _, Some(_)) => {
            return Err(OAuthError::InvalidRequest(
                "a client may authenticate in one way only",
            ));
        }
        (Some(basic), Some(id), None) if *id != basic.id => {
            return Err(OAuthError::InvalidRequest(
                "client_id differs from the one in the Authorization header",
            ));
        }
        (Some(basic), _, None) => (basic.id.as_str(), basic.secret.expose_secret(), true),
        (None, Some(id), secret) => (id, secret.unwrap_or_default(), false),
        (None, None, Some(_)) => return Err(OAuthError::InvalidClient { basic: false }),
    };
    let parts = app.parts();
    let (source, now) = (Source::client(id, address), parts.clock.monotonic());
    if let Some(retry_after) = parts.failing_clients.retry_after(source, now) {
        return Err(OAuthError::TooMany { retry_after });
    }
    // no id of ours, and PostgreSQL takes no NUL
    let client = if id.bytes().all(|byte| byte.is_ascii_graphic()) {
        store::find(&mut app.store().read().await?, id).await?
    } else {
        None
    };
    if let Some(client) = client.filter(|client| is_proven(app, client, secret)) {
        return Ok(RequestingClient::Client(Box::new(client)));
    }
    parts.failing_clients.failed(source, id, now);
    Err(OAuthError::InvalidClient { basic: by_basic })
}

/// A public client has nothing to prove with, and must not pretend to.
fn is_proven(app: &App, client: &Client, secret: &str) -> bool {
    if client.public {
        secret.is_empty()
    } else {
        secret::is_one_of(secret, client.secrets_at(app.now()))
    }
}
