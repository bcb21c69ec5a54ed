//! The token endpoint: authenticates the client and passes the request to its grant.

use std::collections::BTreeSet;

use http::HeaderMap;
use rolecall_core::TenantName;

use super::{
    client_auth::{self, RequestingClient},
    client_credentials, code,
    error::OAuthError,
    form::Form,
    grant, refresh,
};
use crate::{
    app::App,
    clients::store::GrantType,
    login::known::Origin,
    resources::{limit, service::is_resource},
    tokens::{
        access_token::Issued,
        identity::{self, IdentityScope},
        requested::RequestedScope,
    },
};

/// Answers a form at the token endpoint.
pub(crate) async fn issue(
    app: &App,
    headers: &HeaderMap,
    form: &Form,
    origin: Origin<'_>,
) -> Result<Issued, OAuthError> {
    let client = client_auth::authenticate(app, headers, form, origin.address).await?;
    let grant_type = form
        .get("grant_type")
        .ok_or(OAuthError::InvalidRequest("grant_type is missing"))?;
    let grant_type = demand_grant(app, &client, grant_type)?;
    let issued = by_grant(app, grant_type, &client, form, origin).await?;
    app.parts().metrics.tokens.add_one(grant_type.as_str());
    Ok(issued)
}

async fn by_grant(
    app: &App,
    grant_type: GrantType,
    client: &RequestingClient,
    form: &Form,
    origin: Origin<'_>,
) -> Result<Issued, OAuthError> {
    let tenant = tenant(form.get("tenant"))?;
    let (identity, scope) = scope(grant_type, form.get("scope"))?;
    match grant_type {
        GrantType::AuthorizationCode => {
            let request = code::CodeGrant {
                code: required(form, "code", "code is missing")?,
                redirect_uri: form.get("redirect_uri"),
                verifier: form.get("code_verifier"),
                audience: asked_audience(form)?,
                client,
                origin,
            };
            code::by_code(app, &request).await
        }
        GrantType::Password => {
            let audience = audience(app, client, form)?;
            let request = grant::PasswordGrant {
                username: required(form, "username", "username is missing")?,
                password: required(form, "password", "password is missing")?,
                audience,
                client,
                scope: or_default(app, scope, audience).await?,
                tenant,
                origin,
                wants_refresh: wants_refresh(form)?,
            };
            grant::by_password(app, &request).await
        }
        GrantType::RefreshToken => {
            let request = refresh::RefreshGrant {
                token: required(form, "refresh_token", "refresh_token is missing")?,
                audience: asked_audience(form)?,
                client,
                scope,
                identity,
                tenant,
                origin,
            };
            refresh::by_token(app, &request).await
        }
        GrantType::ClientCredentials => {
            let audience = audience(app, client, form)?;
            let request = client_credentials::ClientCredentialsGrant {
                client,
                audience,
                scope: or_default(app, scope, audience).await?,
                tenant,
            };
            client_credentials::for_client(app, &request).await
        }
    }
}

/// Returns the scope of a request, or that of the resource if none is named.
async fn or_default(
    app: &App,
    scope: Option<RequestedScope>,
    audience: &str,
) -> Result<Option<RequestedScope>, OAuthError> {
    if scope.is_some() || audience == app.settings().issuer {
        return Ok(scope);
    }
    let mut conn = app.store().read().await?;
    Ok(limit::default_scope(&mut conn, audience).await?)
}

/// Refuses a grant that does not exist, is off, or was not given to the client; before anything is hashed.
fn demand_grant(app: &App, client: &RequestingClient, name: &str) -> Result<GrantType, OAuthError> {
    let grant: GrantType = name.parse().map_err(|_| OAuthError::UnsupportedGrantType)?;
    let off = grant == GrantType::Password && !app.settings().password_grant;
    match client {
        // a code belongs to a client
        RequestingClient::FirstParty if off || grant == GrantType::AuthorizationCode => {
            Err(OAuthError::UnsupportedGrantType)
        }
        RequestingClient::Client(client) if off || !client.grants.contains(&grant) => {
            Err(OAuthError::UnauthorizedClient)
        }
        _ => Ok(grant),
    }
}

fn required<'a>(form: &'a Form, name: &str, missing: &'static str) -> Result<&'a str, OAuthError> {
    form.get(name).ok_or(OAuthError::InvalidRequest(missing))
}

/// Returns false if the log-in asks for no refresh token: `access_type=online`, as Google names it.
fn wants_refresh(form: &Form) -> Result<bool, OAuthError> {
    match form.get("access_type") {
        None | Some("offline") => Ok(true),
        Some("online") => Ok(false),
        Some(_) => Err(OAuthError::InvalidRequest(
            "access_type is `offline`, or `online` for no refresh token",
        )),
    }
}

/// Reads the scope of a token request. A code has the scope that it was asked for with, and some clients repeat it: what is
/// not part of a request is ignored (RFC 6749 section 3.2). At a refresh it may name scopes of `OpenID` Connect: those that
/// the session has.
fn scope(
    grant: GrantType,
    text: Option<&str>,
) -> Result<(Option<BTreeSet<IdentityScope>>, Option<RequestedScope>), OAuthError> {
    let Some(text) = text.filter(|_| grant != GrantType::AuthorizationCode) else {
        return Ok((None, None));
    };
    if grant != GrantType::RefreshToken {
        return Ok((None, Some(RequestedScope::parse(text)?)));
    }
    let (identity, others) = identity::split(text);
    let asks_for_others = !others.is_empty() || identity.is_empty();
    let scope = asks_for_others.then(|| RequestedScope::parse(&others));
    Ok((Some(identity), scope.transpose()?))
}

/// Parses the name of the tenant that a caller asks for.
pub(crate) fn tenant(name: Option<&str>) -> Result<Option<TenantName>, OAuthError> {
    let parsed = name.map(str::parse).transpose();
    parsed.map_err(|_| OAuthError::InvalidScope("tenant is not a name of a tenant".to_owned()))
}

/// Every caller may ask for the server itself; without a client for the configured audience too, with one
/// for those of the client (RFC 8707). The first is the default.
fn audience<'a>(
    app: &'a App,
    client: &'a RequestingClient,
    form: &'a Form,
) -> Result<&'a str, OAuthError> {
    let settings = app.settings();
    let known: Vec<&str> = match client {
        RequestingClient::FirstParty => vec![&settings.audience, &settings.issuer],
        RequestingClient::Client(client) => {
            let own = client.audiences.iter().map(String::as_str);
            own.chain([settings.issuer.as_str()]).collect()
        }
    };
    match asked_audience(form)? {
        None => Ok(known.first().copied().unwrap_or(&settings.issuer)),
        Some(wanted) if known.contains(&wanted) => Ok(wanted),
        Some(_) => Err(OAuthError::InvalidTarget("the audience is not known")),
    }
}

fn asked_audience(form: &Form) -> Result<Option<&str>, OAuthError> {
    if form
        .get("resource")
        .is_some_and(|resource| !is_resource(resource))
    {
        let why = "resource is an absolute URI without a fragment";
        return Err(OAuthError::InvalidTarget(why));
    }
    match (form.get("audience"), form.get("resource")) {
        (Some(audience), Some(resource)) if audience != resource => {
            Err(OAuthError::InvalidTarget("audience and resource differ"))
        }
        (audience, resource) => Ok(audience.or(resource)),
    }
}
