//! The rules for what an administrator registers as a client.

use std::collections::BTreeSet;

use rolecall_core::is_unprintable;

use super::{
    redirect::{self, Registrant},
    sign_in::{Application, Pkce, SignIn},
    store::{Client, GrantType},
};
use crate::{
    error::{ApiError, FieldError},
    ids,
    reasons::Reason,
    tokens::requested::RequestedScope,
};

const MAX_NAME: usize = 100;
const MAX_LIST: usize = 20;
const MAX_ITEM: usize = 500;

/// A client to register, not yet checked.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientRegistration {
    pub(crate) name: String,
    pub(crate) grants: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) scope: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) public: bool,
    pub(crate) application: Option<Application>,
    pub(crate) sign_in: SignIn,
}

impl ClientRegistration {
    /// Returns the registration of an existing client.
    pub(crate) fn of(client: &Client) -> Self {
        Self {
            name: client.name.clone(),
            grants: client.grants.iter().map(ToString::to_string).collect(),
            audiences: client.audiences.clone(),
            scope: client.scope.clone(),
            redirect_uris: client.redirect_uris.clone(),
            public: client.public,
            application: client.application,
            sign_in: client.sign_in.clone(),
        }
    }

    /// Checks everything, and writes it into `client`. `is_local` says that this server runs on a loopback address.
    pub(crate) fn apply(&self, client: &mut Client, is_local: bool) -> Result<(), ApiError> {
        // a name from before a rule does not block other changes; a new client has none yet
        if self.name != client.name || client.name.is_empty() {
            client.name = name(&self.name)?;
        }
        client.grants = grants(&self.grants, self.public)?;
        client.audiences = list("audiences", &self.audiences, is_audience)?;
        client.application = self.application()?;
        let registrant = Registrant {
            application: client.application,
            is_local,
        };
        let may_register = |uri: &str| redirect::may_register(uri, registrant);
        client.redirect_uris = list("redirect_uris", &self.redirect_uris, may_register)?;
        client.sign_in = self.sign_in(may_register)?;
        client.scope = self.scope.as_deref().map(scope).transpose()?;
        client.public = self.public;
        Ok(())
    }

    /// Returns the kind of application of a client that signs people in; without one, the kind that its redirect URIs and
    /// its secret show.
    fn application(&self) -> Result<Option<Application>, ApiError> {
        let by_code = GrantType::AuthorizationCode.as_str();
        if !self.grants.iter().any(|grant| grant == by_code) {
            return match self.application {
                Some(_) => Err(refused_because("kind", Reason::KindWithoutSignIn)),
                None => Ok(None),
            };
        }
        if self.redirect_uris.is_empty() {
            return Err(refused_because("redirect_uris", Reason::NoRedirectUri));
        }
        let is_shared = |uri: &String| redirect::is_shared(uri);
        let kind = self.application.unwrap_or_else(|| {
            if !self.public {
                Application::Web
            } else if self.redirect_uris.iter().any(is_shared) {
                Application::Native
            } else {
                Application::Browser
            }
        });
        // everybody who has the program has its secret (RFC 8252 section 8.5)
        if kind != Application::Web && !self.public {
            let kind = kind.as_str().to_owned();
            let reason = Reason::KindKeepsNoSecret { kind };
            return Err(refused_because("kind", reason));
        }
        Ok(Some(kind))
    }

    fn sign_in(&self, may_register: impl Fn(&str) -> bool) -> Result<SignIn, ApiError> {
        let sign_in = self.sign_in.clone();
        let member = "post_logout_redirect_uris";
        list(member, &sign_in.post_logout_redirect_uris, may_register)?;
        if let Some(uri) = &sign_in.initiate_login_uri {
            check_initiate_login_uri(uri)?;
        }
        if sign_in.pkce == Pkce::Optional && self.public {
            return Err(refused_because("pkce", Reason::PublicNeedsPkce));
        }
        if sign_in.who.len() > MAX_LIST {
            return Err(too_many("who"));
        }
        Ok(sign_in)
    }
}

