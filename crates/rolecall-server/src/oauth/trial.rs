//! What the tokens of a sign-in would say, without one that anybody could use.
//!
//! The request is read and the tokens are made by the rules of a sign-in. Then their signatures are thrown away: what is
//! left can be shown. No code, no session and no refresh token comes to be, and nothing is sent to the client.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rolecall_core::TenantName;
use serde_json::Value;

use super::{
    admission::SignedInBy,
    authorize::{self, AuthorizeError},
    client_auth::RequestingClient,
    error::OAuthError,
    identity::{self, Identified},
};
use crate::{
    app::App,
    authority::{
        assurance::{self, acr_of},
        subject::{self, Subject},
    },
    clients::{
        sign_in::SignInTenant,
        store::{Client, GrantType},
    },
    consents::service as consents,
    error::ApiError,
    ids,
    login::{browser::store::BrowserSession, flow::request::AuthorizationRequest},
    sessions::active,
    store::Conn,
    tokens::{
        access_token::{Basis, InSession, Issued},
        fitting::{self, Wish},
        grant::grant,
        holder::{Beyond, TokenSubject},
    },
};

/// A code challenge, which every client may send. No code is made, so that nobody needs its verifier.
const CHALLENGE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The parts of a token that are shown: all but its signature.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

/// What a sign-in would give.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) access_token: Decoded,
    /// If the scope asks who the user is.
    pub(crate) id_token: Option<Decoded>,
    /// The user would be asked for their consent before.
    pub(crate) asks_consent: bool,
}

/// Tries a sign-in of the user of a browser session to a client, with a `scope`; for `tenant`, if the client lets its users
/// choose one. What the client would be told in place of tokens is the inner error.
///
/// # Errors
///
/// The database fails.
pub(crate) async fn sign_in(
    app: &App,
    session: &BrowserSession,
    client: Client,
    (scope, tenant): (&str, Option<&TenantName>),
) -> Result<Result<Trial, String>, ApiError> {
    let tenant = tenant.filter(|_| client.sign_in.tenant == Some(SignInTenant::Ask));
    let request = match authorize::parse(app, &asked(&client, scope, tenant)).await {
        Ok(request) => request,
        Err(AuthorizeError::Page(why)) => return Ok(Err(why.to_owned())),
        Err(AuthorizeError::Answer(answer)) => {
            let parameters = answer.parameters.iter();
            let why = parameters.filter(|(name, _)| name.starts_with("error"));
            let why: Vec<&str> = why.map(|(_, value)| value.as_str()).collect();
            return Ok(Err(why.join(": ")));
        }
        Err(AuthorizeError::Failed(error)) => return Err(error),
    };
    let mut conn = app.store().read().await?;
    let consent = consents::is_due(&mut conn, &client, &request, &session.subject_id);
    let asks_consent = consent.await?;
    let client = RequestingClient::Client(Box::new(client));
    match issue(app, &mut conn, session, (&client, &request)).await {
        Ok(issued) => {
            let read = |token: &str| decode(token).ok_or_else(|| ApiError::internal(Unreadable));
            let id_token = issued.id_token.as_deref().map(read).transpose()?;
            Ok(Ok(Trial {
                access_token: read(&issued.access_token)?,
                id_token,
                asks_consent,
            }))
        }
        Err(OAuthError::Failed(error)) => Err(error),
        Err(error) => Ok(Err(format!("{}: {}", error.code(), error.description()))),
    }
}

/// Returns the authorization request that the client would send.
fn asked(client: &Client, scope: &str, tenant: Option<&TenantName>) -> String {
    let mut request = form_urlencoded::Serializer::new(String::new());
    request
        .append_pair("client_id", &client.id)
        .append_pair("response_type", "code")
        .append_pair("code_challenge", CHALLENGE)
        .append_pair("code_challenge_method", "S256");
    if let Some(uri) = client.redirect_uris.first() {
        request.append_pair("redirect_uri", uri);
    }
    if !scope.is_empty() {
        request.append_pair("scope", scope);
    }
    if let Some(tenant) = tenant {
        request.append_pair("tenant", tenant.as_str());
    }
    request.finish()
}

