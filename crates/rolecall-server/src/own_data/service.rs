//! Reads what belongs to one user. It asks for no permission: for the user's own pages and account.

use rolecall_core::{RoleAssignment, Timestamp};

use crate::{
    accounts::{language_store, shown::ShownUser, store as accounts, store::User},
    app::App,
    audit::store::{self as audit, Event},
    consents::service::{self as consents, AllowedClient},
    error::ApiError,
    factors::{
        remembered_store::{self as remembered, RememberedDevice},
        service::{self as factors, OwnFactors},
    },
    invitations::store::{self as invitations, Invitation},
    login::browser::{service as browsers, store::BrowserSession},
    mail::{
        store::{self as mails, MailOf},
        token_store::{self as links, LinkOf},
    },
    profile::rules::Party,
    roles::{
        assignment_store,
        ended_store::{self, EndedAssignment},
        request_store::{self, AssignmentRequest},
    },
    sessions::store::{self as sessions, Shown},
    store::{Conn, StoreError},
    usernames::folded,
};

/// The most rows of a sort in a document.
const MOST: i64 = 10_000;

/// The data of a user.
pub(crate) struct OwnData {
    pub(crate) user: ShownUser,
    pub(crate) email_verified_at: Option<Timestamp>,
    /// The language of mails to the user.
    pub(crate) language: Option<String>,
    /// Assignments that are not valid now too.
    pub(crate) assignments: Vec<RoleAssignment>,
    pub(crate) roles: NotHeld,
    pub(crate) factors: OwnFactors,
    pub(crate) devices: Vec<RememberedDevice>,
    pub(crate) mail: OfMail,
    pub(crate) sessions: Vec<Shown>,
    pub(crate) browsers: Vec<BrowserSession>,
    pub(crate) allowed: Vec<AllowedClient>,
    /// The newest first.
    pub(crate) events: Vec<Event>,
}

/// Roles that a user does not have.
pub(crate) struct NotHeld {
    /// Which a second person has to confirm.
    pub(crate) requested: Vec<AssignmentRequest>,
    /// Which were taken away.
    pub(crate) ended: Vec<EndedAssignment>,
}

/// What has to do with mails.
pub(crate) struct OfMail {
    /// Mails that wait, or that could not be sent.
    pub(crate) mails: Vec<MailOf>,
    /// Links that were sent and work.
    pub(crate) links: Vec<LinkOf>,
    /// Invitations to the verified address that nobody has accepted.
    pub(crate) invitations: Vec<Invitation>,
}

/// Returns the data of a user; `None` if the user is gone.
pub(crate) async fn collect(app: &App, subject: &str) -> Result<Option<OwnData>, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let Some(user) = accounts::find_user(&mut conn, subject, now).await? else {
        return Ok(None);
    };
    let assignments = assignment_store::all_of(&mut conn, subject).await?;
    let used_after = now.minus(app.settings().sessions.idle);
    let sessions = sessions::newest(&mut conn, subject, now, used_after, MOST).await?;
    let events = audit::list_events_of(&mut conn, subject, NEWEST, MOST).await?;
    let roles = NotHeld {
        requested: request_store::list(&mut conn, "", None, Some(subject), MOST).await?,
        ended: ended_store::ended_of(&mut conn, subject).await?,
    };
    let mail = of_mail(&mut conn, &user, app.database_now()).await?;
    let devices = remembered::all_of(&mut conn, subject).await?;
    let language = language_store::find(&mut conn, subject).await?;
    drop(conn);
    Ok(Some(OwnData {
        email_verified_at: user.email_verified_at,
        language,
        user: ShownUser::to(app, Party::Owner, user),
        assignments,
        roles,
        factors: factors::list(app, subject).await?,
        devices,
        mail,
        sessions,
        browsers: browsers::list(app, subject).await?,
        allowed: consents::list(app, subject, "", MOST).await?,
        events,
    }))
}

/// Only whoever has proven an address is shown who was invited to it.
async fn of_mail(conn: &mut Conn, user: &User, now: Timestamp) -> Result<OfMail, StoreError> {
    let address = user.email.as_deref();
    let invitations = match address.filter(|_| user.email_verified_at.is_some()) {
        Some(address) => invitations::list_to(conn, &folded(address), now, MOST).await?,
        None => Vec::new(),
    };
    Ok(OfMail {
        mails: mails::list_of(conn, &user.id, MOST).await?,
        links: links::list_of(conn, &user.id, now, MOST).await?,
        invitations,
    })
}

/// Sorts after every id, since these are hexadecimal.
const NEWEST: &str = "g";

/// Returns up to `limit` events of a user before the event with id `before`, newest first.
pub(crate) async fn list_events(
    app: &App,
    subject: &str,
    before: &str,
    limit: i64,
) -> Result<Vec<Event>, ApiError> {
    let before = if before.is_empty() { NEWEST } else { before };
    let mut conn = app.store().read().await?;
    Ok(audit::list_events_of(&mut conn, subject, before, limit).await?)
}