/// Checks the address at which another site starts a sign-in (`OpenID` Connect Core section 4).
fn check_initiate_login_uri(uri: &str) -> Result<(), ApiError> {
    if uri.len() <= MAX_ITEM && redirect::is_https(uri) {
        return Ok(());
    }
    let reason = Reason::InitiateLoginUri;
    Err(refused_because("initiate_login_uri", reason))
}

pub(super) fn refused(member: &str, msg: impl Into<String>) -> ApiError {
    ApiError::Invalid(FieldError::body(member, "value_error", msg))
}

/// As [`refused`], with a text on the pages.
pub(super) fn refused_because(member: &str, reason: Reason) -> ApiError {
    ApiError::Invalid(FieldError::because(member, "value_error", reason))
}

fn too_many(member: &str) -> ApiError {
    let reason = Reason::TooManyItems {
        member: member.to_owned(),
        most: MAX_LIST.to_string(),
    };
    refused_because(member, reason)
}

/// Checks a name, which is shown to people.
fn name(text: &str) -> Result<String, ApiError> {
    let fits = !text.is_empty()
        && text.trim() == text
        && text.chars().count() <= MAX_NAME
        && !text.contains(is_unprintable);
    if !fits {
        let most = MAX_NAME.to_string();
        return Err(refused_because("name", Reason::ShownName { most }));
    }
    // commands accept names and ids: the name of one client must not be the id of another
    if ids::is_id(text) {
        return Err(refused_because("name", Reason::ClientNameIsId));
    }
    Ok(text.to_owned())
}

fn grants(names: &[String], public: bool) -> Result<BTreeSet<GrantType>, ApiError> {
    let mut grants = BTreeSet::new();
    for name in names {
        let grant: GrantType = name
            .parse()
            .map_err(|problem| refused("grants", format!("grants: {problem}")))?;
        if grant == GrantType::ClientCredentials && public {
            return Err(refused_because("grants", Reason::PublicActsForNobody));
        }
        grants.insert(grant);
    }
    Ok(grants)
}

fn scope(text: &str) -> Result<String, ApiError> {
    match RequestedScope::parse(text) {
        Ok(asked) => Ok(asked.text),
        Err(_) => Err(refused_because("scope", Reason::ClientScope)),
    }
}

fn list(
    member: &str,
    items: &[String],
    fits: impl Fn(&str) -> bool,
) -> Result<Vec<String>, ApiError> {
    if items.len() > MAX_LIST {
        return Err(too_many(member));
    }
    for (index, item) in items.iter().enumerate() {
        if item.len() > MAX_ITEM || !fits(item) || items.iter().take(index).any(|one| one == item) {
            let (name, index) = (member.to_owned(), index.to_string());
            let reason = match member {
                "audiences" => Reason::NoAudience {
                    member: name,
                    index,
                },
                _ => Reason::WrongRedirectUri {
                    member: name,
                    index,
                },
            };
            return Err(refused_because(member, reason));
        }
    }
    Ok(items.to_vec())
}