/// Makes the tokens, and nothing else.
async fn issue(
    app: &App,
    conn: &mut Conn,
    session: &BrowserSession,
    (client, asked): (&RequestingClient, &AuthorizationRequest),
) -> Result<Issued, OAuthError> {
    let (now, tenant) = (app.now(), asked.tenant.as_ref());
    let subject = subject::read(conn, &session.subject_id, tenant, now).await?;
    let subject = subject.filter(Subject::is_active_user);
    let subject = subject.ok_or(OAuthError::NotAdmitted)?;
    let grant_type = GrantType::AuthorizationCode;
    let ceiling = client.ceiling_now(app, conn, grant_type, &asked.audience);
    let ceiling = ceiling.await?;
    let policy = subject.policy(app.policy(), conn).await?;
    let user = (&**policy, &subject);
    let by = (SignedInBy::Browser, acr_of(&session.amr));
    let admission = client.admit_now(conn, by, user, tenant, now).await;
    let admission = admission.map_err(refused)?.ok_or(OAuthError::NotAdmitted)?;
    let reach = assurance::reach(&policy, conn, &subject, by.1).await?;
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
    admission.check_tenant(&granted, tenant).map_err(refused)?;
    active::check(conn, &holder, &subject.id, &granted).await?;
    // the session of a sign-in would have a new id too; this one belongs to none
    let id = ids::new_id(now).map_err(ApiError::internal)?;
    let basis = Basis {
        subject: &subject,
        client_id: client.client_id(),
        audience: &asked.audience,
        granted: &granted,
        limits: admission.limits(),
        session: Some(InSession {
            id: &id,
            auth_time: session.auth_time,
            amr: &session.amr,
        }),
        now,
    };
    let wish = Wish::Grant(scope.as_ref());
    let (mut issued, less) = fitting::access_token(app, conn, &basis, &holder, wish).await?;
    let identity = asked.granted_identity();
    let identified = Identified {
        client,
        subject: &subject,
        session: &id,
        auth_time: session.auth_time,
        amr: &session.amr,
        nonce: None,
        identity: &identity,
        is_first: true,
        named: &asked.id_token_claims,
        granted: less.as_ref().unwrap_or(&granted),
        now,
    };
    identity::add_to(app, conn, &mut issued, &identified).await?;
    Ok(issued)
}

/// Says about somebody whom a client does not admit what a sign-in would say, which has no token yet.
fn refused(error: OAuthError) -> OAuthError {
    match error {
        OAuthError::InvalidGrant => OAuthError::NotAdmitted,
        error => error,
    }
}

/// Reads the header and the claims of a token of our own.
fn decode(token: &str) -> Option<Decoded> {
    let mut parts = token.split('.');
    let mut part = || {
        let bytes = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    Some(Decoded {
        header: part()?,
        claims: part()?,
    })
}

/// A token of our own is none.
#[derive(Debug, thiserror::Error)]
#[error("a token that was just made cannot be read")]
struct Unreadable;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_token_is_all_but_its_signature() {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#);
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"alice"}"#);
        let shown = decode(&format!("{header}.{claims}.c2lnbmF0dXJl")).unwrap();
        assert_eq!(shown.header["alg"], "ES256");
        assert_eq!(shown.claims["sub"], "alice");
        assert!(!format!("{shown:?}").contains("c2lnbmF0dXJl"));
        for wrong in ["", "a.b", &header, "!!.!!.!!"] {
            assert!(decode(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_request_names_what_the_client_registered() {
        let client = Client {
            redirect_uris: vec!["https://app.example/cb?x=1&y".to_owned()],
            ..Client::sample()
        };
        let tenant = "acme".parse().unwrap();
        let query = asked(&client, "openid a:b", Some(&tenant));
        let read: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let has = |name: &str, value: &str| read.contains(&(name.to_owned(), value.to_owned()));
        assert!(has("client_id", "c") && has("redirect_uri", "https://app.example/cb?x=1&y"));
        assert!(has("scope", "openid a:b") && has("tenant", "acme"));
        assert!(!asked(&Client::sample(), "", None).contains("scope"));
    }
}
