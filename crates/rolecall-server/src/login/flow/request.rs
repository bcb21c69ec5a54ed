//! An authorization request (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1) as it was parsed. It lies in
//! the database while somebody signs in, and nothing about it is ever read from the browser again.

use std::collections::BTreeSet;

use rolecall_core::{Acr, TenantName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    factors::wished::Wished,
    tokens::{
        claims,
        identity::{Identity, IdentityScope},
        requested::RequestedScope,
    },
};

/// Where the answer is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResponseMode {
    /// The query of the redirect URI.
    #[default]
    Query,
    /// A form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// A request for somebody to do something, although they are signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Prompt {
    /// Show no page.
    None,
    /// Sign in again.
    Login,
    /// Ask for consent again.
    Consent,
    /// Choose the account.
    SelectAccount,
    /// Make an account (OpenID Connect Prompt Create 1.0).
    Create,
}

/// Writes values of `acr` as their words.
mod acr_text {
    pub(super) mod one {
        use rolecall_core::Acr;
        use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

        #[expect(
            clippy::ref_option,
            clippy::trivially_copy_pass_by_ref,
            reason = "serde hands over a reference"
        )]
        pub(in super::super) fn serialize<S: Serializer>(
            acr: &Option<Acr>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            acr.map(Acr::as_str).serialize(serializer)
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Acr>, D::Error> {
            let word = Option::<String>::deserialize(deserializer)?;
            let acr = word.as_deref().map(str::parse);
            acr.transpose().map_err(D::Error::custom)
        }
    }

    pub(super) mod many {
        use rolecall_core::Acr;
        use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

        pub(in super::super) fn serialize<S: Serializer>(
            acr: &[Acr],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(acr.iter().map(|acr| acr.as_str()))
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Vec<Acr>, D::Error> {
            let words = Vec::<String>::deserialize(deserializer)?;
            let acr = words.iter().map(|word| word.parse());
            acr.collect::<Result<_, _>>().map_err(D::Error::custom)
        }
    }
}

/// A checked authorization request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) response_mode: ResponseMode,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    /// The S256 challenge (RFC 7636 section 4.2).
    pub(crate) code_challenge: Option<String>,
    pub(crate) identity: BTreeSet<IdentityScope>,
    /// The permissions and roles that tokens are limited to: none if it is empty, and all that the client may have if it is
    /// `None`.
    pub(crate) scope: Option<String>,
    /// Nobody asked for `scope`: it is the default of the resource, and what the user does not hold of it is left out.
    #[serde(default)]
    pub(crate) is_default_scope: bool,
    /// The audience of the access token.
    pub(crate) audience: String,
    /// The request named the audience (RFC 8707).
    pub(crate) names_resource: bool,
    /// The client was not allowed the resource in advance, so that the user is asked.
    #[serde(default)]
    pub(crate) is_dynamic: bool,
    pub(crate) prompt: Vec<Prompt>,
    /// The assurance that the sign-in has to reach (`OpenID` Connect Core section 5.5.1.1).
    #[serde(default, with = "acr_text::one")]
    pub(crate) essential_acr: Option<Acr>,
    /// What the client would like, the best first.
    #[serde(default, with = "acr_text::many")]
    pub(crate) wished_acr: Vec<Acr>,
    /// The most seconds since the user proved who they are.
    pub(crate) max_age: Option<i64>,
    pub(crate) login_hint: Option<String>,
    /// The user that `id_token_hint` or `claims` names.
    pub(crate) subject: Option<String>,
    pub(crate) tenant: Option<TenantName>,
    /// Claims that the request names one by one, in the ID token and from `/userinfo`.
    pub(crate) id_token_claims: BTreeSet<String>,
    pub(crate) userinfo_claims: BTreeSet<String>,
    pub(crate) ui_locales: Option<String>,
    /// The factor that the user was about to add on a page of our own.
    #[serde(default)]
    pub(crate) wished_factor: Option<Wished>,
}

impl AuthorizationRequest {
    /// Returns the request of somebody who signs in to a page of our own, for no client.
    pub(crate) fn own(path: &str) -> Self {
        Self {
            client_id: String::new(),
            redirect_uri: path.to_owned(),
            response_mode: ResponseMode::Query,
            state: None,
            nonce: None,
            code_challenge: None,
            identity: BTreeSet::new(),
            scope: Some(String::new()),
            is_default_scope: false,
            audience: String::new(),
            names_resource: false,
            is_dynamic: false,
            prompt: Vec::new(),
            essential_acr: None,
            wished_acr: Vec::new(),
            max_age: None,
            login_hint: None,
            subject: None,
            tenant: None,
            id_token_claims: BTreeSet::new(),
            userinfo_claims: BTreeSet::new(),
            ui_locales: None,
            wished_factor: None,
        }
    }

    /// Returns true for a sign-in to a page of our own.
    pub(crate) fn is_own(&self) -> bool {
        self.client_id.is_empty()
    }

    pub(crate) fn has(&self, scope: IdentityScope) -> bool {
        self.identity.contains(&scope)
    }

    pub(crate) fn prompts(&self, prompt: Prompt) -> bool {
        self.prompt.contains(&prompt)
    }

    /// Returns true if somebody who proved who they are at `auth_time` did so recently enough. Nobody did for `max_age=0`.
    pub(crate) fn is_recent(&self, auth_time: Timestamp, now: Timestamp) -> bool {
        let age = i64::try_from(now.since(auth_time).as_secs());
        self.max_age
            .is_none_or(|most| most > 0 && age.is_ok_and(|age| age <= most))
    }

    /// Returns the permissions and roles that tokens are limited to.
    pub(crate) fn asked(&self) -> Option<RequestedScope> {
        let asked = self
            .scope
            .as_deref()
            .and_then(RequestedScope::parse_stored)?;
        Some(if self.is_default_scope {
            asked.into_default()
        } else {
            asked
        })
    }

    /// Returns what the session is granted about the identity of its user.
    pub(crate) fn granted_identity(&self) -> Identity {
        Identity {
            scopes: self.identity.clone(),
            claims: self.userinfo_claims.clone(),
            names_resource: self.names_resource,
        }
    }

    /// Returns what the request asks about the user: by scopes, and by claims that it names one by one.
    pub(crate) fn asked_identity(&self) -> BTreeSet<IdentityScope> {
        let claims = self.id_token_claims.union(&self.userinfo_claims);
        let by_claims = claims.filter_map(|claim| claims::scope_of(claim));
        self.identity.iter().copied().chain(by_claims).collect()
    }

    /// Returns all scopes that the request asks for, in words that a consent is kept under: what gives the same by another
    /// parameter counts as its scope.
    pub(crate) fn scopes(&self) -> BTreeSet<String> {
        let identity = self.asked_identity().into_iter();
        let identity = identity.map(|scope| scope.as_str().to_owned());
        let named = self.scope.as_deref().unwrap_or("*").split(' ');
        let named = named.filter(|value| !value.is_empty()).map(str::to_owned);
        identity.chain(named).collect()
    }
}
