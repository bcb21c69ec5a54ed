//! The rules for consents: when a user is asked, and what a withdrawal ends.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::PermissionName as _;
use rolecall_core::{TenantName, Timestamp};
use serde_json::json;

use super::{
    ceiling::Ceiling,
    store::{self, Consent, For},
};
use crate::{
    accounts::{rights_over, store as accounts},
    app::App,
    authority::{caller::Caller, may, reads, rights::Rights},
    clients::{redirect, sign_in, store::Client},
    error::ApiError,
    login::flow::request::{AuthorizationRequest, Prompt},
    sessions,
    store::{Change, Conn, StoreError},
    tokens::identity::IdentityScope,
};

/// Returns true if the user has to be asked before the client gets what it requests.
pub(crate) async fn is_due(
    conn: &mut Conn,
    client: &Client,
    request: &AuthorizationRequest,
    subject: &str,
) -> Result<bool, StoreError> {
    if is_always_due(client, request) {
        return Ok(true);
    }
    Ok(!is_allowed(conn, client, request, subject).await?)
}

/// Returns true if the client may have what it requests, for which the user may have been asked just now.
pub(crate) async fn is_allowed(
    conn: &mut Conn,
    client: &Client,
    request: &AuthorizationRequest,
    subject: &str,
) -> Result<bool, StoreError> {
    if client.sign_in.consent == sign_in::Consent::Skip && !request.is_dynamic {
        return Ok(true);
    }
    let Some(given) = store::find(conn, tokens_of(request, subject)).await? else {
        return Ok(false);
    };
    let ceiling = Ceiling::read(conn, client, &request.audience).await?;
    Ok(covers(&given, client, request, &ceiling))
}

/// Returns true if a user still allows a client what a session of theirs can get; `is_everything` if that is all that the
/// client may have.
pub(crate) async fn is_session_allowed(
    conn: &mut Conn,
    client: &Client,
    tokens: For<'_>,
    is_everything: bool,
) -> Result<bool, StoreError> {
    let Some(given) = store::find(conn, tokens).await? else {
        return Ok(false);
    };
    if !is_everything {
        return Ok(true);
    }
    let ceiling = Ceiling::read(conn, client, tokens.resource).await?;
    Ok(given.scopes.split(' ').any(|scope| scope == EVERYTHING)
        && ceiling.is_within(&given.ceiling))
}

/// Returns true where what was allowed before does not count.
fn is_always_due(client: &Client, request: &AuthorizationRequest) -> bool {
    if request.prompts(Prompt::Consent) {
        return true;
    }
    client.sign_in.consent == sign_in::Consent::Ask
        // any program on the machine can pose as the client (RFC 8252 section 8.6)
        && (redirect::is_shared(&request.redirect_uri) || request.has(IdentityScope::OfflineAccess))
}

fn covers(
    given: &Consent,
    client: &Client,
    request: &AuthorizationRequest,
    ceiling: &Ceiling,
) -> bool {
    let allowed: BTreeSet<&str> = given.scopes.split(' ').collect();
    let asked = request.scopes();
    // `*` was shown as everything that the user may do there, and says nothing about who the user is
    let has_all = allowed.contains(EVERYTHING) && ceiling.is_within(&given.ceiling);
    let is_within_all = |scope: &str| has_all && IdentityScope::parse(scope).is_none();
    given.registration == registration(client)
        && asked.iter().all(|scope| {
            is_within_all(scope) || (scope != EVERYTHING && allowed.contains(scope.as_str()))
        })
}

/// Keeps what a user has just allowed, beside what the user had allowed before.
pub(crate) async fn give(
    conn: &mut Conn,
    client: &Client,
    request: &AuthorizationRequest,
    subject: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tokens = tokens_of(request, subject);
    let before = store::find(conn, tokens).await?;
    let before = before.filter(|before| before.registration == registration(client));
    let mut scopes = request.scopes();
    let is_everything = scopes.contains(EVERYTHING);
    let ceiling = match &before {
        // what was allowed altogether does not grow with something that was asked for by its name
        Some(before) if !is_everything => before.ceiling.clone(),
        _ => Ceiling::read(conn, client, &request.audience).await?,
    };
    let kept = before.iter().flat_map(|before| before.scopes.split(' '));
    scopes.extend(kept.map(str::to_owned));
    let scopes: Vec<String> = scopes.into_iter().collect();
    let consent = Consent {
        client_id: client.id.clone(),
        resource: tokens.resource.to_owned(),
        tenant: tokens.tenant.to_owned(),
        scopes: scopes.join(" "),
        ceiling,
        registration: registration(client),
        created_at: now,
        last_used_at: now,
    };
    store::give(conn, subject, &consent).await
}

/// Returns true if the client may have what it requests without asking the user, and notes that the consent is used.
/// Until the transaction ends, nobody withdraws it.
pub(crate) async fn confirm(
    conn: &mut Conn,
    client: &Client,
    request: &AuthorizationRequest,
    subject: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    store::mark_used(conn, tokens_of(request, subject), now).await?;
    Ok(!is_due(conn, client, request, subject).await?)
}

