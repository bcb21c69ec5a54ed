//! The authorization code grant (RFC 6749 section 4.1.3, RFC 7636 section 4.6, `OpenID` Connect Core section 3.1.3).

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::Timestamp;

use super::{
    admission::SignedInBy,
    client_auth::RequestingClient,
    error::OAuthError,
    identity::{self, Identified},
    opening::{Opening, open_session},
};
use crate::{
    app::App,
    audit::events,
    authority::{
        assurance::{self, acr_of},
        caller::Caller,
        subject::{self, Subject},
    },
    backchannel::{self, store::SignedIn},
    clients::store::GrantType,
    consents::service as consents,
    error::ApiError,
    login::{
        browser::{service as browsers, store::BrowserSession},
        code_store::{self, Code, Spent},
        known::Origin,
        secret::{self, Kind},
    },
    sessions::{self, active, store::InBrowser},
    store::{Conn, StoreError, gate},
    tokens::{
        access_token::Issued,
        grant::grant,
        holder::{Beyond, Grant, TokenSubject},
        identity::{Identity, IdentityScope},
    },
};

/// A token request with a code.
pub(crate) struct CodeGrant<'a> {
    pub(crate) code: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) verifier: Option<&'a str>,
    /// Must be that of the request, if it is named.
    pub(crate) audience: Option<&'a str>,
    pub(crate) client: &'a RequestingClient,
    pub(crate) origin: Origin<'a>,
}

/// The outcome of a code. All of it is committed, so that a code is spent whatever is wrong.
enum Outcome {
    Issued(Box<Issued>, Vec<String>, String),
    Refused(OAuthError, String),
    /// There is no such code, or it was spent before.
    Unknown,
}

/// Issues the tokens that a code stands for.
pub(crate) async fn by_code(app: &App, request: &CodeGrant<'_>) -> Result<Issued, OAuthError> {
    let hash = secret::hash(app, Kind::Code, request.code).ok_or(OAuthError::InvalidCode)?;
    let outcome = app
        .store()
        .write(async |conn: &mut Conn| spend(app, conn, request, &hash).await)
        .await?;
    let address = request.origin.address;
    match outcome {
        Outcome::Issued(issued, surplus, subject) => {
            sessions::service::end_surplus(app, &subject, &surplus).await?;
            Ok(*issued)
        }
        Outcome::Refused(error, subject) => {
            let reason = error.code();
            events::record(app, "code_refused", Some(&subject), address, reason).await?;
            Err(error)
        }
        Outcome::Unknown => {
            let spent = code_store::find_spent(&mut app.store().read().await?, &hash).await?;
            if let Some(spent) = spent {
                end_replayed(app, &hash, &spent, address).await?;
            }
            Err(OAuthError::InvalidCode)
        }
    }
}

async fn spend(
    app: &App,
    conn: &mut Conn,
    request: &CodeGrant<'_>,
    hash: &str,
) -> Result<Outcome, OAuthError> {
    let Some(subject) = code_store::find_subject(conn, hash).await? else {
        return Ok(Outcome::Unknown);
    };
    gate::hold_with(conn, &subject, request.client.client_id()).await?;
    let Some(code) = code_store::spend(conn, hash).await? else {
        return Ok(Outcome::Unknown);
    };
    match redeem(app, conn, request, &code).await {
        Ok((issued, surplus)) => Ok(Outcome::Issued(
            Box::new(issued),
            surplus,
            code.subject_id.clone(),
        )),
        // an outage is not the client's fault, and nothing is spent
        Err(error @ OAuthError::Failed(_)) => Err(error),
        Err(error) => Ok(Outcome::Refused(error, code.subject_id.clone())),
    }
}

/// Reads the user whom a code is for, who must be active.
async fn read_subject(conn: &mut Conn, code: &Code, now: Timestamp) -> Result<Subject, OAuthError> {
    let tenant = code.request.tenant.as_ref();
    let subject = subject::read(conn, &code.subject_id, tenant, now).await?;
    let subject = subject.filter(Subject::is_active_user);
    subject.ok_or(OAuthError::InvalidCode)
}

