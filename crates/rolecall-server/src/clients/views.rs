//! Clients as the API reads and shows them.

use rolecall_core::RoleName;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    changes::{Changes, SignInChanges},
    registration::ClientRegistration,
    sign_in::{Application, Consent, IdTokenAlgorithm, LeastAcr, Pkce, SignIn, SignInTenant},
    store::Listed,
};
use crate::{patch::Patch, times::rfc3339};

/// An OAuth client.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientView {
    client_id: String,
    name: String,
    /// A public client has no secret.
    public: bool,
    /// `authorization_code`, `password`, `refresh_token`, `client_credentials`.
    grants: Vec<String>,
    /// Whom its tokens may be for; empty for the issuer.
    audiences: Vec<String>,
    /// The most that tokens through it carry; null for no such limit.
    #[schema(required)]
    scope: Option<String>,
    redirect_uris: Vec<String>,
    /// For a client with `authorization_code`; null for any other.
    #[schema(required)]
    kind: Option<Application>,
    /// Where browsers may be sent after a log-out.
    post_logout_redirect_uris: Vec<String>,
    /// The address that gets a logout token when a session of the client ends.
    #[schema(required)]
    backchannel_logout_uri: Option<String>,
    /// The https address at which another site can start a sign-in.
    #[schema(required)]
    initiate_login_uri: Option<String>,
    id_token_alg: IdTokenAlgorithm,
    /// ID tokens have the claims that `/userinfo` has.
    claims_in_id_token: bool,
    pkce: Pkce,
    consent: Consent,
    /// The least assurance of a sign-in: `aal2` asks everybody for a second factor.
    acr: LeastAcr,
    /// The tenant that sign-ins are for: its name, or `ask` for the one that the user chooses.
    #[schema(required, value_type = Option<String>)]
    tenant: Option<SignInTenant>,
    /// The roles of which a user needs one to sign in; empty for everybody.
    #[schema(value_type = Vec<String>)]
    who: Vec<RoleName>,
    /// Roles assigned to the client itself, global and valid now.
    #[schema(value_type = Vec<String>)]
    roles: Vec<RoleName>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Listed> for ClientView {
    fn from(listed: Listed) -> Self {
        let Listed { client, roles } = listed;
        let SignIn {
            post_logout_redirect_uris,
            backchannel_logout_uri,
            initiate_login_uri,
            id_token_alg,
            claims_in_id_token,
            pkce,
            consent,
            acr,
            tenant,
            who,
        } = client.sign_in;
        Self {
            client_id: client.id,
            name: client.name,
            public: client.public,
            grants: client.grants.iter().map(ToString::to_string).collect(),
            audiences: client.audiences,
            scope: client.scope,
            redirect_uris: client.redirect_uris,
            kind: client.application,
            post_logout_redirect_uris,
            backchannel_logout_uri,
            initiate_login_uri,
            id_token_alg,
            claims_in_id_token,
            pkce,
            consent,
            acr,
            tenant,
            who,
            roles,
            created_at: rfc3339(client.created_at),
            updated_at: rfc3339(client.updated_at),
        }
    }
}

/// A new client; its secret is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedClient)]
pub(crate) struct CreatedClientView {
    #[serde(flatten)]
    client: ClientView,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

impl CreatedClientView {
    pub(crate) fn new(client: Listed, secret: Option<&SecretString>) -> Self {
        Self {
            client: client.into(),
            client_secret: secret.map(|secret| secret.expose_secret().to_owned()),
        }
    }
}

/// A client to make.
#[derive(Deserialize, ToSchema)]
#[schema(as = ClientInput)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClient {
    name: String,
    /// The id that the client keeps from another system; without it, a new one is made. An id that was ever in use is
    /// refused.
    pub(super) client_id: Option<String>,
    /// The secret that the client keeps from another system: 32 to 256 printable ASCII characters, and not guessable.
    /// Without it, a new one is made.
    pub(super) client_secret: Option<String>,
    /// `authorization_code`, `password`, `refresh_token`, `client_credentials`.
    grants: Vec<String>,
    /// Without any its tokens are for the issuer.
    #[serde(default)]
    audiences: Vec<String>,
    /// The most that tokens through it carry.
    scope: Option<String>,
    /// Roles to assign to the client itself.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub(super) roles: Vec<RoleName>,
    /// True for a program that cannot keep a secret. By default only those of kind `native` and `browser`.
    public: Option<bool>,
    /// Where answers of a sign-in are sent: https; for kind `native` also http on a loopback address, whose port is free,
    /// and schemes of its own such as `com.example.app`. Compared byte for byte.
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// For a client with `authorization_code`. Without it, it follows from `public` and `redirect_uris`.
    kind: Option<Application>,
    /// Where browsers may be sent after a log-out. The rules are those of `redirect_uris`.
    post_logout_redirect_uris: Option<Vec<String>>,
    /// The address that gets a logout token when a session of the client ends.
    backchannel_logout_uri: Option<String>,
    /// The https address at which another site can start a sign-in.
    initiate_login_uri: Option<String>,
    /// `RS256` by default.
    id_token_alg: Option<IdTokenAlgorithm>,
    /// True for ID tokens with the claims that `/userinfo` has.
    claims_in_id_token: Option<bool>,
    /// `required` by default; `optional` for an old client that has a secret.
    pkce: Option<Pkce>,
    /// `ask` by default; `skip` for the operator's own applications. Needs all that the client's tokens may carry.
    consent: Option<Consent>,
    /// `aal1` by default; `aal2` asks everybody for a second factor at every sign-in.
    acr: Option<LeastAcr>,
    /// The tenant that sign-ins are for: its name, or `ask` for the one that the user chooses.
    #[schema(value_type = Option<String>)]
    tenant: Option<SignInTenant>,
    /// `everybody`, or the roles of which a user needs one to sign in.
    #[schema(value_type = Option<Vec<String>>)]
    who: Option<Who>,
}

