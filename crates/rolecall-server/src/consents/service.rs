//! The rules for consents: when a user is asked, and what a withdrawal ends.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall::PermissionName as _;
use rolecall_core::Timestamp;
use serde_json::json;

use super::store::{self, Consent};
use crate::{
    accounts::store as accounts,
    app::App,
    authority::{caller::Caller, may, reads, rights::Rights},
    clients::{redirect, sign_in, store::Client},
    error::ApiError,
    login::flow::request::{AuthorizationRequest, Prompt},
    roles::assigning,
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
    if client.sign_in.consent == sign_in::Consent::Skip && !request.is_dynamic {
        return Ok(false);
    }
    let given = store::find(conn, subject, &client.id, resource(request)).await?;
    Ok(!given.is_some_and(|given| covers(&given, client, request)))
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

fn covers(given: &Consent, client: &Client, request: &AuthorizationRequest) -> bool {
    let allowed: BTreeSet<&str> = given.scopes.split(' ').collect();
    let asked = request.scopes();
    // `*` was shown as everything that the user may do, and says nothing about who the user is
    let is_within_all =
        |scope: &str| allowed.contains("*") && IdentityScope::parse(scope).is_none();
    given.registration == registration(client)
        && asked
            .iter()
            .all(|scope| allowed.contains(scope.as_str()) || is_within_all(scope))
}

/// Keeps what a user has just allowed, beside what the user had allowed before.
pub(crate) async fn give(
    conn: &mut Conn,
    client: &Client,
    request: &AuthorizationRequest,
    subject: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let before = store::find(conn, subject, &client.id, resource(request)).await?;
    let before = before.filter(|before| before.registration == registration(client));
    let mut scopes = request.scopes();
    let kept = before.iter().flat_map(|before| before.scopes.split(' '));
    scopes.extend(kept.map(str::to_owned));
    let scopes: Vec<String> = scopes.into_iter().collect();
    let consent = Consent {
        client_id: client.id.clone(),
        resource: resource(request).to_owned(),
        scopes: scopes.join(" "),
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
    store::mark_used(conn, subject, &client.id, resource(request), now).await?;
    Ok(!is_due(conn, client, request, subject).await?)
}

/// The consents of a user to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedClient {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    /// By resource; the first one may be empty, for requests that named none.
    pub(crate) scopes: Vec<(String, Vec<String>)>,
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
        let scopes = allowed.scopes.split(' ').map(str::to_owned).collect();
        let scopes = (allowed.resource, scopes);
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
        let rights = Rights::require(app, change, caller, may::RevokeSessions::NAME).await?;
        let now = change.now();
        let found = accounts::find_user(change.conn(), user, now).await?;
        found.ok_or_else(|| ApiError::unknown("user", &user))?;
        assigning::cover_subject(change, &rights, user).await?;
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

/// Returns the audience that a consent is for.
fn resource(request: &AuthorizationRequest) -> &str {
    if request.names_resource {
        &request.audience
    } else {
        ""
    }
}

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
        }
    }

    fn given(client: &Client, scopes: &str) -> Consent {
        Consent {
            client_id: client.id.clone(),
            resource: String::new(),
            scopes: scopes.to_owned(),
            registration: registration(client),
            created_at: Timestamp::default(),
            last_used_at: Timestamp::default(),
        }
    }

    #[test]
    fn a_consent_covers_what_was_allowed_and_no_more() {
        let client = client();
        let asked = request(&[IdentityScope::Openid], Some("items:read"));
        assert!(covers(
            &given(&client, "items:read items:write openid"),
            &client,
            &asked
        ));
        assert!(!covers(&given(&client, "openid"), &client, &asked));
        assert!(!covers(&given(&client, "items:read"), &client, &asked));
        // without a scope the client asks for all that it may have
        let all = request(&[], None);
        assert!(!covers(&given(&client, "items:read openid"), &client, &all));
        assert!(covers(&given(&client, "* openid"), &client, &all));
        // everything is more than some of it, and says nothing of who the user is
        let some = request(&[IdentityScope::Openid], Some("items:read role:editor"));
        assert!(covers(&given(&client, "* openid"), &client, &some));
        assert!(!covers(&given(&client, "*"), &client, &some));
        let profile = request(&[IdentityScope::Profile], Some("role:editor"));
        assert!(!covers(&given(&client, "* openid"), &client, &profile));
        assert!(!covers(
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
                let allowed = |scopes: &str| covers(&given(&client, scopes), &client, &asked);
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
            assert!(!covers(&consent, &after, &asked));
        }
        assert!(covers(&consent, &before, &asked));
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