/// Checks everything about a code that was just spent, and opens its session.
async fn redeem(
    app: &App,
    conn: &mut Conn,
    request: &CodeGrant<'_>,
    code: &Code,
) -> Result<(Issued, Vec<String>), OAuthError> {
    check(request, code)?;
    check_age(app, conn, code).await?;
    let now = app.now();
    let asked = &code.request;
    let in_browser = (code.browser_session.as_str(), code.subject_id.as_str());
    let session = browsers::hold(app, conn, in_browser, now).await?;
    let session = session.ok_or(OAuthError::InvalidCode)?;
    let tenant = asked.tenant.as_ref();
    let subject = read_subject(conn, code, now).await?;
    let (client, grant_type) = (request.client, GrantType::AuthorizationCode);
    let ceiling = client.ceiling_now(app, conn, grant_type, &asked.audience);
    let ceiling = ceiling.await?;
    let policy = subject.policy(app.policy(), conn).await?;
    let user = (&**policy, &subject);
    let by = (SignedInBy::Browser, acr_of(&code.amr));
    let admission = client.admit_now(conn, by, user, tenant, now);
    let admission = admission.await?.ok_or(OAuthError::InvalidCode)?;
    let reach = assurance::reach(&policy, conn, &subject, by.1).await?;
    // what was allowed to the client when the code was made may be less than it could get now
    if !consents::is_allowed(conn, admission.client(), asked, &subject.id).await? {
        return Err(OAuthError::InvalidCode);
    }
    let beside = active::beside(conn, &policy, (&subject.id, tenant), now).await?;
    let holder = TokenSubject {
        policy: &reach.policy,
        beyond: Beyond::of(&reach, &subject.assigned),
        assigned: &subject.assigned,
        lifetime: app.settings().access_ttl,
        tenant,
        own_audience: admission.carries_own() && asked.audience == app.settings().issuer,
        ceiling: ceiling.as_ref(),
        beside: Some(&beside),
        now,
    };
    let scope = asked.asked();
    let granted = grant(&holder, scope.as_ref())?;
    admission.check_tenant(&granted, tenant)?;
    active::check(conn, &holder, &subject.id, &granted).await?;
    let identity = asked.granted_identity();
    let outlives = identity.scopes.contains(&IdentityScope::OfflineAccess);
    let written = identity.write();
    let in_browser = InBrowser {
        id: (!outlives).then_some(session.id.as_str()),
        identity: &written,
        auth_time: code.auth_time,
        amr: &code.amr,
        credentials: &code.credentials,
    };
    let latest = latest_end(app, &session, outlives, now);
    let opening = Opening {
        id: Some(&code.session_id),
        client: request.client,
        scope: scope.as_ref(),
        audience: &asked.audience,
        tenant,
        address: request.origin.address,
        // the request for the tokens may come from a server of the client
        agent: session.agent.as_deref(),
        device: &request.origin.device_name().unwrap_or_default(),
        wants_refresh: true,
        limits: admission.limits(),
        browser: Some((in_browser, latest)),
    };
    let opened = open_session(app, conn, &opening, &subject, &holder, &granted).await?;
    let mut issued = opened.issued;
    note_sign_in(conn, code, &session, (latest, now)).await?;
    // both tokens say the same
    let granted = opened.less.as_ref().unwrap_or(&granted);
    let about = (&subject, granted, &identity, now);
    add_identity(app, conn, &mut issued, request, code, about).await?;
    Ok((issued, opened.surplus))
}

/// Adds an ID token, if the request was one of `OpenID` Connect.
async fn add_identity(
    app: &App,
    conn: &mut Conn,
    issued: &mut Issued,
    request: &CodeGrant<'_>,
    code: &Code,
    (subject, granted, identity, now): (&Subject, &Grant, &Identity, Timestamp),
) -> Result<(), OAuthError> {
    let asked = &code.request;
    let identified = Identified {
        client: request.client,
        subject,
        session: &code.session_id,
        auth_time: code.auth_time,
        amr: &code.amr,
        nonce: asked.nonce.as_deref(),
        identity,
        is_first: true,
        named: &asked.id_token_claims,
        granted,
        now,
    };
    identity::add_to(app, conn, issued, &identified).await
}

