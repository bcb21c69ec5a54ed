//! The own page of somebody who is signed in with a browser: the applications that they allowed, and their sessions.

use std::collections::{BTreeMap, BTreeSet};

use rolecall_core::FloorKind;
use serde_json::json;

use super::{
    browser::{
        service as browsers,
        store::{self as browser_store, BrowserSession},
    },
    flow::{
        describe::describe,
        owed,
        proof::{Proof, Proofs},
        request::AuthorizationRequest,
    },
};
use crate::{
    accounts::store::{self as accounts, User},
    app::App,
    authority::{caller::Caller, rights::Rights},
    clients::store as clients,
    consents::service::{self as consents, AllowedClient, AllowedScopes},
    error::ApiError,
    factors::{remembered, remembered_store, service as factors},
    sessions::{self, endings::Acting, store::Shown},
    store::gate,
};

/// The most applications and sessions that the page shows.
const MAX_SHOWN: i64 = 200;

/// The most sessions whose tokens are refused one by one.
const SINGLE_FLOORS: usize = 32;

/// The contents of the page.
pub(crate) struct Overview {
    pub(crate) user: User,
    /// The browsers in which the user is signed in, the last used one first.
    pub(crate) browsers: Vec<BrowserSession>,
    /// The sessions of applications, each with the application's name, the last used one first.
    pub(crate) sessions: Vec<(Shown, String)>,
    pub(crate) allowed: Vec<AllowedClient>,
    /// What roles and permissions among them are, in the words of their makers.
    pub(crate) descriptions: BTreeMap<String, String>,
}

/// Finds the session of a browser, if it reaches what the account asks for now: a factor may have been added since.
pub(crate) async fn current(
    app: &App,
    cookie: Option<&str>,
) -> Result<Option<BrowserSession>, ApiError> {
    let Some(session) = browsers::find(app, cookie).await? else {
        return Ok(None);
    };
    let mut conn = app.store().read().await?;
    let request = AuthorizationRequest::own("");
    let owed = owed::read(app, &mut conn, &request, &session.subject_id).await?;
    let is_enough = owed.is_paid_by(&Proofs::by(Proof::session(&session)));
    Ok(is_enough.then_some(session))
}

/// Returns what the page of a user shows; `None` if the user is gone.
pub(crate) async fn overview(app: &App, subject: &str) -> Result<Option<Overview>, ApiError> {
    let now = app.now();
    let mut conn = app.store().read().await?;
    let Some(user) = accounts::find_user(&mut conn, subject, now).await? else {
        return Ok(None);
    };
    let used_after = now.minus(app.settings().sessions.idle);
    let found = sessions::store::newest(&mut conn, subject, now, used_after, MAX_SHOWN).await?;
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for session in &found {
        if !names.contains_key(&session.client_id) {
            let client = clients::find(&mut conn, &session.client_id).await?;
            let name = client.map_or_else(|| session.client_id.clone(), |client| client.name);
            names.insert(session.client_id.clone(), name);
        }
    }
    drop(conn);
    let with_names = found.into_iter().map(|session| {
        let name = names.get(&session.client_id).cloned();
        (session, name.unwrap_or_default())
    });
    let allowed = consents::list(app, subject, "", MAX_SHOWN).await?;
    let scopes = allowed.iter().flat_map(|client| &client.scopes);
    let values: BTreeSet<String> = scopes.flat_map(AllowedScopes::named).collect();
    let values: Vec<String> = values.into_iter().collect();
    Ok(Some(Overview {
        user,
        browsers: browsers::list(app, subject).await?,
        sessions: with_names.collect(),
        allowed,
        descriptions: describe(app, &values).await?,
    }))
}

