//! Claims about the user of an access token (`OpenID` Connect Core section 5.3).

use rolecall::Principal;
use rolecall_core::SubjectKind;
use serde_json::{Map, Value, json};

use super::identity::shown_roles;
use crate::{
    accounts::store as accounts,
    app::App,
    error::ApiError,
    sessions::store as sessions,
    tokens::{
        claims::{self, UserFacts},
        identity::{Identity, IdentityScope},
    },
};

/// Returns the claims that the session of the token was granted.
///
/// # Errors
///
/// [`ApiError::NotOpenid`] for a token that was not issued for this: one of a client, one without `openid`, and one for
/// a resource that its client named.
pub(crate) async fn claims(app: &App, caller: &Principal) -> Result<Map<String, Value>, ApiError> {
    let id = caller
        .session()
        .filter(|_| caller.kind() == SubjectKind::User);
    let id = id.ok_or(ApiError::NotOpenid)?;
    let mut conn = app.store().read().await?;
    let session = sessions::find(&mut conn, id).await?;
    let session = session.filter(|session| session.subject_id == caller.subject());
    let identity = session
        .as_ref()
        .and_then(|session| session.identity.as_deref());
    let identity = Identity::read(identity.unwrap_or_default());
    let audience = session
        .as_ref()
        .and_then(|session| session.audience.as_deref());
    let is_elsewhere = identity.names_resource && audience != Some(app.settings().issuer.as_str());
    if !identity.scopes.contains(&IdentityScope::Openid) || is_elsewhere {
        return Err(ApiError::NotOpenid);
    }
    let user = accounts::find_user(&mut conn, caller.subject(), app.now()).await?;
    let user = user.ok_or(ApiError::NotOpenid)?;
    let roles: Vec<_> = caller
        .roles()
        .filter_map(|role| role.parse().ok())
        .collect();
    let roles = shown_roles(roles.iter());
    let facts = UserFacts {
        username: &user.username,
        email: user.email.as_deref(),
        updated_at: user.updated_at,
        roles: &roles,
    };
    let mut claims = claims::of_user(&facts, &identity.scopes, &identity.claims);
    claims.insert("sub".to_owned(), json!(caller.subject()));
    Ok(claims)
}
        email_verified: user.email_verified_at.is_some(),
