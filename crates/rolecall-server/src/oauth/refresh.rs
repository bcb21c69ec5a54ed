//! The refresh grant (RFC 6749 section 6), with rotation (RFC 9700 section 4.14.2).

use std::collections::BTreeSet;

use rolecall_core::{TenantName, Timestamp};

use super::{
    admission::Admission,
    age::{is_genuine, is_over, time_for},
    client_auth::RequestingClient,
    error::OAuthError,
    identity::{self, Identified},
    readmission,
    standing::{Standing, standing},
};
use crate::{
    app::App,
    audit::events,
    authority::{
        assurance::{self, BY_PASSWORD, acr_of},
        caller::Caller,
        subject::{self, Subject},
    },
    login::{browser::service as browsers, known::Origin},
    quota::{Quota, through},
    sessions::{
        active::{self, opened},
        service,
        store::{self, Session},
    },
    store::{Conn, gate},
    tokens::{
        access_token::{Basis, InSession, Issued, Limits},
        fitting::{self, Wish},
        holder::{Beyond, Grant, TokenSubject},
        identity::{Identity, IdentityScope},
        refresh_token::{Binding, RefreshToken},
        requested::RequestedScope,
    },
};

/// A token request with the refresh grant.
pub(crate) struct RefreshGrant<'a> {
    pub(crate) token: &'a str,
    pub(crate) client: &'a RequestingClient,
    /// Narrows this access token and no later one.
    pub(crate) scope: Option<RequestedScope>,
    /// The scopes of `OpenID` Connect among it; `None` without a scope.
    pub(crate) identity: Option<BTreeSet<IdentityScope>>,
    /// Must be that of the log-in, if it is named.
    pub(crate) tenant: Option<TenantName>,
    /// Must be that of the log-in, if it is named.
    pub(crate) audience: Option<&'a str>,
    pub(crate) origin: Origin<'a>,
}

/// Issues an access token and the session's next refresh token.
pub(crate) async fn by_token(app: &App, request: &RefreshGrant<'_>) -> Result<Issued, OAuthError> {
    let outcome = attempt(app, request).await;
    app.parts().metrics.refreshes.add_one(name_of(&outcome));
    let (_, issued) = outcome?;
    issued.ok_or(OAuthError::InvalidGrant)
}

/// Returns the label under which the metrics count a refresh.
fn name_of(outcome: &Result<(Standing, Option<Issued>), OAuthError>) -> &'static str {
    match outcome {
        Ok((Standing::Newest, _)) => "rotated",
        Ok((Standing::JustReplaced, _)) => "grace",
        Ok((Standing::Replayed, _)) => "replayed",
        Err(OAuthError::TooMany { .. }) => "slowed",
        Err(OAuthError::Busy) => "busy",
        Err(OAuthError::Failed(_)) => "failed",
        Err(_) => "refused",
    }
}

/// Returns the position of the token and what was issued for it. A replayed token gets nothing, and its session ends.
async fn attempt(
    app: &App,
    request: &RefreshGrant<'_>,
) -> Result<(Standing, Option<Issued>), OAuthError> {
    let token = RefreshToken::parse(request.token).ok_or(OAuthError::InvalidGrant)?;
    // a refresh beside this one may rotate in between; then the token is the one just replaced
    for _ in 0..3 {
        let session = store::find(&mut app.store().read().await?, &token.session()).await?;
        let session = session.ok_or(OAuthError::InvalidGrant)?;
        // nodes agree on the database's time, and a retry may come to another node than the lost answer came from
        let now = time_for(app, &token, &session).await?;
        refuse_foreign(app, request, &token, &session, now)?;
        if !request.client.may_refresh() {
            let error = OAuthError::UnauthorizedClient;
            readmission::end_lost(app, &session, &error).await?;
            return Err(error);
        }
        let standing = standing(&token, &session, &request.origin, now);
        if standing == Standing::Replayed {
            end_replayed(app, &session, request.origin.address).await?;
            return Ok((standing, None));
        }
        let of_client = through(&session.subject_id, &session.client_id);
        app.take_quota(Quota::Refreshes, &session.id)?;
        app.take_quota(Quota::RefreshesOfClient, &of_client)?;
        let issued = app
            .store()
            .write(async |conn: &mut Conn| {
                continue_session(app, conn, request, &session, standing, now).await
            })
            .await;
        match issued {
            Ok(None) => {}
            Ok(issued) => return Ok((standing, issued)),
            Err(error) => {
                readmission::end_lost(app, &session, &error).await?;
                return Err(error);
            }
        }
    }
    Err(OAuthError::Busy)
}