/// Something on the page that a user ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ends<'a> {
    /// A session of an application.
    Session(&'a str),
    /// A browser in which the user is signed in.
    Browser(&'a str),
    /// A remembered device, which is asked for the second factor again.
    Device(&'a str),
    /// Everything except this browser.
    Others,
    /// The consents to an application.
    Consent(&'a str),
}

/// Ends something of the user who is signed in with the browser session `current`. What does not exist counts as ended.
pub(crate) async fn end(
    app: &App,
    current: &BrowserSession,
    what: Ends<'_>,
) -> Result<(), ApiError> {
    let subject = current.subject_id.as_str();
    match what {
        Ends::Session(session) => end_session(app, current, session).await,
        Ends::Browser(browser) => end_browser(app, subject, browser).await,
        Ends::Consent(client) => {
            consents::withdraw(app, owner(current), subject, client).await?;
            Ok(())
        }
        Ends::Device(device) => forget_device(app, current, device).await,
        Ends::Others => end_others(app, current).await,
    }
}

/// Returns the user of a browser session as a caller.
fn owner(current: &BrowserSession) -> Caller<'_> {
    Caller::Own {
        user_id: &current.subject_id,
        session: &current.id,
    }
}

async fn end_browser(app: &App, subject: &str, browser: &str) -> Result<(), ApiError> {
    let own = browsers::list(app, subject).await?;
    // as below
    if own.iter().all(|one| one.id != browser) {
        return Ok(());
    }
    browsers::end(app, subject, browser).await
}

/// Forgets a remembered device; what rests on it ends.
async fn forget_device(app: &App, current: &BrowserSession, device: &str) -> Result<(), ApiError> {
    let subject = current.subject_id.as_str();
    let known = remembered::list(app, &mut app.store().read().await?, subject).await?;
    // as below
    if known.iter().all(|one| one.id != device) {
        return Ok(());
    }
    let caller = owner(current);
    app.change_unlimited(caller, async |change| {
        Rights::load(app, change, caller).await?;
        gate::hold(change.conn(), subject).await?;
        if remembered_store::delete(change, device, subject).await? {
            factors::end_resting_on(change, subject, device, &Acting::default()).await?;
            change.record(json!({
                "action": "device.forgotten", "subject": subject, "device": device,
            }));
        }
        Ok(())
    })
    .await
}

async fn end_session(app: &App, current: &BrowserSession, session: &str) -> Result<(), ApiError> {
    let subject = current.subject_id.as_str();
    // every change waits for all others, so that none is begun for a session that is not there
    if !sessions::service::exists(app, session, subject).await? {
        return Ok(());
    }
    let caller = owner(current);
    app.change_unlimited(caller, async |change| {
        Rights::load(app, change, caller).await?;
        sessions::service::end(change, "session.ended", session, subject).await?;
        Ok(())
    })
    .await
}

/// Ends every other browser session, and the sessions of applications that were not opened in this one, whether the page
/// shows them or not. Those that outlive a browser session (`offline_access`) belong to the browser that they were opened
/// in, too.
async fn end_others(app: &App, current: &BrowserSession) -> Result<(), ApiError> {
    let (subject, keep) = (current.subject_id.as_str(), current.id.as_str());
    let own = remembered::among(&current.credentials).unwrap_or_default();
    if !has_others(app, (subject, keep), own).await? {
        return Ok(());
    }
    let caller = owner(current);
    app.change_unlimited(caller, async |change| {
        Rights::load(app, change, caller).await?;
        gate::hold(change.conn(), subject).await?;
        let sign_ins = sessions::endings::forget_proofs(change, subject).await?;
        if sign_ins > 0 {
            change.record(json!({
                "action": "sign_ins.ended", "subject": subject, "sign_ins": sign_ins,
            }));
        }
        remembered_store::delete_others(change, subject, own).await?;
        let sessions = sessions::endings::end_of_other_browsers(change, subject, keep).await?;
        let browsers = browser_store::end_others(change, subject, keep).await?;
        if sessions.len() > SINGLE_FLOORS {
            // the sessions of this browser get new tokens with their next refresh
            change.raise_floor(FloorKind::Subject, subject);
        } else {
            for session in &sessions {
                change.raise_floor_of(subject, FloorKind::Sid, session);
            }
        }
        if !browsers.is_empty() || !sessions.is_empty() {
            change.record(json!({
                "action": "other_browsers.ended", "subject": subject, "kept": keep,
                "browser_sessions": browsers.len(), "sessions": sessions.len(),
            }));
        }
        Ok(())
    })
    .await
}

/// Returns true if the user has something that [`end_others`] would end: no change is begun for nothing.
async fn has_others(
    app: &App,
    (subject, keep): (&str, &str),
    device: &str,
) -> Result<bool, ApiError> {
    let mut conn = app.store().read().await?;
    if sessions::endings::has_other_browsers(&mut conn, subject, keep).await? {
        return Ok(true);
    }
    let devices = remembered_store::all_of(&mut conn, subject).await?;
    Ok(devices.iter().any(|one| one.id != device))
}
