//! The members of a client that signs people in: the kind of application, and how it wants its answers.

use std::{borrow::Cow, collections::BTreeSet, fmt, str::FromStr};

use rolecall::token::Algorithm;
use rolecall_core::{Acr, RoleName, TenantName};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::{
    authority::subject::Assigned,
    store::{Columns, FromRow, StoreError, parse},
};

/// Defines an enum whose variants are words in requests and in the database.
macro_rules! words {
    (
        $schema:literal,
        $(#[$about:meta])*
        pub(crate) enum $name:ident { $($(#[$attribute:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
        $(#[$about])*
        pub(crate) enum $name { $($(#[$attribute])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// All words.
            pub(crate) const WORDS: &'static [&'static str] = &[$($word),+];

            /// Returns the word.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        // what is derived names the variants, since it cannot read a word that a macro writes
        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words = ObjectBuilder::new().schema_type(Type::String);
                words.enum_values(Some([$($word),+])).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($schema)
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("not one of {}", [$(concat!("`", $word, "`")),+].join(", "))),
                }
            }
        }
    };
}

words! {
    "ClientKind",
    /// The kind of application that signs people in.
    pub(crate) enum Application {
        /// Runs on a server and can keep a secret.
        Web = "web",
        /// Is installed on a device (RFC 8252).
        Native = "native",
        /// Runs in a browser.
        Browser = "browser",
    }
}

words! {
    "IdTokenAlgorithm",
    /// The algorithm of a client's ID tokens.
    pub(crate) enum IdTokenAlgorithm {
        /// What every relying party verifies (`OpenID` Connect Core section 15.1).
        Rs256 = "RS256",
        /// ECDSA.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

words! {
    "ClientPkce",
    /// The need of a code challenge in each request (RFC 7636).
    pub(crate) enum Pkce {
        /// Always.
        Required = "required",
        /// Only where the client has no secret.
        Optional = "optional",
    }
}

words! {
    "ClientConsent",
    /// The need to ask people before the client gets something of theirs.
    pub(crate) enum Consent {
        /// Once for what it asks for.
        Ask = "ask",
        /// Never: the client is the operator's own.
        Skip = "skip",
    }
}

words! {
    "ClientAcr",
    /// The least assurance of a sign-in through a client.
    pub(crate) enum LeastAcr {
        /// One factor.
        Aal1 = "aal1",
        /// Two factors.
        Aal2 = "aal2",
    }
}

impl LeastAcr {
    pub(crate) const fn acr(self) -> Acr {
        match self {
            Self::Aal1 => Acr::Aal1,
            Self::Aal2 => Acr::Aal2,
        }
    }
}

impl Application {
    /// Returns true if an application of this kind cannot keep a secret (RFC 8252 section 8.5).
    pub(crate) fn is_public(kind: Option<Self>) -> bool {
        matches!(kind, Some(Self::Native | Self::Browser))
    }
}

impl IdTokenAlgorithm {
    pub(crate) const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    pub(crate) const fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::Rs256,
            Self::Es256 => Algorithm::Es256,
            Self::EdDsa => Algorithm::EdDsa,
        }
    }
}

/// The tenant that sign-ins through a client are for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) enum SignInTenant {
    /// The one that the user chooses.
    Ask,
    /// Always the same one.
    Named(TenantName),
}

impl SignInTenant {
    const ASK: &str = "ask";
}

impl fmt::Display for SignInTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask => f.write_str(Self::ASK),
            Self::Named(tenant) => tenant.fmt(f),
        }
    }
}

impl From<SignInTenant> for String {
    fn from(tenant: SignInTenant) -> Self {
        tenant.to_string()
    }
}

impl FromStr for SignInTenant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == Self::ASK {
            return Ok(Self::Ask);
        }
        let tenant = text.parse().map(Self::Named);
        tenant.map_err(|_| "neither the name of a tenant nor `ask`".to_owned())
    }
}

impl TryFrom<String> for SignInTenant {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The members of a client that signs people in, beside its kind and its redirect URIs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct SignIn {
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// The address that gets a logout token when a session of the client ends (`OpenID` Connect Back-Channel Logout).
    pub(crate) backchannel_logout_uri: Option<String>,
    /// The address at which another site can start a sign-in (`OpenID` Connect Core section 4).
    pub(crate) initiate_login_uri: Option<String>,
    pub(crate) id_token_alg: IdTokenAlgorithm,
    /// ID tokens have the claims that `/userinfo` has.
    pub(crate) claims_in_id_token: bool,
    pub(crate) pkce: Pkce,
    pub(crate) consent: Consent,
    /// The least that every sign-in through the client reaches.
    pub(crate) acr: LeastAcr,
    pub(crate) tenant: Option<SignInTenant>,
    /// The roles of which a user needs one to sign in; empty for everybody.
    pub(crate) who: Vec<RoleName>,
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            initiate_login_uri: None,
            id_token_alg: IdTokenAlgorithm::Rs256,
            claims_in_id_token: false,
            pkce: Pkce::Required,
            consent: Consent::Ask,
            acr: LeastAcr::Aal1,
            tenant: None,
            who: Vec::new(),
        }
    }
}

