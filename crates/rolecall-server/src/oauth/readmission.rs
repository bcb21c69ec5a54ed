//! The questions of a sign-in, asked again at each refresh; and the end of a session for which the answer has changed.

use rolecall_core::{Policy, TenantName, Timestamp};

use super::{
    admission::{Admission, SignedInBy},
    client_auth::RequestingClient,
    error::OAuthError,
};
use crate::{
    app::App,
    authority::{
        assurance::{BY_PASSWORD, acr_of},
        caller::Caller,
        subject::Subject,
    },
    clients::store::GrantType,
    consents::{service as consents, store::For},
    sessions::{service, store::Session},
    store::Conn,
    tokens::{holder::Grant, requested::RequestedScope},
};

/// Returns the most that the client may be given now.
pub(super) async fn ceiling(
    app: &App,
    conn: &mut Conn,
    client: &RequestingClient,
    audience: &str,
) -> Result<Option<RequestedScope>, OAuthError> {
    let grant = GrantType::RefreshToken;
    let ceiling = client.ceiling_now(app, conn, grant, audience).await;
    ceiling.map_err(|error| match error {
        // the client named no audience: its session has none any more
        OAuthError::InvalidTarget(_) => OAuthError::SignedOut,
        error => error,
    })
}

/// Asks again what a sign-in asks for.
pub(super) async fn admit(
    app: &App,
    conn: &mut Conn,
    client: &RequestingClient,
    session: &Session,
    user: (&Policy, &Subject),
    now: Timestamp,
) -> Result<Option<Admission>, OAuthError> {
    let by = match session.identity {
        Some(_) => SignedInBy::Browser,
        None => SignedInBy::Password,
    };
    let reached = acr_of(session.amr.as_deref().unwrap_or(BY_PASSWORD));
    let admission = client.admit_now(conn, (by, reached), user, session.tenant.as_ref(), now);
    let admission = admission.await.map_err(signed_out)?;
    check_consent(app, conn, session, admission.as_ref()).await?;
    Ok(admission)
}

/// Checks that a token is for the tenant of the sign-in, if its client is for one.
pub(super) fn check_tenant(
    admitted: Option<&Admission>,
    granted: &Grant,
    tenant: Option<&TenantName>,
) -> Result<(), OAuthError> {
    let checked = admitted.map(|admission| admission.check_tenant(granted, tenant));
    checked.unwrap_or(Ok(())).map_err(signed_out)
}

fn signed_out(error: OAuthError) -> OAuthError {
    match error {
        OAuthError::InvalidGrant | OAuthError::SecondFactorRequired => OAuthError::SignedOut,
        error => error,
    }
}

/// Refuses a session whose user was not asked and now has to be: its client may have lost since what it was allowed in
/// advance, such as a resource for which anybody may ask, or to ask nobody; or it could get more than the user was shown.
async fn check_consent(
    app: &App,
    conn: &mut Conn,
    session: &Session,
    admitted: Option<&Admission>,
) -> Result<(), OAuthError> {
    let audience = session.audience.as_deref().unwrap_or_default();
    let Some(client) = admitted.map(Admission::client) else {
        return Ok(());
    };
    let is_default = client.has_audience(audience, &app.settings().issuer);
    if is_default && admitted.is_none_or(Admission::carries_own) {
        return Ok(());
    }
    let tokens = For {
        subject: &session.subject_id,
        client: &client.id,
        resource: audience,
        tenant: session.tenant.as_ref().map_or("", TenantName::as_str),
    };
    let is_everything = session.scope.is_none();
    if consents::is_session_allowed(conn, client, tokens, is_everything).await? {
        Ok(())
    } else {
        Err(OAuthError::SignedOut)
    }
}

/// Ends a session whose genuine token was refused because the client lost what the session rests on, or does not admit the
/// user any more: its clients are told, and it does not go on when that is given back.
pub(super) async fn end_lost(
    app: &App,
    session: &Session,
    refused: &OAuthError,
) -> Result<(), OAuthError> {
    let is_lost = matches!(
        refused,
        OAuthError::SignedOut | OAuthError::UnauthorizedClient
    );
    if is_lost {
        app.change(Caller::System, async |change| {
            let (id, subject) = (&session.id, &session.subject_id);
            service::end(change, "session.ended", id, subject).await
        })
        .await?;
    }
    Ok(())
}
