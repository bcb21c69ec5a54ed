//! What the token endpoint says about the identity of a user: ID tokens, and the scopes of `OpenID` Connect.

use std::collections::BTreeSet;

use rolecall_core::{RoleName, TenantName, Timestamp};
use serde_json::{Map, Value, json};

use super::{client_auth::RequestingClient, error::OAuthError};
use crate::{
    accounts::store as accounts,
    app::App,
    authority::subject::Subject,
    clients::store::Client,
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
    let granted = identified.granted;
    let held = HeldRoles {
        tenant: granted.tenant.as_ref().map(TenantName::as_str),
        all: granted.roles.clone(),
        global: granted.global.as_ref().map(|global| global.roles.clone()),
    };
    let roles = held.shown_to(client);
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
        claims: held.with_tenant(claims::of_user(&facts, scopes, identified.named)),
        now: identified.now,
    };
    issued.id_token = Some(id_token::sign(app, &token)?);
    Ok(())
}

/// The roles of a session, and the tenant that it is for.
pub(super) struct HeldRoles<'a> {
    pub(super) tenant: Option<&'a str>,
    pub(super) all: BTreeSet<RoleName>,
    /// Those that are held without the tenant.
    pub(super) global: Option<BTreeSet<RoleName>>,
}

impl HeldRoles<'_> {
    /// Returns the roles that a relying party sees: never rolecall's own. The browser can name any tenant to a client that is
    /// registered for none; such a client may compare none, so that it sees what is held without one.
    pub(super) fn shown_to(&self, client: &Client) -> BTreeSet<RoleName> {
        let none = BTreeSet::new();
        let roles = if self.tenant.is_some() && client.sign_in.tenant.is_none() {
            self.global.as_ref().unwrap_or(&none)
        } else {
            &self.all
        };
        let shown = roles.iter().filter(|role| !role.is_reserved());
        shown.cloned().collect()
    }

    /// Adds the tenant to claims about the user.
    pub(super) fn with_tenant(&self, mut claims: Map<String, Value>) -> Map<String, Value> {
        if let Some(tenant) = self.tenant {
            claims.insert("tenant".to_owned(), json!(tenant));
        }
        claims
    }
}