/// Refuses what is none of ours, of another client, or over. None of it touches the session: whoever
/// guesses must not be able to end it.
fn refuse_foreign(
    app: &App,
    request: &RefreshGrant<'_>,
    token: &RefreshToken,
    session: &Session,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let is_live = is_genuine(app, token, session) && !is_over(app, session, now);
    if !is_live || session.client_id != request.client.client_id() {
        return Err(OAuthError::InvalidGrant);
    }
    let audience = session.audience.as_deref().unwrap_or_default();
    if let Some(asked) = &request.tenant
        && session.tenant.as_ref() != Some(asked)
    {
        let text = format!("the log-in was not for tenant {asked}");
        return Err(OAuthError::InvalidScope(text));
    }
    let identity = session.identity.as_deref().map(Identity::read);
    let identity = identity.unwrap_or_default().scopes;
    if let Some(asked) = &request.identity
        && let Some(more) = asked.difference(&identity).next()
    {
        let text = format!("{} was not granted at the sign-in", more.as_str());
        return Err(OAuthError::InvalidScope(text));
    }
    match request.audience {
        Some(asked) if asked != audience => Err(OAuthError::InvalidTarget(
            "the log-in was for another audience",
        )),
        _ => Ok(()),
    }
}

/// Holds the row of a session until the end of the transaction: whoever ends the session waits for it, and their floor is
/// above the revision that is read next; or they were first, and there is no row. Returns the generation of the newest
/// refresh token, `None` if the session is no longer as it was read.
async fn hold(
    conn: &mut Conn,
    request: &RefreshGrant<'_>,
    session: &Session,
    standing: Standing,
    now: Timestamp,
) -> Result<Option<i64>, OAuthError> {
    let (id, known, address) = (
        session.id.as_str(),
        session.generation,
        request.origin.address,
    );
    let (held, newest) = if standing == Standing::Newest {
        let rotated = store::rotate(conn, id, known, now, address).await?;
        (rotated, known.saturating_add(1))
    } else {
        let touched = store::use_grace(conn, id, known, now, address).await?;
        (touched, known)
    };
    Ok(held.then_some(newest))
}

/// Reads the user of a session, who must be active, and whose tokens must not have ended all at once.
async fn read_subject(
    conn: &mut Conn,
    session: &Session,
    now: Timestamp,
) -> Result<Subject, OAuthError> {
    let tenant = session.tenant.as_ref();
    let subject = subject::read(conn, &session.subject_id, tenant, now).await?;
    let subject = subject.filter(Subject::is_active_user);
    let subject = subject.filter(|subject| subject.head.era == session.era);
    subject.ok_or(OAuthError::InvalidGrant)
}