/// The consents of a user to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedClient {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    /// By resource and tenant.
    pub(crate) scopes: Vec<AllowedScopes>,
}

/// The scopes that a user has allowed a client for tokens with one audience, and for one tenant or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedScopes {
    /// `None` for this server's own API.
    pub(crate) resource: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// The most that `*` among the scopes stands for.
    pub(crate) ceiling: Ceiling,
}

impl AllowedScopes {
    /// Returns the scopes, with the roles and permissions of the client's limit in place of `*`.
    pub(crate) fn named(&self) -> Vec<String> {
        let everything = self.ceiling.values();
        let named = self.scopes.iter().flat_map(|scope| match &everything {
            Some(values) if scope == EVERYTHING => values.clone(),
            _ => vec![scope.clone()],
        });
        named.collect()
    }
}

/// Returns what a user has allowed up to `limit` clients whose ids are above `after`. It asks for no permission: for the
/// user's own pages.
pub(crate) async fn list(
    app: &App,
    subject: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<AllowedClient>, ApiError> {
    let mut conn = app.store().read().await?;
    let mut clients: Vec<AllowedClient> = Vec::new();
    for allowed in store::list(&mut conn, subject, after, limit).await? {
        let scopes = AllowedScopes {
            scopes: allowed.scopes.split(' ').map(str::to_owned).collect(),
            resource: Some(allowed.resource).filter(|one| *one != app.settings().issuer),
            tenant: Some(allowed.tenant).filter(|one| !one.is_empty()),
            ceiling: allowed.ceiling,
        };
        match clients.last_mut() {
            Some(last) if last.client_id == allowed.client_id => {
                last.created_at = last.created_at.min(allowed.created_at);
                last.last_used_at = last.last_used_at.max(allowed.last_used_at);
                last.scopes.push(scopes);
            }
            _ => clients.push(AllowedClient {
                client_id: allowed.client_id,
                client_name: allowed.client_name,
                created_at: allowed.created_at,
                last_used_at: allowed.last_used_at,
                scopes: vec![scopes],
            }),
        }
    }
    Ok(clients)
}

/// The same for a caller who may see users.
pub(crate) async fn list_of(
    app: &App,
    caller: Caller<'_>,
    user: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<AllowedClient>, ApiError> {
    reads::require(app, caller, may::ReadUsers::NAME).await?;
    let now = app.now();
    let found = accounts::find_user(&mut app.store().read().await?, user, now).await?;
    found.ok_or_else(|| ApiError::unknown("user", &user))?;
    list(app, user, after, limit).await
}

/// Takes back what the caller, who is `subject`, has allowed a client: all its sessions of that user end. Returns `false`
/// if there was nothing to take back.
pub(crate) async fn withdraw(
    app: &App,
    caller: Caller<'_>,
    subject: &str,
    client: &str,
) -> Result<bool, ApiError> {
    // every change waits for all others, so that none is begun for nothing
    if !store::has_allowed(&mut app.store().read().await?, subject, client).await? {
        return Ok(false);
    }
    app.change_unlimited(caller, async |change| {
        Rights::load(app, change, caller).await?;
        end(change, subject, client).await
    })
    .await
}

/// Takes back what another user has allowed a client. Returns `false` if there was nothing to take back.
///
/// # Errors
///
/// Refused if the user holds more than the caller (the delegation limit), as for the sessions that end with it.
pub(crate) async fn withdraw_of(
    app: &App,
    caller: Caller<'_>,
    user: &str,
    client: &str,
) -> Result<bool, ApiError> {
    app.change(caller, async |change| {
        rights_over::require(app, change, caller, may::RevokeSessions::NAME, user).await?;
        end(change, user, client).await
    })
    .await
}

/// Forgets a consent, and ends all sessions that the client has of the user.
async fn end(change: &mut Change<'_>, subject: &str, client: &str) -> Result<bool, ApiError> {
    let had = store::withdraw(change, subject, client).await?;
    let sessions = store::sessions_with(change.conn(), subject, client).await?;
    if !had && sessions.is_empty() {
        return Ok(false);
    }
    change.record(json!({
        "action": "consent.withdrawn", "client": client, "subject": subject, "sessions": sessions.len(),
    }));
    for session in &sessions {
        sessions::service::end(change, "session.ended", session, subject).await?;
    }
    Ok(true)
}

/// Returns what a consent to a request is kept under: the audience and the tenant of its tokens, named or not, since both
/// were shown.
fn tokens_of<'a>(request: &'a AuthorizationRequest, subject: &'a str) -> For<'a> {
    For {
        subject,
        client: &request.client_id,
        resource: &request.audience,
        tenant: request.tenant.as_ref().map_or("", TenantName::as_str),
    }
}

/// The scope under which a request without one is kept: all that the client may have.
pub(crate) const EVERYTHING: &str = "*";

/// Returns a digest of what people were shown of a client. When it changes they are asked again.
fn registration(client: &Client) -> String {
    let kind = client.application.map_or("", sign_in::Application::as_str);
    let shown = json!([client.name, kind, client.redirect_uris]);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, shown.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::sign_in::Application;
    use crate::login::flow::request::ResponseMode;

    fn client() -> Client {
        Client {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            ..Client::sample()
        }
    }

    fn request(scopes: &[IdentityScope], named: Option<&str>) -> AuthorizationRequest {
        AuthorizationRequest {
            client_id: "c".to_owned(),
            redirect_uri: "https://app.example/cb".to_owned(),
            response_mode: ResponseMode::Query,
            state: None,
            nonce: None,
            code_challenge: None,
            identity: scopes.iter().copied().collect(),
            scope: named.map(str::to_owned),
            is_default_scope: false,
            audience: "https://id.example".to_owned(),
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

    fn given(client: &Client, scopes: &str) -> Consent {
        Consent {
            client_id: client.id.clone(),
            resource: String::new(),
            tenant: String::new(),
            scopes: scopes.to_owned(),
            ceiling: Ceiling::default(),
            registration: registration(client),
            created_at: Timestamp::default(),
            last_used_at: Timestamp::default(),
        }
    }

    fn covers_now(given: &Consent, client: &Client, request: &AuthorizationRequest) -> bool {
        covers(given, client, request, &Ceiling::default())
    }

    #[test]
    fn a_consent_covers_what_was_allowed_and_no_more() {
        let client = client();
        let asked = request(&[IdentityScope::Openid], Some("items:read"));
        assert!(covers_now(
            &given(&client, "items:read items:write openid"),
            &client,
            &asked
        ));
        assert!(!covers_now(&given(&client, "openid"), &client, &asked));
        assert!(!covers_now(&given(&client, "items:read"), &client, &asked));
        // without a scope the client asks for all that it may have
        let all = request(&[], None);
        assert!(!covers_now(
            &given(&client, "items:read openid"),
            &client,
            &all
        ));
        assert!(covers_now(&given(&client, "* openid"), &client, &all));
        // everything is more than some of it, and says nothing of who the user is
        let some = request(&[IdentityScope::Openid], Some("items:read role:editor"));
        assert!(covers_now(&given(&client, "* openid"), &client, &some));
        assert!(!covers_now(&given(&client, "*"), &client, &some));
        let profile = request(&[IdentityScope::Profile], Some("role:editor"));
        assert!(!covers_now(&given(&client, "* openid"), &client, &profile));
        assert!(!covers_now(
            &given(&client, "role:editor openid"),
            &client,
            &some
        ));
    }

    #[test]
    fn y284_claims_count_as_the_scopes_that_give_them() {
        let client = client();
        for (claim, scope) in [
            ("email", "email"),
            ("email_verified", "email"),
            ("name", "profile"),
            ("roles", "roles"),
            ("groups", "groups"),
        ] {
            let by_claim = |in_id_token: bool| {
                let mut asked = request(&[IdentityScope::Openid], Some("items:read"));
                let claims = if in_id_token {
                    &mut asked.id_token_claims
                } else {
                    &mut asked.userinfo_claims
                };
                claims.insert(claim.to_owned());
                asked
            };
            for asked in [by_claim(true), by_claim(false)] {
                let allowed = |scopes: &str| covers_now(&given(&client, scopes), &client, &asked);
                assert!(!allowed("items:read openid"), "{claim}");
                assert!(!allowed("* openid"), "{claim}");
                assert!(allowed(&format!("items:read openid {scope}")), "{claim}");
            }
        }
    }

    #[test]
    fn a_client_that_became_another_is_asked_for_again() {
        let before = client();
        let asked = request(&[IdentityScope::Openid], Some(""));
        let consent = given(&before, "openid");
        for change in [
            |client: &mut Client| client.name = "App".to_owned(),
            |client: &mut Client| client.redirect_uris.push("https://b.example/".to_owned()),
            |client: &mut Client| client.application = Some(Application::Native),
        ] {
            let mut after = before.clone();
            change(&mut after);
            assert!(!covers_now(&consent, &after, &asked));
        }
        assert!(covers_now(&consent, &before, &asked));
    }

    #[test]
    fn i011_people_are_asked_each_time_where_another_program_could_pose_as_the_client() {
        let (client, mut asked) = (client(), request(&[IdentityScope::Openid], Some("")));
        assert!(!is_always_due(&client, &asked));
        for uri in ["http://127.0.0.1:4711/cb", "com.example.app:/cb"] {
            uri.clone_into(&mut asked.redirect_uri);
            assert!(is_always_due(&client, &asked), "{uri}");
        }
        let mut own = client.clone();
        own.sign_in.consent = sign_in::Consent::Skip;
        assert!(!is_always_due(&own, &asked));
        asked.prompt.push(Prompt::Consent);
        assert!(is_always_due(&own, &asked));
        let offline = request(&[IdentityScope::OfflineAccess], Some(""));
        assert!(is_always_due(&client, &offline) && !is_always_due(&own, &offline));
    }
}
