//! The one function that signs somebody in with a browser.

use std::time::Duration;

use rolecall_core::{Acr, Timestamp};

use super::{
    answer::{Answer, AnswerError, Target},
    choice::{Bounds, Choice, settle},
    confirming, not_admitted, owed,
    proven::Proven,
    remembering,
    request::AuthorizationRequest,
    store::{self as flows, Flow},
};
use crate::{
    accounts::language_store,
    app::App,
    authority::{
        caller::Caller,
        subject::{self, Subject},
    },
    boxed::Boxed,
    clients::{
        redirect,
        store::{self as clients, Client, GrantType},
    },
    consents,
    error::ApiError,
    ids,
    login::{
        browser::{
            service as browser,
            store::{self as browsers, BrowserSession},
        },
        code_store::{self, NewCode},
        known::Origin,
        secret::{self, Kind},
    },
    store::{Conn, StoreError, gate},
    tokens::error::TokenError,
};

/// The time for which a code can be used.
const CODE_LIFETIME: Duration = Duration::from_mins(1);

/// The time for which a password counts as typed just now, whatever `max_age` is.
const TYPED_NOW: Duration = Duration::from_mins(5);

/// A sign-in that lacks nothing.
pub(crate) struct Conclusion<'a> {
    /// The request as the user has chosen.
    pub(crate) request: &'a AuthorizationRequest,
    /// The request as it came, and the choice.
    pub(crate) chosen: (&'a AuthorizationRequest, &'a Choice),
    /// The flow that ends with it; `None` if no page was needed.
    pub(crate) flow: Option<&'a Flow>,
    pub(crate) proven: Proven,
    /// The session of the browser, whoever's it is.
    pub(crate) current: Option<&'a BrowserSession>,
    /// The cookie of that session.
    pub(crate) cookie: Option<&'a str>,
    pub(crate) origin: Origin<'a>,
    /// The language of the pages.
    pub(crate) language: &'a str,
}

/// The cookie of somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionCookie {
    pub(crate) secret: String,
    /// `None` for as long as the browser is open.
    pub(crate) lifetime: Option<Duration>,
}

/// Somebody who is signed in now.
#[derive(Debug)]
pub(crate) struct Concluded {
    pub(crate) answer: Answer,
    /// `None` if another tab has just got a new one.
    pub(crate) cookie: Option<SessionCookie>,
    pub(crate) subject: String,
    /// The cookie of a device that is remembered from now on.
    pub(crate) remembered: Option<SessionCookie>,
}

/// The reason why nobody is signed in.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Something changed since it was proven, or another step was faster: the flow shows the step that is due.
    Stale,
    /// The client gets an error.
    Answer(Box<Answer>),
    Failed(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Signs somebody in: opens or renews the session of the browser and makes a code, in one transaction that asks again for
/// everything that the proof rested on. The session of another user in this browser ends in the same transaction.
pub(crate) async fn conclude(app: &App, conclusion: &Conclusion<'_>) -> Result<Concluded, Refusal> {
    let subject = conclusion.proven.subject();
    let other = conclusion.current.filter(|one| one.subject_id != subject);
    if let Some(other) = other {
        let concluded = app.change_as(Caller::System, async |change| {
            if !browser::end_in(change, &other.subject_id, &other.id).await? {
                // a change that ends nothing is no change, and leaves nothing behind
                return Ok(None);
            }
            let concluded = conclude_in(app, change.conn(), conclusion).await;
            concluded.map(Some)
        });
        if let Some(concluded) = concluded.await? {
            return Ok(concluded);
        }
    }
    app.store()
        .write(async |conn: &mut Conn| conclude_in(app, conn, conclusion).await)
        .await
}

fn conclude_in<'a>(
    app: &'a App,
    conn: &'a mut Conn,
    conclusion: &'a Conclusion<'a>,
) -> Boxed<'a, Result<Concluded, Refusal>> {
    Box::pin(async move {
        let Conclusion {
            request, proven, ..
        } = conclusion;
        gate::hold_with(conn, proven.subject(), &request.client_id).await?;
        if let Some(flow) = conclusion.flow
            && !flows::delete(conn, flow).await?
        {
            return Err(Refusal::Stale);
        }
        let now = app.now();
        if !confirming::all_hold(conn, proven, conclusion.current, now).await? {
            return Err(Refusal::Stale);
        }
        // the user has been known since the first
        let auth_time = proven.first().at();
        // a factor may have been added or removed, or a setting changed, since it was proven
        let owed = owed::read(app, conn, request, proven.subject()).await?;
        if !proven.pays(&owed) {
            return Err(Refusal::Stale);
        }
        if conclusion.flow.is_some() && !is_recent(conclusion, auth_time, now) {
            return Err(Refusal::Stale);
        }
        let subject = subject::read(conn, proven.subject(), request.tenant.as_ref(), now).await?;
        let subject = subject.filter(Subject::is_active_user);
        let subject = subject.ok_or(Refusal::Stale)?;
        if request
            .subject
            .as_ref()
            .is_some_and(|one| *one != subject.id)
        {
            // OpenID Connect Core sections 3.1.2.2 and 5.5.1
            let why = "somebody else has signed in than the request names";
            return Err(refuse(app, request, AnswerError::LoginRequired, why));
        }
        if !request.is_own() {
            admit(app, conn, conclusion, (&subject, proven.acr()), now).await?;
        }
        let session = open_session(app, conclusion, &subject.id, auth_time, now)?;
        let secret = write_session(app, conn, conclusion, &session, now).await?;
        let address = conclusion.origin.address;
        let remembered = remembering::keep(app, conn, conclusion.flow, proven, address).await?;
        let target = Target::of(request);
        let answer = if request.is_own() {
            Answer::page(target)
        } else {
            let code = make_code(app, conn, request, &session, now).await?;
            Answer::code(target, code, &app.settings().issuer)
        };
        Ok(Concluded {
            answer,
            cookie: secret.map(|secret| SessionCookie {
                secret,
                lifetime: session
                    .stays
                    .then(|| app.settings().browser.lifetime(session.stays)),
            }),
            remembered: remembered.map(|secret| SessionCookie {
                secret,
                lifetime: app.settings().factors.remember,
            }),
            subject: subject.id,
        })
    })
}