/// The users who may sign in: all, or the holders of some roles.
enum Who {
    Everybody,
    Holders(Vec<RoleName>),
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Read {
            Word(String),
            Roles(Vec<RoleName>),
        }
        match Read::deserialize(deserializer) {
            Ok(Read::Word(word)) if word == "everybody" => Ok(Self::Everybody),
            Ok(Read::Roles(roles)) => Ok(Self::Holders(roles)),
            _ => Err(serde::de::Error::custom(
                "who is `everybody` or a list of names of roles",
            )),
        }
    }
}

impl From<Who> for Vec<RoleName> {
    fn from(who: Who) -> Self {
        match who {
            Who::Everybody => Self::new(),
            Who::Holders(roles) => roles,
        }
    }
}

impl NewClient {
    /// Returns what is to be registered, beside the id, the secret and the roles.
    pub(super) fn registration(mut self) -> ClientRegistration {
        let sign_in = self.sign_in();
        let is_public = || Application::is_public(self.kind);
        ClientRegistration {
            public: self.public.unwrap_or_else(is_public),
            application: self.kind,
            name: self.name,
            grants: self.grants,
            audiences: self.audiences,
            scope: self.scope,
            redirect_uris: self.redirect_uris,
            sign_in,
        }
    }

    fn sign_in(&mut self) -> SignIn {
        let mut sign_in = SignIn::default();
        let changes = SignInChanges {
            post_logout_redirect_uris: self.post_logout_redirect_uris.take(),
            backchannel_logout_uri: patch(self.backchannel_logout_uri.take()),
            initiate_login_uri: patch(self.initiate_login_uri.take()),
            id_token_alg: self.id_token_alg,
            claims_in_id_token: self.claims_in_id_token,
            pkce: self.pkce,
            consent: self.consent,
            acr: self.acr,
            tenant: patch(self.tenant.take()),
            who: self.who.take().map(Vec::from),
        };
        changes.apply(&mut sign_in);
        sign_in
    }
}

fn patch<T>(value: Option<T>) -> Patch<T> {
    value.map_or(Patch::Keep, Patch::Set)
}

/// Changes to a client.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientChanges {
    name: Option<String>,
    grants: Option<Vec<String>>,
    audiences: Option<Vec<String>>,
    /// null takes the limit away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    scope: Patch<String>,
    redirect_uris: Option<Vec<String>>,
    kind: Option<Application>,
    post_logout_redirect_uris: Option<Vec<String>>,
    /// null removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    backchannel_logout_uri: Patch<String>,
    /// null removes it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    initiate_login_uri: Patch<String>,
    id_token_alg: Option<IdTokenAlgorithm>,
    claims_in_id_token: Option<bool>,
    pkce: Option<Pkce>,
    consent: Option<Consent>,
    /// `aal2` in place of `aal1` ends the tokens of before.
    acr: Option<LeastAcr>,
    /// null for no tenant.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tenant: Patch<SignInTenant>,
    /// `everybody`, or the roles of which a user needs one to sign in.
    #[schema(value_type = Option<Vec<String>>)]
    who: Option<Who>,
}

impl From<ClientChanges> for Changes {
    fn from(wanted: ClientChanges) -> Self {
        Self {
            name: wanted.name,
            grants: wanted.grants,
            audiences: wanted.audiences,
            scope: wanted.scope,
            redirect_uris: wanted.redirect_uris,
            application: wanted.kind,
            sign_in: SignInChanges {
                post_logout_redirect_uris: wanted.post_logout_redirect_uris,
                backchannel_logout_uri: wanted.backchannel_logout_uri,
                initiate_login_uri: wanted.initiate_login_uri,
                id_token_alg: wanted.id_token_alg,
                claims_in_id_token: wanted.claims_in_id_token,
                pkce: wanted.pkce,
                consent: wanted.consent,
                acr: wanted.acr,
                tenant: wanted.tenant,
                who: wanted.who.map(Vec::from),
            },
        }
    }
}
