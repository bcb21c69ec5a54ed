//! Changes to a client, and which of them end its tokens.

use rolecall_core::RoleName;

use super::{
    registration::ClientRegistration,
    sign_in::{Application, Consent, IdTokenAlgorithm, LeastAcr, Pkce, SignIn, SignInTenant},
    store::{Client, GrantType},
};
use crate::{patch::Patch, tokens::requested::RequestedScope};

/// Changes to a client; `None` keeps the stored value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) name: Option<String>,
    pub(crate) grants: Option<Vec<String>>,
    pub(crate) audiences: Option<Vec<String>>,
    pub(crate) scope: Patch<String>,
    pub(crate) redirect_uris: Option<Vec<String>>,
    pub(crate) application: Option<Application>,
    pub(crate) sign_in: SignInChanges,
}

/// Changes to what a client registered to sign people in.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignInChanges {
    pub(crate) post_logout_redirect_uris: Option<Vec<String>>,
    pub(crate) backchannel_logout_uri: Patch<String>,
    pub(crate) initiate_login_uri: Patch<String>,
    pub(crate) id_token_alg: Option<IdTokenAlgorithm>,
    pub(crate) claims_in_id_token: Option<bool>,
    pub(crate) pkce: Option<Pkce>,
    pub(crate) consent: Option<Consent>,
    pub(crate) acr: Option<LeastAcr>,
    pub(crate) tenant: Patch<SignInTenant>,
    pub(crate) who: Option<Vec<RoleName>>,
}

impl SignInChanges {
    /// Writes the changes into what is registered.
    pub(crate) fn apply(&self, to: &mut SignIn) {
        set(
            &mut to.post_logout_redirect_uris,
            self.post_logout_redirect_uris.as_ref(),
        );
        self.backchannel_logout_uri
            .apply(&mut to.backchannel_logout_uri);
        self.initiate_login_uri.apply(&mut to.initiate_login_uri);
        set(&mut to.id_token_alg, self.id_token_alg.as_ref());
        set(&mut to.claims_in_id_token, self.claims_in_id_token.as_ref());
        set(&mut to.pkce, self.pkce.as_ref());
        set(&mut to.consent, self.consent.as_ref());
        set(&mut to.acr, self.acr.as_ref());
        self.tenant.apply(&mut to.tenant);
        set(&mut to.who, self.who.as_ref());
    }
}

fn set<T: Clone>(stored: &mut T, wanted: Option<&T>) {
    if let Some(wanted) = wanted {
        stored.clone_from(wanted);
    }
}

impl Changes {
    /// Returns what the client is to be from now on.
    pub(crate) fn applied_to(&self, client: &Client) -> ClientRegistration {
        let mut wanted = ClientRegistration::of(client);
        set(&mut wanted.name, self.name.as_ref());
        set(&mut wanted.grants, self.grants.as_ref());
        set(&mut wanted.audiences, self.audiences.as_ref());
        set(&mut wanted.redirect_uris, self.redirect_uris.as_ref());
        self.scope.apply(&mut wanted.scope);
        let by_code = GrantType::AuthorizationCode.as_str();
        if !wanted.grants.iter().any(|grant| grant == by_code) {
            // a client that signs nobody in any more has no kind
            wanted.application = None;
        }
        if self.application.is_some() {
            wanted.application = self.application;
        }
        self.sign_in.apply(&mut wanted.sign_in);
        wanted
    }
}

/// Returns `true` if tokens of before must end: the client could carry less, or be for fewer audiences, or stops hiding
/// the names of roles. Tokens without role names end with what a role loses only as long as the client hides them.
pub(super) fn is_narrowed(before: &Client, after: &Client) -> bool {
    if hides_roles(before) && !hides_roles(after) {
        return true;
    }
    let scope = match (&before.scope, &after.scope) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => {
            let values = |text: &str| RequestedScope::parse_any(text).unwrap_or_default();
            !values(before).is_within(&values(after))
        }
    };
    let issuer_only = |client: &Client| client.audiences.is_empty();
    let audiences = !issuer_only(before)
        && before
            .audiences
            .iter()
            .any(|one| !after.audiences.contains(one));
    scope || audiences || !before.grants.is_subset(&after.grants)
}

/// Returns `true` if somebody who was signed in may not sign in any more, or only for another tenant or with more factors,
/// or if the client stops being the operator's own: its tokens carry none of rolecall's permissions then.
pub(super) fn admits_fewer(before: &Client, after: &Client) -> bool {
    let (who, still) = (&before.sign_in.who, &after.sign_in.who);
    let is_narrowed =
        !still.is_empty() && (who.is_empty() || who.iter().any(|role| !still.contains(role)));
    let (tenant, still) = (&before.sign_in.tenant, &after.sign_in.tenant);
    // without a tenant, `who` counts only what is held without one
    let is_elsewhere = tenant != still && (still.is_some() || !after.sign_in.who.is_empty());
    is_narrowed
        || is_elsewhere
        || before.sign_in.acr.acr() < after.sign_in.acr.acr()
        || (before.sign_in.consent == Consent::Skip && after.sign_in.consent == Consent::Ask)
}

/// Returns `true` if tokens through the client carry permissions without the roles that give them.
fn hides_roles(client: &Client) -> bool {
    let ceiling = client.scope.as_deref().and_then(RequestedScope::parse_any);
    ceiling.is_some_and(|ceiling| ceiling.roles.is_empty())
}