/// Writes the session of the browser with a new secret and the language of its user, and returns the secret. Without a new
/// proof, only a request with the newest secret renews it: otherwise two tabs that ask at once would sign each other out.
async fn write_session(
    app: &App,
    conn: &mut Conn,
    conclusion: &Conclusion<'_>,
    session: &BrowserSession,
    now: Timestamp,
) -> Result<Option<String>, Refusal> {
    if conclusion.flow.is_some() {
        // the user has read a page in it
        language_store::keep(conn, &session.subject_id, conclusion.language).await?;
    }
    let secret = secret::generate()?;
    let hash = secret::hash(app, Kind::BrowserSession, &secret).ok_or(Refusal::Stale)?;
    let is_own = conclusion.current.is_some_and(|one| one.id == session.id);
    if !is_own {
        browsers::insert(conn, session, &hash).await?;
        return Ok(Some(secret));
    }
    if !conclusion.proven.is_new() {
        // the proof has just been confirmed, and the row is held
        let presented = conclusion.cookie;
        let presented = presented.and_then(|text| secret::hash(app, Kind::BrowserSession, text));
        let presented = presented.ok_or(Refusal::Stale)?;
        let is_newest = browsers::rotate(conn, &session.id, (&presented, &hash), now).await?;
        return Ok(is_newest.then_some(secret));
    }
    if browsers::renew(conn, session, &hash).await? {
        Ok(Some(secret))
    } else {
        Err(Refusal::Stale)
    }
}

/// Checks that the client may still have what it asks for, and that the user has allowed it.
async fn admit(
    app: &App,
    conn: &mut Conn,
    conclusion: &Conclusion<'_>,
    (subject, acr): (&Subject, Acr),
    now: Timestamp,
) -> Result<(), Refusal> {
    let request = conclusion.request;
    let client = clients::find(conn, &request.client_id).await?;
    let client = client.filter(|client| accepts(client, request));
    let client = client.ok_or(Refusal::Stale)?;
    let settled = settle(app, conn, &client, conclusion.chosen, &subject.id).await?;
    if settled.open.is_some() || settled.choice != *conclusion.chosen.1 {
        return Err(Refusal::Stale);
    }
    check_scope(app, conn, &client, request, (subject, acr), now).await?;
    if conclusion.flow.is_some_and(|flow| flow.consented) {
        consents::service::give(conn, &client, request, &subject.id, now).await?;
    } else if !consents::service::confirm(conn, &client, request, &subject.id, now).await? {
        return Err(Refusal::Stale);
    }
    Ok(())
}

/// Returns true if the proof is as recent as the client asks, although pages have waited since. What was proven in this
/// sign-in counts for a while, or nobody who reads a page slowly could ever sign in with `max_age=0`.
fn is_recent(conclusion: &Conclusion<'_>, auth_time: Timestamp, now: Timestamp) -> bool {
    let is_of_now = conclusion.proven.first().is_new();
    conclusion.request.is_recent(auth_time, now) || (is_of_now && now < auth_time.plus(TYPED_NOW))
}