impl SignIn {
    /// Returns true if a user with these roles, inherited ones included, may sign in.
    pub(crate) fn admits(&self, roles: &BTreeSet<RoleName>) -> bool {
        self.who.is_empty() || self.who.iter().any(|role| roles.contains(role))
    }

    /// Returns the assignments by which somebody may sign in. The browser can name any tenant to a client that is registered
    /// for none: what is held there does not count.
    pub(crate) fn counted<'a>(
        &self,
        assigned: &'a [Assigned],
    ) -> impl Iterator<Item = &'a Assigned> + use<'a> {
        let has_tenant = self.tenant.is_some();
        assigned
            .iter()
            .filter(move |one| has_tenant || !one.in_tenant)
    }

    /// Returns true if a sign-in for this tenant, or for none, may be one of this client.
    pub(crate) fn is_for(&self, tenant: Option<&TenantName>) -> bool {
        match &self.tenant {
            Some(SignInTenant::Named(own)) => tenant == Some(own),
            Some(SignInTenant::Ask) | None => true,
        }
    }
}

impl FromRow for Option<Application> {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        let text: Option<String> = FromRow::from_row(columns)?;
        text.as_deref().map(parse).transpose()
    }
}

impl FromRow for SignIn {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self, StoreError> {
        serde_json::from_str(columns.text()?).map_err(StoreError::inconsistent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_before_a_member_existed_has_its_default() {
        assert_eq!(
            serde_json::from_str::<SignIn>("{}").unwrap(),
            SignIn::default()
        );
        let other = SignIn {
            id_token_alg: IdTokenAlgorithm::EdDsa,
            consent: Consent::Skip,
            acr: LeastAcr::Aal2,
            tenant: Some(SignInTenant::Named("acme".parse().unwrap())),
            initiate_login_uri: Some("https://app.example/start".to_owned()),
            ..SignIn::default()
        };
        let stored = serde_json::to_string(&other).unwrap();
        assert_eq!(serde_json::from_str::<SignIn>(&stored).unwrap(), other);
        assert!(serde_json::from_str::<SignIn>(r#"{"pkce": "plain"}"#).is_err());
    }

    #[test]
    fn words_parse_from_themselves_and_errors_name_the_choices() {
        for algorithm in IdTokenAlgorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
            assert_eq!(algorithm.algorithm().as_str(), algorithm.as_str());
        }
        let error = "spa".parse::<Application>().unwrap_err();
        assert_eq!(error, "not one of `web`, `native`, `browser`");
    }

    #[test]
    fn a_tenant_is_a_name_or_the_choice_of_the_user() {
        assert_eq!("ask".parse(), Ok(SignInTenant::Ask));
        let named: SignInTenant = "acme".parse().unwrap();
        assert_eq!(named.to_string(), "acme");
        assert!("".parse::<SignInTenant>().is_err() && "a b".parse::<SignInTenant>().is_err());
        let json = serde_json::to_string(&[SignInTenant::Ask, named]).unwrap();
        assert_eq!(json, r#"["ask","acme"]"#);
    }

    #[test]
    fn y282_only_a_tenant_of_its_own_binds_a_client() {
        let (acme, beta) = ("acme".parse().unwrap(), "beta".parse().unwrap());
        let client = |tenant| SignIn {
            tenant,
            ..SignIn::default()
        };
        for free in [None, Some(SignInTenant::Ask)] {
            let client = client(free);
            assert!(client.is_for(None) && client.is_for(Some(&acme)));
        }
        let own = client(Some(SignInTenant::Named(acme.clone())));
        assert!(own.is_for(Some(&acme)));
        assert!(!own.is_for(None) && !own.is_for(Some(&beta)));
    }

    #[test]
    fn only_holders_of_a_role_in_who_are_admitted() {
        let roles = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        let everybody = SignIn::default();
        assert!(everybody.admits(&BTreeSet::new()));
        let some = SignIn {
            who: vec!["staff".parse().unwrap(), "guest".parse().unwrap()],
            ..SignIn::default()
        };
        assert!(some.admits(&roles(&["guest", "other"])));
        assert!(!some.admits(&roles(&["other"])) && !some.admits(&BTreeSet::new()));
    }
}
