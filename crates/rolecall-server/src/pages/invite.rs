//! The page that an invitation leads to.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::StatusCode;
use minijinja::context;
use rolecall::Public;

use super::{
    answers::{failed, message, see_other},
    handlers::ACCOUNT_MADE,
    languages::Language,
    refusals,
    render::Page,
    steps::Entered,
    submitted::{Browser, Submitted},
};
use crate::{
    app::App,
    error::ApiError,
    invitations::acceptance::{self, AcceptError},
    login::flow::{kept, step::Visitor},
};

/// The page of an invitation (`token`). It spends nothing.
#[utoipa::path(get, path = "/invite", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = "4XX", description = "A page: the link does not work", body = String, content_type = "text/html")))]
pub(crate) async fn get_invite(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let language = browser.language(&app, None);
    let query = Submitted::parse(query.unwrap_or_default().as_bytes());
    if query.get("done") == "1" {
        return message(&app, language, StatusCode::OK, "account-made", "");
    }
    let link = (query.get("token"), query.get("flow"));
    show(&app, language, link, &Entered::default()).await
}

/// Accept an invitation (`token`), which is spent, with a user name and a password. Nobody is signed in by it: the sign-in
/// that led to it goes on.
#[utoipa::path(post, path = "/invite", tag = "sign-in", responses(
    (status = 303, description = "To the page that says so"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_invite(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let language = browser.language(&app, None);
    let (token, flow) = (form.get("token"), form.get("flow"));
    let visitor = browser.visitor(&app);
    let mut entered = Entered {
        username: form.get("username").to_owned(),
        ..Entered::default()
    };
    if form.get("new") != form.get("again") {
        entered.fault("passwords-differ", StatusCode::UNPROCESSABLE_ENTITY);
        return show(&app, language, (token, flow), &entered).await;
    }
    let chosen = (form.get("username"), form.get("new"));
    let origin = (visitor.origin.address, visitor.language);
    match acceptance::accept(&app, token, chosen, origin).await {
        Ok(()) => return go_back(&app, language, flow, &visitor).await,
        Err(AcceptError::Failed(error @ (ApiError::Invalid(_) | ApiError::Rule { .. }))) => {
            entered.problem = Some(refusals::sentence(&app, language, &error));
            entered.status = error.status();
        }
        Err(AcceptError::Failed(ApiError::AlreadyThere { .. })) => {
            entered.fault("name-taken", StatusCode::CONFLICT);
        }
        Err(AcceptError::Failed(ApiError::TooMany { retry_after })) => entered.wait(retry_after),
        Err(AcceptError::Failed(ApiError::Busy)) => {
            entered.fault("busy", StatusCode::SERVICE_UNAVAILABLE);
        }
        Err(error) => return refuse(&app, language, error),
    }
    show(&app, language, (token, flow), &entered).await
}

/// Goes on with the sign-in in which the account was asked for, if it was in this browser and has not ended.
async fn go_back(app: &App, language: Language, flow: &str, visitor: &Visitor<'_>) -> Response {
    match kept::is_live(app, flow, visitor).await {
        Ok(true) => see_other(&format!("/login?flow={flow}&notice={ACCOUNT_MADE}")),
        Ok(false) => see_other("/invite?done=1"),
        Err(error) => failed(app, language, error),
    }
}

async fn show(
    app: &App,
    language: Language,
    (token, flow): (&str, &str),
    entered: &Entered,
) -> Response {
    let invitation = match acceptance::find(app, token).await {
        Ok(invitation) => invitation,
        Err(error) => return refuse(app, language, error),
    };
    let page = Page {
        template: "invite.html",
        status: entered.status,
        language,
        values: context! {
            token => token,
            flow => flow,
            address => invitation.address,
            username => entered.username.as_str(),
            error => entered.error.unwrap_or_default(),
            problem => entered.problem.as_deref().unwrap_or_default(),
            seconds => entered.seconds,
        },
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app)
}

fn refuse(app: &App, language: Language, error: AcceptError) -> Response {
    match error {
        AcceptError::Ended => message(app, language, StatusCode::BAD_REQUEST, "link-ended", ""),
        AcceptError::Failed(error) => failed(app, language, error),
    }
}