/// Returns true if the client may still get an answer at the redirect URI, for the tenant of the request.
pub(crate) fn accepts(client: &Client, request: &AuthorizationRequest) -> bool {
    let uri = &request.redirect_uri;
    client.grants.contains(&GrantType::AuthorizationCode)
        && client.sign_in.is_for(request.tenant.as_ref())
        && client
            .redirect_uris
            .iter()
            .any(|registered| redirect::matches(registered, uri, client.application))
}

fn refuse(app: &App, request: &AuthorizationRequest, error: AnswerError, why: &str) -> Refusal {
    let answer = Answer::error(Target::of(request), error, why, &app.settings().issuer);
    Refusal::Answer(Box::new(answer))
}

/// Checks that the user may sign in through this client, and may have what it asks for.
async fn check_scope(
    app: &App,
    conn: &mut Conn,
    client: &Client,
    request: &AuthorizationRequest,
    (subject, acr): (&Subject, Acr),
    now: Timestamp,
) -> Result<(), Refusal> {
    let refuse = |error, detail: &str| refuse(app, request, error, detail);
    let bounds = Bounds::read(app, conn, client, request, (subject, acr)).await?;
    let Some(bounds) = bounds else {
        let why = not_admitted::describe(app, (client, request), (subject, acr), now);
        return Err(refuse(AnswerError::AccessDenied, &why));
    };
    let checked = bounds
        .check(app, conn, (client, request), subject, now)
        .await;
    checked.map_err(|error| match error {
        TokenError::InvalidScope(detail) => refuse(AnswerError::InvalidScope, &detail),
        TokenError::StepUp(name) => {
            let asked = (name.as_str(), request);
            let why = not_admitted::describe_step_up(app, asked, (subject, acr), now);
            refuse(AnswerError::UnmetAuthenticationRequirements, &why)
        }
        TokenError::ChooseRoles(breach) => refuse(AnswerError::InvalidScope, &breach.to_string()),
        TokenError::TooLong => refuse(
            AnswerError::InvalidScope,
            "the roles and permissions do not fit into a token: ask for fewer of them",
        ),
        TokenError::Failed(error) => Refusal::Failed(error),
    })
}

/// Returns the session of the browser from now on: the present one of the same user with a new proof, or another.
fn open_session(
    app: &App,
    conclusion: &Conclusion<'_>,
    subject: &str,
    auth_time: Timestamp,
    now: Timestamp,
) -> Result<BrowserSession, ApiError> {
    let proven = &conclusion.proven;
    let stays = conclusion.flow.is_some_and(|flow| flow.stays);
    let current = conclusion.current.filter(|one| one.subject_id == subject);
    let begins_anew = proven.first().is_new();
    let fresh = |id: String, created_at, stays| BrowserSession {
        id,
        subject_id: subject.to_owned(),
        username: String::new(),
        amr: proven.amr(),
        credentials: proven.credentials(""),
        auth_time,
        stays,
        address: conclusion.origin.address.to_owned(),
        agent: conclusion.origin.agent.describe(),
        created_at,
        last_used_at: now,
        expires_at: now.plus(app.settings().browser.lifetime(stays)),
    };
    Ok(match current {
        Some(current) if begins_anew => fresh(current.id.clone(), current.created_at, stays),
        // what was proven adds to it
        Some(current) => BrowserSession {
            amr: proven.amr(),
            credentials: proven.credentials(&current.credentials),
            last_used_at: now,
            ..current.clone()
        },
        None => fresh(ids::new_id(now).map_err(ApiError::internal)?, now, stays),
    })
}

async fn make_code(
    app: &App,
    conn: &mut Conn,
    request: &AuthorizationRequest,
    session: &BrowserSession,
    now: Timestamp,
) -> Result<String, Refusal> {
    let code = secret::generate()?;
    let hash = secret::hash(app, Kind::Code, &code).ok_or(Refusal::Stale)?;
    // another node may redeem it: nodes agree on the database's time
    let known = app.database_now();
    let new = NewCode {
        hash: &hash,
        request,
        subject_id: &session.subject_id,
        browser_session: &session.id,
        amr: &session.amr,
        credentials: &session.credentials,
        auth_time: session.auth_time,
        session_id: &ids::new_id(now).map_err(ApiError::internal)?,
        created_at: known,
        expires_at: known.plus(CODE_LIFETIME),
    };
    code_store::insert(conn, &new).await?;
    Ok(code)
}