fn is_audience(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_another_one_or_is_the_form_of_an_id_is_refused() {
        for bad in [
            "a\u{202e}b",
            "a\u{2028}b",
            "a\u{200b}b",
            "018bcfe5-6800-7000-8000-000000000000",
            "018BCFE5-6800-7000-8000-000000000000",
        ] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        for good in ["018bcfe5", "my app", "ü-山"] {
            assert!(name(good).is_ok(), "{good}");
        }
    }

    fn signing_in(public: bool, uri: &str) -> ClientRegistration {
        ClientRegistration {
            name: "app".to_owned(),
            grants: vec!["authorization_code".to_owned()],
            redirect_uris: vec![uri.to_owned()],
            public,
            ..ClientRegistration::default()
        }
    }

    #[test]
    fn the_kind_follows_from_the_redirect_uri_and_the_secret() {
        for (public, uri, kind) in [
            (false, "https://app.example/cb", Application::Web),
            (false, "http://127.0.0.1/cb", Application::Web),
            (true, "https://app.example/cb", Application::Browser),
            (true, "http://127.0.0.1/cb", Application::Native),
            (true, "com.example.app:/cb", Application::Native),
        ] {
            assert_eq!(signing_in(public, uri).application().unwrap(), Some(kind));
        }
        let stated = ClientRegistration {
            application: Some(Application::Native),
            ..signing_in(true, "https://app.example/cb")
        };
        assert_eq!(stated.application().unwrap(), Some(Application::Native));
    }

    #[test]
    fn m137_a_client_that_cannot_keep_a_secret_has_none() {
        for kind in [Application::Native, Application::Browser] {
            let with_secret = ClientRegistration {
                application: Some(kind),
                ..signing_in(false, "https://app.example/cb")
            };
            let refusal = with_secret.application().unwrap_err().to_string();
            assert!(refusal.contains("`public`"), "{refusal}");
        }
        // a program on the developer's machine that keeps a secret is a web application
        let local = signing_in(false, "http://localhost:3000/cb");
        assert_eq!(local.application().unwrap(), Some(Application::Web));
        let mut client = client();
        assert!(local.apply(&mut client, false).is_err());
        assert!(local.apply(&mut client, true).is_ok());
    }

    #[test]
    fn m061_only_https_starts_a_sign_in() {
        let check = |uri: &str| {
            let one = ClientRegistration {
                sign_in: SignIn {
                    initiate_login_uri: Some(uri.to_owned()),
                    ..SignIn::default()
                },
                ..signing_in(true, "https://app.example/cb")
            };
            one.sign_in(|_| true).is_ok()
        };
        assert!(check("https://app.example/start"));
        let long = format!("https://app.example/{}", "a".repeat(MAX_ITEM));
        for wrong in ["http://app.example/start", "javascript:x", "", &long] {
            assert!(!check(wrong), "{wrong}");
        }
    }

    fn client() -> Client {
        Client {
            application: None,
            ..Client::sample()
        }
    }

    #[test]
    fn a_kind_needs_the_code_grant_and_the_code_grant_a_redirect_uri() {
        let refusal = |one: &ClientRegistration| one.application().unwrap_err().to_string();
        let without_uri = ClientRegistration {
            redirect_uris: Vec::new(),
            ..signing_in(true, "")
        };
        assert!(refusal(&without_uri).contains("redirect_uris"));
        let without_grant = ClientRegistration {
            grants: Vec::new(),
            application: Some(Application::Web),
            ..signing_in(false, "https://app.example/cb")
        };
        assert!(refusal(&without_grant).contains("authorization_code"));
        let neither = ClientRegistration::default();
        assert_eq!(neither.application().unwrap(), None);
    }

    #[test]
    fn i014_a_client_without_a_secret_needs_a_code_challenge() {
        let optional = |public| ClientRegistration {
            sign_in: SignIn {
                pkce: Pkce::Optional,
                ..SignIn::default()
            },
            ..signing_in(public, "https://app.example/cb")
        };
        assert!(optional(true).sign_in(|_| true).is_err());
        assert!(optional(false).sign_in(|_| true).is_ok());
    }

    #[test]
    fn an_audience_has_no_character_that_a_header_or_a_log_would_trip_over() {
        for wrong in ["", "a b", "a\"b", "a\\b", "a\nb", "ä"] {
            assert!(!is_audience(wrong), "{wrong:?}");
        }
        assert!(is_audience("https://api.example/v1") && is_audience("billing"));
    }

    #[test]
    fn a_public_client_does_not_act_for_itself() {
        let asked = ["client_credentials".to_owned()];
        assert!(grants(&asked, true).is_err());
        assert!(grants(&asked, false).is_ok());
        assert!(grants(&["implicit".to_owned()], false).is_err());
    }

    #[test]
    fn a_list_or_an_item_of_it_is_refused_from_the_first_too_many() {
        let audiences = |items: &[String]| list("audiences", items, is_audience).is_ok();
        assert!(audiences(&["a".repeat(MAX_ITEM)]));
        assert!(!audiences(&["a".repeat(MAX_ITEM + 1)]));
        let many: Vec<String> = (0..=MAX_LIST).map(|item| item.to_string()).collect();
        assert!(!audiences(&many));
        assert!(audiences(many.split_last().unwrap().1));
    }
}
