//! The client credentials grant (RFC 6749 section 4.4): a client acts for itself.

use rolecall_core::{Acr, SubjectKind, TenantName};

use super::{client_auth::RequestingClient, error::OAuthError};
use crate::{
    app::App,
    authority::{assurance, subject},
    clients::store::GrantType,
    tokens::{
        access_token::{Basis, Issued, Limits},
        fitting::{self, Wish},
        grant::{check_active, check_held_together},
        holder::{Beyond, TokenSubject},
        requested::RequestedScope,
    },
};

/// A token request with the client credentials grant.
pub(crate) struct ClientCredentialsGrant<'a> {
    /// The client, which proved itself.
    pub(crate) client: &'a RequestingClient,
    pub(crate) scope: Option<RequestedScope>,
    pub(crate) tenant: Option<TenantName>,
    pub(crate) audience: &'a str,
}

/// Issues an access token with what the client itself holds; no refresh token, it can always ask again.
pub(crate) async fn for_client(
    app: &App,
    request: &ClientCredentialsGrant<'_>,
) -> Result<Issued, OAuthError> {
    let registered = request.client.registered();
    let registered = registered.ok_or(OAuthError::InvalidClient { basic: false })?;
    if registered.public {
        return Err(OAuthError::UnauthorizedClient);
    }
    let now = app.now();
    let mut conn = app.store().read().await?;
    let tenant = request.tenant.as_ref();
    let subject = subject::read(&mut conn, &registered.id, tenant, now).await?;
    let subject = subject.filter(|subject| subject.kind == SubjectKind::Client);
    let subject = subject.ok_or(OAuthError::InvalidClient { basic: false })?;
    let (grant_type, audience) = (GrantType::ClientCredentials, request.audience);
    let ceiling = request
        .client
        .ceiling_now(app, &mut conn, grant_type, audience);
    let ceiling = ceiling.await?;
    let policy = subject.policy(app.policy(), &mut conn).await?;
    // nobody proved a second factor: a role that needs one is not for a client
    let reach = assurance::reach(&policy, &mut conn, &subject, Acr::Aal1).await?;
    let holder = TokenSubject {
        policy: &reach.policy,
        beyond: Beyond::of(&reach, &subject.assigned),
        assigned: &subject.assigned,
        lifetime: app.settings().access_ttl,
        tenant,
        own_audience: request.audience == app.settings().issuer,
        ceiling: ceiling.as_ref(),
        beside: None,
        now,
    };
    let wish = Wish::Grant(request.scope.as_ref());
    let granted = wish.grant(&holder)?;
    check_active(&holder, &granted)?;
    check_held_together(&holder)?;
    let basis = Basis {
        subject: &subject,
        client_id: &registered.id,
        audience: request.audience,
        granted: &granted,
        limits: Limits::NONE,
        session: None,
        now,
    };
    let (issued, _) = fitting::access_token(app, &mut conn, &basis, &holder, wish).await?;
    Ok(issued)
}