/// Returns the latest end of a session that outlives the browser session in which it is opened, or of one that ends with it.
fn latest_end(app: &App, session: &BrowserSession, outlives: bool, now: Timestamp) -> Timestamp {
    if outlives {
        now.plus(app.settings().sessions.lifetime)
    } else {
        session.expires_at
    }
}

/// Notes that the client has to hear when the user logs out.
async fn note_sign_in(
    conn: &mut Conn,
    code: &Code,
    session: &BrowserSession,
    (latest, now): (Timestamp, Timestamp),
) -> Result<(), StoreError> {
    let signed_in = SignedIn {
        session: &code.session_id,
        browser_session: &session.id,
        subject: &code.subject_id,
        client: &code.client_id,
        ends_at: latest.max(session.expires_at),
    };
    backchannel::store::sign_in(conn, &signed_in, now).await
}

/// Refuses a code that is too old by the database's time, on which nodes agree.
async fn check_age(app: &App, conn: &mut Conn, code: &Code) -> Result<(), OAuthError> {
    let is_over = |now: Timestamp| now >= code.expires_at;
    // the database's clock may have been ahead when this node looked at it last
    if is_over(app.database_now()) && is_over(app.read_database_time(conn).await?) {
        return Err(OAuthError::InvalidCode);
    }
    Ok(())
}

/// Compares a token request with the authorization request that the code was made for.
fn check(request: &CodeGrant<'_>, code: &Code) -> Result<(), OAuthError> {
    let asked = &code.request;
    if code.client_id != request.client.client_id() {
        return Err(OAuthError::InvalidCode);
    }
    match (request.redirect_uri, &asked.code_challenge) {
        (Some(uri), _) if uri != asked.redirect_uri => return Err(OAuthError::InvalidCode),
        // without a code challenge it is what binds the code to the client's own redirect
        (None, None) => return Err(OAuthError::InvalidCode),
        _ => {}
    }
    let is_proven = match (&asked.code_challenge, request.verifier) {
        (Some(challenge), Some(verifier)) => matches_challenge(challenge, verifier),
        (None, None) => true,
        _ => false,
    };
    if !is_proven {
        return Err(OAuthError::InvalidCode);
    }
    match request.audience {
        Some(audience) if audience != asked.audience => Err(OAuthError::InvalidTarget(
            "the authorization request was for another audience",
        )),
        _ => Ok(()),
    }
}

/// Compares a code verifier with its S256 challenge (RFC 7636 section 4.6).
fn matches_challenge(challenge: &str, verifier: &str) -> bool {
    let is_verifier = (43..=128).contains(&verifier.len())
        && verifier
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'));
    let computed = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    is_verifier
        && bool::from(subtle::ConstantTimeEq::ct_eq(
            computed.as_bytes(),
            challenge.as_bytes(),
        ))
}

/// Ends what the first use of a code has opened: somebody has a copy of it. Then the code is forgotten, so that whoever
/// sends it again and again writes nothing more.
async fn end_replayed(
    app: &App,
    hash: &str,
    spent: &Spent,
    address: &str,
) -> Result<(), OAuthError> {
    let (session, subject) = (spent.session_id.as_str(), spent.subject_id.as_str());
    // every change waits for all others, so that none is begun for a session that has ended before
    if sessions::service::exists(app, session, subject).await? {
        app.change(Caller::System, async |change| {
            sessions::service::end(change, "session.replayed", session, subject).await
        })
        .await?;
    }
    app.store()
        .write(async |conn: &mut Conn| {
            if code_store::forget_spent(conn, hash).await? {
                events::record_in(conn, app, "code_replayed", subject, address, session).await?;
            }
            Ok::<_, ApiError>(())
        })
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_matches_its_challenge_alone() {
        // RFC 7636 appendix B
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(matches_challenge(challenge, verifier));
        for wrong in [
            "",
            challenge,
            &verifier[..42],
            &format!("{verifier}="),
            &verifier.to_uppercase(),
            &"a".repeat(129),
        ] {
            assert!(!matches_challenge(challenge, wrong), "{wrong}");
        }
        // `plain` is no method
        let plain = "a".repeat(43);
        assert!(!matches_challenge(&plain, &plain));
    }
}
