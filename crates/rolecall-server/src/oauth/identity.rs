//! What the token endpoint says about the identity of a user: ID tokens, and the scopes of `OpenID` Connect.

use std::collections::BTreeSet;

use rolecall_core::{RoleName, Timestamp};

use super::{client_auth::RequestingClient, error::OAuthError};
use crate::{
    accounts::store as accounts,
    app::App,
    authority::subject::Subject,
    store::Conn,
    tokens::{
        access_token::Issued,
        claims::{self, UserFacts},
        holder::Grant,
        id_token::{self, IdToken},
        identity::{Identity, IdentityScope},
    },
};

/// The reason why a sign-in of `OpenID` Connect is refused.
pub(super) const NO_ID_TOKENS: &str =
    "this server signs with a shared secret, which cannot sign ID tokens: ask without openid";

/// A user whose session was granted something about their identity.
pub(super) struct Identified<'a> {
    pub(super) client: &'a RequestingClient,
    pub(super) subject: &'a Subject,
    pub(super) session: &'a str,
    pub(super) auth_time: Timestamp,
    pub(super) amr: &'a str,
    /// Only for the first ID token of a session.
    pub(super) nonce: Option<&'a str>,
    pub(super) identity: &'a Identity,
    /// The sign-in just ends, and an ID token belongs to its answer. A refresh need not have one (`OpenID` Connect Core
    /// section 12.2).
    pub(super) is_first: bool,
    /// Claims that the request named for the ID token.
    pub(super) named: &'a BTreeSet<String>,
    pub(super) granted: &'a Grant,
    pub(super) now: Timestamp,
}

/// Adds the granted identity scopes to an answer, and an ID token if `openid` is among them.
pub(super) async fn add_to(
    app: &App,
    conn: &mut Conn,
    issued: &mut Issued,
    identified: &Identified<'_>,
) -> Result<(), OAuthError> {
    let scopes = identified.identity.answer();
    let both = [scopes.as_str(), issued.scope.as_str()];
    let both: Vec<&str> = both.into_iter().filter(|part| !part.is_empty()).collect();
    issued.scope = both.join(" ");
    let is_asked = identified.identity.scopes.contains(&IdentityScope::Openid);
    let Some(client) = identified.client.registered().filter(|_| is_asked) else {
        return Ok(());
    };
    if id_token::has_shared_secret(app, client) {
        // the sign-in began before the operator changed `tokens.algorithm`
        return if identified.is_first {
            Err(OAuthError::InvalidScope(NO_ID_TOKENS.to_owned()))
        } else {
            Ok(())
        };
    }
    let none = BTreeSet::new();
    let scopes = if client.sign_in.claims_in_id_token {
        &identified.identity.scopes
    } else {
        &none
    };
    let user = accounts::find_user(conn, &identified.subject.id, identified.now).await?;
    let user = user.ok_or(OAuthError::InvalidGrant)?;
    let roles = shown_roles(identified.granted.roles.iter());
    let facts = UserFacts {
        username: &user.username,
        email: user.email.as_deref(),
        email_verified: user.email_verified_at.is_some(),
        updated_at: user.updated_at,
        roles: &roles,
    };
    let token = IdToken {
        client,
        subject: &identified.subject.id,
        session: identified.session,
        auth_time: identified.auth_time,
        amr: identified.amr,
        nonce: identified.nonce,
        access_token: &issued.access_token,
        claims: claims::of_user(&facts, scopes, identified.named),
        now: identified.now,
    };
    issued.id_token = Some(id_token::sign(app, &token)?);
    Ok(())
}

/// Returns the roles that a relying party sees: never rolecall's own.
pub(super) fn shown_roles<'a>(roles: impl Iterator<Item = &'a RoleName>) -> BTreeSet<RoleName> {
    roles.filter(|role| !role.is_reserved()).cloned().collect()
}