/// `None` if the session is no longer as it was read.
async fn continue_session(
    app: &App,
    conn: &mut Conn,
    request: &RefreshGrant<'_>,
    session: &Session,
    standing: Standing,
    now: Timestamp,
) -> Result<Option<Issued>, OAuthError> {
    gate::hold_with(conn, &session.subject_id, &session.client_id).await?;
    // first the row of the browser session and then that of this one, as whoever ends the former does
    keep_browser_session(app, conn, session, app.now()).await?;
    let Some(newest) = hold(conn, request, session, standing, now).await? else {
        return Ok(None);
    };
    let id = session.id.as_str();
    let now = app.now();
    let subject = read_subject(conn, session, now).await?;
    let audience = session.audience.as_deref().unwrap_or_default();
    let ceiling = readmission::ceiling(app, conn, request.client, audience).await?;
    let policy = subject.policy(app.policy(), conn).await?;
    let user = (&**policy, &subject);
    let admission = readmission::admit(app, conn, request.client, session, user, now).await?;
    let admitted = admission.as_ref();
    let amr = session.amr.as_deref().unwrap_or(BY_PASSWORD);
    let reach = assurance::reach(&policy, conn, &subject, acr_of(amr)).await?;
    let beside = active::beside(conn, &policy, (&subject.id, session.tenant.as_ref()), now).await?;
    let holder = TokenSubject {
        policy: &reach.policy,
        beyond: Beyond::of(&reach, &subject.assigned),
        assigned: &subject.assigned,
        lifetime: app.settings().access_ttl,
        tenant: session.tenant.as_ref(),
        own_audience: admitted.is_none_or(Admission::carries_own)
            && audience == app.settings().issuer,
        ceiling: ceiling.as_ref(),
        beside: Some(&beside),
        now,
    };
    let opened = opened(session)?;
    let wish = Wish::Refresh(&opened, request.scope.as_ref());
    let granted = wish.grant(&holder)?;
    readmission::check_tenant(admitted, &granted, holder.tenant)?;
    active::check(conn, &holder, &subject.id, &granted).await?;
    let basis = Basis {
        subject: &subject,
        client_id: &session.client_id,
        audience,
        granted: &granted,
        limits: admission.map_or(Limits::NONE, |admission| admission.limits()),
        session: Some(InSession {
            id,
            auth_time: session.auth_time.unwrap_or(session.created_at),
            amr,
        }),
        now,
    };
    let (mut issued, less) = fitting::access_token(app, conn, &basis, &holder, wish).await?;
    let granted = less.as_ref().unwrap_or(&granted);
    active::count(conn, &holder, (&subject.id, id), granted, issued.lifetime).await?;
    issued.refresh_token = app.parts().keys.signing().refresh.token(&Binding {
        session: id,
        generation: newest,
        salt: session.salt.as_deref().unwrap_or_default(),
        era: &session.era,
    });
    let about = (&subject, granted, now);
    add_identity(app, conn, &mut issued, request, session, about).await?;
    if standing == Standing::JustReplaced {
        let address = request.origin.address;
        events::record_in(conn, app, "refresh_grace", &subject.id, address, id).await?;
    }
    Ok(Some(issued))
}

/// Adds an ID token, if the sign-in was one of `OpenID` Connect.
async fn add_identity(
    app: &App,
    conn: &mut Conn,
    issued: &mut Issued,
    request: &RefreshGrant<'_>,
    session: &Session,
    (subject, granted, now): (&Subject, &Grant, Timestamp),
) -> Result<(), OAuthError> {
    let Some(identity) = &session.identity else {
        return Ok(());
    };
    let identity = narrowed(Identity::read(identity), request.identity.as_ref());
    let identified = Identified {
        client: request.client,
        subject,
        session: &session.id,
        auth_time: session.auth_time.unwrap_or(session.created_at),
        amr: session.amr.as_deref().unwrap_or_default(),
        nonce: None,
        identity: &identity,
        is_first: false,
        named: &BTreeSet::new(),
        granted,
        now,
    };
    identity::add_to(app, conn, issued, &identified).await
}

/// Returns what this token says about the user: what the session was granted, or as much of it as was asked for.
fn narrowed(granted: Identity, asked: Option<&BTreeSet<IdentityScope>>) -> Identity {
    match asked {
        Some(asked) => Identity {
            scopes: granted.scopes.intersection(asked).copied().collect(),
            ..granted
        },
        None => granted,
    }
}

/// Checks that the browser session lives that this session ends with, and notes that it is used.
async fn keep_browser_session(
    app: &App,
    conn: &mut Conn,
    session: &Session,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let Some(id) = &session.browser else {
        return Ok(());
    };
    match browsers::hold(app, conn, (id, &session.subject_id), now).await? {
        Some(_) => Ok(()),
        None => Err(OAuthError::InvalidGrant),
    }
}

/// Ends the session of a replayed token: its owner and the holder of the copy cannot be distinguished.
async fn end_replayed(app: &App, session: &Session, address: &str) -> Result<(), OAuthError> {
    app.change(Caller::System, async |change| {
        let (id, subject) = (&session.id, &session.subject_id);
        service::end(change, "session.replayed", id, subject).await
    })
    .await?;
    // the entry of the change names no address, and the owner wants to know where the copy was used
    let (id, subject) = (&session.id, Some(session.subject_id.as_str()));
    events::record(app, "refresh_replayed", subject, address, id).await?;
    Ok(())
}
