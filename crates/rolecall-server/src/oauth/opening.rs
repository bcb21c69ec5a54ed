//! Opening a session with its first tokens, by whatever grant.

use rolecall_core::{TenantName, Timestamp};

use super::{client_auth::RequestingClient, error::OAuthError};
use crate::{
    app::App,
    authority::{assurance::BY_PASSWORD, subject::Subject},
    error::ApiError,
    ids,
    sessions::{
        self, active,
        service::JustOpened,
        store as session_store,
        store::{InBrowser, NewSession},
    },
    store::Conn,
    tokens::{
        access_token::{Basis, InSession, Issued, Limits},
        fitting::{self, Wish},
        holder::{Grant, TokenSubject},
        refresh_token::Binding,
        requested::RequestedScope,
    },
};

/// The longest grant that is stored, in bytes. Beyond it, a refresh cannot distinguish what was lost from what was never
/// granted.
const MAX_GRANTED_BYTES: usize = 8192;

/// A session to open.
pub(super) struct Opening<'a> {
    /// The id, if it was chosen before.
    pub(super) id: Option<&'a str>,
    pub(super) client: &'a RequestingClient,
    /// The scope that was asked for.
    pub(super) scope: Option<&'a RequestedScope>,
    pub(super) audience: &'a str,
    pub(super) tenant: Option<&'a TenantName>,
    pub(super) address: &'a str,
    /// A few words about the program and the system of the user, where they are known.
    pub(super) agent: Option<&'a str>,
    pub(super) device: &'a str,
    pub(super) wants_refresh: bool,
    pub(super) limits: Limits,
    /// For a sign-in with a browser, with the time at which the session ends at the latest.
    pub(super) browser: Option<(InBrowser<'a>, Timestamp)>,
}

impl Opening<'_> {
    /// Returns the end of the session: that of the browser session, if it comes before `ends_at`.
    fn ends_at(&self, ends_at: Timestamp) -> Timestamp {
        let latest = self.browser.map(|(_, latest)| latest);
        latest.map_or(ends_at, |latest| ends_at.min(latest))
    }

    /// Returns when and how the user signed in.
    fn signed_in(&self, now: Timestamp) -> (Timestamp, &str) {
        let browser = self.browser.as_ref();
        browser.map_or((now, BY_PASSWORD), |(one, _)| (one.auth_time, one.amr))
    }

    fn as_opened<'a>(&'a self, id: &'a str, is_lasting: bool) -> JustOpened<'a> {
        JustOpened {
            id,
            client_id: self.client.client_id(),
            browser_session: self.browser.and_then(|(browser, _)| browser.id),
            is_lasting,
        }
    }
}

/// A session that was opened.
pub(super) struct Opened {
    pub(super) issued: Issued,
    /// What of the grant fitted into the access token, if that is less.
    pub(super) less: Option<Grant>,
    /// The sessions of the user that are now too many.
    pub(super) surplus: Vec<String>,
}

/// Opens a session and issues its tokens.
pub(super) async fn open_session(
    app: &App,
    conn: &mut Conn,
    opening: &Opening<'_>,
    subject: &Subject,
    holder: &TokenSubject<'_>,
    granted: &Grant,
) -> Result<Opened, OAuthError> {
    let now = holder.now;
    let id = match opening.id {
        Some(id) => id.to_owned(),
        None => ids::new_id(now).map_err(ApiError::internal)?,
    };
    let (auth_time, amr) = opening.signed_in(now);
    let basis = Basis {
        subject,
        client_id: opening.client.client_id(),
        audience: opening.audience,
        granted,
        limits: opening.limits,
        session: Some(InSession {
            id: &id,
            auth_time,
            amr,
        }),
        now,
    };
    let wish = Wish::Grant(opening.scope);
    let (mut issued, less) = fitting::access_token(app, conn, &basis, holder, wish).await?;
    let granted = less.as_ref().unwrap_or(granted);
    let salt = if opening.wants_refresh && opening.client.may_refresh() {
        Some(ids::random_token(128).map_err(ApiError::internal)?)
    } else {
        None
    };
    let lasts = match salt {
        Some(_) => app.settings().sessions.lifetime,
        None => issued.lifetime,
    };
    let values = granted.values();
    session_store::open(
        conn,
        &NewSession {
            id: &id,
            subject_id: &subject.id,
            client_id: opening.client.client_id(),
            scope: opening.scope.map(|asked| asked.text.as_str()),
            granted: (values.len() <= MAX_GRANTED_BYTES).then_some(values.as_str()),
            audience: opening.audience,
            tenant: opening.tenant.map(TenantName::as_str),
            address: opening.address,
            agent: opening.agent,
            device: opening.device,
            salt: salt.as_deref(),
            opened_at: now,
            expires_at: opening.ends_at(now.plus(lasts)),
            browser: opening.browser.map(|(browser, _)| browser),
        },
    )
    .await?;
    active::count(conn, holder, (&subject.id, &id), granted, issued.lifetime).await?;
    issued.refresh_token = salt.and_then(|salt| {
        app.parts().keys.signing().refresh.token(&Binding {
            session: &id,
            generation: 0,
            salt: &salt,
            era: &subject.head.era,
        })
    });
    let just_opened = opening.as_opened(&id, issued.refresh_token.is_some());
    let surplus = sessions::service::surplus(app, conn, &subject.id, &just_opened).await?;
    Ok(Opened {
        issued,
        less,
        surplus,
    })
}
