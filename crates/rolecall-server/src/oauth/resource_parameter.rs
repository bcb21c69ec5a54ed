//! Reading the resource of an authorization request, which its access token is for (RFC 8707).

use super::{
    parameters::{Parameters, RESOURCE},
    refused::{Refused, refuse},
};
use crate::{
    app::App,
    clients::store::Client,
    error::ApiError,
    login::flow::{answer::AnswerError, request::AuthorizationRequest},
    resources::{limit, service::is_resource},
    tokens::identity::IdentityScope,
};

/// Returns the resource that a request names, if it is one that the client was not allowed in advance and may ask for.
pub(super) async fn dynamic<'p>(
    app: &App,
    parameters: &'p Parameters,
    client: &Client,
) -> Result<Option<&'p str>, ApiError> {
    let asked = parameters.get(RESOURCE).or(parameters.get("audience"));
    let is_foreign = |one: &&str| !client.has_audience(one, &app.settings().issuer);
    let Some(asked) = asked.filter(is_foreign).filter(|one| is_resource(one)) else {
        return Ok(None);
    };
    let mut conn = app.store().read().await?;
    let is_dynamic = limit::is_dynamic(&mut conn, asked).await?;
    Ok(is_dynamic.then_some(asked))
}

/// Reads the audience of the access token, and returns whether the request names it. Without one it is as at `/token`.
pub(super) fn audience(
    app: &App,
    parameters: &Parameters,
    client: &Client,
    dynamic: Option<&str>,
) -> Result<(String, bool), Refused> {
    let issuer = &app.settings().issuer;
    if parameters.resources() > 1 {
        let why = "a request is for one resource: ask again for another one";
        return refuse(AnswerError::InvalidTarget, why);
    }
    let resource = parameters.get(RESOURCE);
    if resource.is_some_and(|resource| !is_resource(resource)) {
        let why = "resource is an absolute URI without a fragment";
        return refuse(AnswerError::InvalidTarget, why);
    }
    let asked = match (resource, parameters.get("audience")) {
        (Some(resource), Some(audience)) if resource != audience => {
            return refuse(AnswerError::InvalidTarget, "audience and resource differ");
        }
        (resource, audience) => resource.or(audience),
    };
    let Some(asked) = asked else {
        let first = client.audiences.first().unwrap_or(issuer);
        return Ok((first.clone(), false));
    };
    if client.has_audience(asked, issuer) || dynamic == Some(asked) {
        return Ok((asked.to_owned(), true));
    }
    let why = "the application may not ask for this resource";
    refuse(AnswerError::InvalidTarget, why)
}

/// Limits a request for a resource that names no permission and no role to what the resource has as its default.
pub(super) async fn add_default_scope(
    app: &App,
    request: &mut AuthorizationRequest,
) -> Result<(), ApiError> {
    let asks_for_roles = request.has(IdentityScope::Roles) || request.has(IdentityScope::Groups);
    let is_unnamed = match request.scope.as_deref() {
        None => !asks_for_roles,
        Some(named) => named.is_empty() && request.names_resource,
    };
    if !is_unnamed {
        return Ok(());
    }
    let mut conn = app.store().read().await?;
    if let Some(default) = limit::default_scope(&mut conn, &request.audience).await? {
        request.scope = Some(default.text);
        request.is_default_scope = true;
    }
    Ok(())
}
