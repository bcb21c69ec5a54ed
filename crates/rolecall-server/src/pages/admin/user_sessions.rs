//! Ending the sessions of a user: one of an application, a browser, or all.

use axum::response::Response;
use rolecall::{PermissionName as _, Public};

use super::{
    super::submitted::Submitted,
    faults::Faults,
    user_actions::shown_name,
    users::path_of,
    views::confirm::{Confirm, Effect},
    visit::Visit,
};
use crate::{
    accounts::service, authority::may, error::ApiError, login::browser::others as browsers,
    sessions::service as sessions, web::params::Segment,
};

/// What an address or form names.
#[derive(Clone, Copy)]
enum Ends<'a> {
    All,
    Session(&'a str),
    Browser(&'a str),
}

impl<'a> Ends<'a> {
    fn read(named_by: &'a Submitted) -> Self {
        // a value that cannot be read names nothing, and is not all
        let (sessions, browsers) = (named_by.all("session"), named_by.all("browser"));
        match (sessions.as_slice(), browsers.as_slice()) {
            ([] | [""], []) => Self::All,
            ([] | [""], _) => Self::Browser(named_by.get("browser")),
            _ => Self::Session(named_by.get("session")),
        }
    }
}

/// Asks whether to end a session (`session`), a browser (`browser`), or all.
pub(crate) async fn get_sessions(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
) -> Response {
    let what = Ends::read(&visit.query);
    visit
        .answer(ask(&visit, &id, what, &Faults::default()).await)
        .await
}

/// Ends a session (`session`), a browser (`browser`), or all.
pub(crate) async fn post_sessions(
    _: Public,
    visit: Visit,
    Segment(id): Segment<String>,
    form: Submitted,
) -> Response {
    let what = Ends::read(&form);
    match end(&visit, &id, what).await.map_err(Faults::read) {
        Ok(()) => visit.done(&path_of(&id), "ended"),
        Err(Ok(faults)) => visit.answer(ask(&visit, &id, what, &faults).await).await,
        Err(Err(error)) => visit.refuse(error).await,
    }
}

/// Ends what is named; what has ended before is as good.
async fn end(visit: &Visit, id: &str, what: Ends<'_>) -> Result<(), ApiError> {
    let (app, caller) = (&visit.app, visit.caller());
    match what {
        Ends::All => service::end_sessions(app, caller, id).await,
        Ends::Session(session) => sessions::end_of(app, caller, id, session).await.map(|_| ()),
        Ends::Browser(browser) => browsers::end_of(app, caller, id, browser).await.map(|_| ()),
    }
}

async fn ask(
    visit: &Visit,
    id: &str,
    what: Ends<'_>,
    faults: &Faults,
) -> Result<Response, ApiError> {
    let path = path_of(id);
    let refused = Effect::of("admin-effect-tokens-refused", "");
    let (effects, field) = match what {
        Ends::All => (
            vec![refused, Effect::of("admin-effect-sign-in-again", "")],
            ("session", String::new()),
        ),
        Ends::Session(session) => (
            vec![Effect::of("admin-effect-one-session", session), refused],
            ("session", session.to_owned()),
        ),
        Ends::Browser(browser) => {
            let address = address_of(visit, id, browser).await?;
            let effects = vec![
                Effect::of("admin-effect-one-browser", address),
                refused,
                Effect::of("admin-effect-sign-in-again", ""),
            ];
            (effects, ("browser", browser.to_owned()))
        }
    };
    let view = Confirm {
        title: "admin-end-sessions",
        name: shown_name(visit, id).await?,
        effects,
        is_final: false,
        action: format!("{path}/sessions"),
        fields: vec![field],
        back: path,
    };
    Ok(visit.show_with("admin_confirm.html", &view, faults))
}

/// Returns the address of a browser; its id for those who may not read users, and if it is not signed in any more.
async fn address_of(visit: &Visit, id: &str, browser: &str) -> Result<String, ApiError> {
    if !visit.may_globally(may::ReadUsers::NAME) {
        return Ok(browser.to_owned());
    }
    let found = browsers::list_of(&visit.app, visit.caller(), id).await?;
    let found = found.into_iter().find(|one| one.id == browser);
    Ok(found.map_or_else(|| browser.to_owned(), |one| one.address))
}
