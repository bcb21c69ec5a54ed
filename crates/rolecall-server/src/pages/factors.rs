//! The page of the second factors of somebody who is signed in.

use std::time::Duration;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use http::StatusCode;
use minijinja::{Value, context};
use rolecall::Public;
use rolecall_core::Acr;

use super::{
    account::{minute, signed_in},
    answers::{failed, go, keep_session, refuse, see_other},
    enrolment as enrolment_page, refusals,
    render::Page,
    steps::Entered,
    submitted::{Browser, Submitted},
    wished,
};
use crate::{
    app::App,
    config::Mfa,
    error::ApiError,
    factors::{
        enrolment,
        owner::Owner,
        passkeys::relying_party,
        service::{self, OwnFactors},
        store::FactorKind,
        wished::Wished,
    },
    login::{
        browser::store::BrowserSession,
        flow::{request::AuthorizationRequest, service as flows},
        strengthen,
    },
};

pub(super) const PATH: &str = "/account/factors";
/// The key of the text after a sign-in that a change has asked for.
const SIGNED_IN_AGAIN: &str = "signed-in-again";

/// The page of the own second factors; leads to the sign-in if nobody is signed in.
#[utoipa::path(get, path = "/account/factors", tag = "sign-in", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn get_factors(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Response {
    let session = match signed_in(&app, &browser, PATH).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let query = Submitted::parse(query.as_deref().unwrap_or_default().as_bytes());
    let entered = Entered {
        notice: (query.get("notice") == SIGNED_IN_AGAIN).then_some(SIGNED_IN_AGAIN),
        wished: wished::read(&query),
        ..Entered::default()
    };
    show(&app, &browser, &session, &entered).await
}

/// Begin to add an authenticator application, with a `name`.
#[utoipa::path(post, path = "/account/factors/add", tag = "sign-in", responses(
    (status = 200, description = "A page with the secret", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in"),
    (status = "4XX", description = "A page: the request is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_add(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let session = match signed_in(&app, &browser, PATH).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let owner = Owner::in_browser(&session, browser.address());
    match service::add_totp(&app, &owner, form.get("name")).await {
        Ok(begun) => {
            let entered = Entered::default();
            enrolment_form(
                &app,
                &browser,
                &session,
                (&begun.id, &begun.secret),
                &entered,
            )
        }
        Err(error) => {
            let wished = Wished::new(false, form.get("name"));
            refused_to_add(&app, &browser, &session, error, wished).await
        }
    }
}

/// Add the authenticator application with its first `code`.
#[utoipa::path(post, path = "/account/factors/confirm", tag = "sign-in", responses(
    (status = 200, description = "The recovery codes", body = String, content_type = "text/html"),
    (status = 303, description = "To the page"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_confirm(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let session = match signed_in(&app, &browser, PATH).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let id = form.get("factor");
    let owner = Owner::in_browser(&session, browser.address());
    let confirmed = match service::confirm_totp(&app, &owner, id, form.get("code")).await {
        Ok(confirmed) => confirmed,
        Err(ApiError::Invalid(_)) => return wrong_code(&app, &browser, &session, id).await,
        Err(ApiError::Unknown { .. }) => {
            let mut entered = Entered::default();
            entered.fault("enrolment-ended", StatusCode::UNPROCESSABLE_ENTITY);
            return show(&app, &browser, &session, &entered).await;
        }
        Err(error) => return refused(&app, &browser, &session, error).await,
    };
    let mut response = match confirmed.codes {
        Some(codes) => codes_page(&app, &browser, &codes),
        None => see_other(PATH),
    };
    // the code has proven the factor: this browser need not be asked for the next one at once
    match strengthen::with_totp(&app, &session, id).await {
        Ok(cookie) => keep_session(&app, &mut response, cookie),
        Err(error) => error.log(),
    }
    response
}

async fn wrong_code(app: &App, browser: &Browser, session: &BrowserSession, id: &str) -> Response {
    let language = browser.language(app, None);
    match enrolment::find(app, id, &session.subject_id).await {
        Ok(Some(secret)) => {
            let mut entered = Entered::default();
            entered.fault("wrong-code", StatusCode::UNPROCESSABLE_ENTITY);
            enrolment_form(app, browser, session, (id, &secret), &entered)
        }
        Ok(None) => see_other(PATH),
        Err(error) => failed(app, language, error),
    }
}

/// Give a `factor` another `name`.
#[utoipa::path(post, path = "/account/factors/rename", tag = "sign-in", responses(
    (status = 303, description = "To the page, or to the sign-in"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_rename(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let session = match signed_in(&app, &browser, PATH).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let owner = Owner::in_browser(&session, browser.address());
    let (factor, name) = (form.get("factor"), form.get("name"));
    match service::rename(&app, &owner, factor, name).await {
        Ok(()) | Err(ApiError::Unknown { .. }) => see_other(PATH),
        Err(error) => refused(&app, &browser, &session, error).await,
    }
}

/// Remove a `factor`; the sessions that rest on it end.
#[utoipa::path(post, path = "/account/factors/remove", tag = "sign-in", responses(
    (status = 303, description = "To the page, or to the sign-in"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_remove(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let session = match signed_in(&app, &browser, PATH).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let owner = Owner::in_browser(&session, browser.address());
    match service::remove(&app, &owner, form.get("factor")).await {
        Ok(()) => see_other(PATH),
        Err(error) => refused(&app, &browser, &session, error).await,
    }
}

/// Make new recovery codes, which replace all before.
#[utoipa::path(post, path = "/account/factors/codes", tag = "sign-in", responses(
    (status = 200, description = "The recovery codes", body = String, content_type = "text/html"),
    (status = 303, description = "To the sign-in"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_codes(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    _form: Submitted,
) -> Response {
    let session = match signed_in(&app, &browser, PATH).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let owner = Owner::in_browser(&session, browser.address());
    match service::make_codes(&app, &owner).await {
        Ok(codes) => codes_page(&app, &browser, &codes),
        Err(error) => refused(&app, &browser, &session, error).await,
    }
}

/// Answers a change that is refused: with the sign-in, if a fresh one is needed, and else with the reason.
pub(super) async fn refused(
    app: &App,
    browser: &Browser,
    session: &BrowserSession,
    error: ApiError,
) -> Response {
    let mut entered = Entered::default();
    match error {
        ApiError::StepUp { acr, max_age } => {
            let request = fresh_sign_in(session, &back(), (acr, max_age));
            return begin(app, browser, request).await;
        }
        ApiError::TooMany { retry_after } => entered.wait(retry_after),
        ApiError::Invalid(_) | ApiError::Rule { .. } | ApiError::Forbidden(_) => {
            entered.status = error.status();
            let language = browser.language(app, None);
            entered.problem = Some(refusals::sentence(app, language, &error));
        }
        error => return failed(app, browser.language(app, None), error),
    }
    show(app, browser, session, &entered).await
}

/// The same where a factor was to be added. A sign-in that has to add one itself begins with it, and so does the page after
/// any other.
pub(super) async fn refused_to_add(
    app: &App,
    browser: &Browser,
    session: &BrowserSession,
    error: ApiError,
    wished: Wished,
) -> Response {
    let ApiError::StepUp { acr, max_age } = error else {
        return refused(app, browser, session, error).await;
    };
    let back = format!("{}&{}", back(), wished::query(&wished));
    let request = AuthorizationRequest {
        wished_factor: Some(wished),
        ..fresh_sign_in(session, &back, (acr, max_age))
    };
    begin(app, browser, request).await
}

/// Returns the way back to the page after a sign-in.
fn back() -> String {
    format!("{PATH}?notice={SIGNED_IN_AGAIN}")
}

/// Leads through the sign-in that a change asks for, and then to `back`.
pub(super) async fn sign_in_again(
    app: &App,
    browser: &Browser,
    session: &BrowserSession,
    back: &str,
    asked: (Option<Acr>, Duration),
) -> Response {
    begin(app, browser, fresh_sign_in(session, back, asked)).await
}

fn fresh_sign_in(
    session: &BrowserSession,
    back: &str,
    (acr, max_age): (Option<Acr>, Duration),
) -> AuthorizationRequest {
    AuthorizationRequest {
        max_age: i64::try_from(max_age.as_secs()).ok(),
        essential_acr: acr,
        subject: Some(session.subject_id.clone()),
        login_hint: Some(session.username.clone()),
        ..AuthorizationRequest::own(back)
    }
}

async fn begin(app: &App, browser: &Browser, request: AuthorizationRequest) -> Response {
    let language = browser.language(app, None);
    match flows::begin(app, request, &browser.visitor(app)).await {
        Ok(next) => go(app, language, next),
        Err(error) => refuse(app, language, error),
    }
}

pub(super) async fn show(
    app: &App,
    browser: &Browser,
    session: &BrowserSession,
    entered: &Entered,
) -> Response {
    let OwnFactors {
        factors,
        codes_left,
        devices,
    } = match service::list(app, &session.subject_id).await {
        Ok(factors) => factors,
        Err(error) => return failed(app, browser.language(app, None), error),
    };
    let [new_name, new_passkey_name] = wished::names(entered.wished.as_ref(), &factors);
    let factors = factors.iter().map(|factor| {
        context! {
            id => factor.id.as_str(),
            name => factor.name.as_str(),
            is_passkey => factor.kind == FactorKind::Passkey,
            since => minute(factor.created_at),
            last => factor.last_used_at.map(minute).unwrap_or_default(),
        }
    });
    let devices = devices.iter().map(|device| {
        context! {
            id => device.id.as_str(),
            address => device.address.as_str(),
            since => minute(device.created_at),
            last => minute(device.last_used_at),
        }
    });
    let values = context! {
        username => session.username.as_str(),
        devices => devices.collect::<Vec<Value>>(),
        factors => factors.collect::<Vec<Value>>(),
        codes_left => codes_left,
        new_name => new_name,
        new_passkey_name => new_passkey_name,
        may_add => app.settings().factors.mfa != Mfa::Off,
        may_add_passkey => app.settings().factors.mfa != Mfa::Off && relying_party(app).is_ok(),
        error => entered.error.unwrap_or_default(),
        problem => entered.problem.as_deref().unwrap_or_default(),
        notice => entered.notice.unwrap_or_default(),
        seconds => entered.seconds,
    };
    own_page(app, browser, "factors.html", entered.status, values)
}

fn enrolment_form(
    app: &App,
    browser: &Browser,
    session: &BrowserSession,
    (id, secret): (&str, &crate::factors::totp::Secret),
    entered: &Entered,
) -> Response {
    let values = enrolment_page::values(app, &session.username, secret);
    let values = context! {
        flow => "",
        passkey => "",
        factor => id,
        error => entered.error.unwrap_or_default(),
        seconds => entered.seconds,
        ..context! { ..enrolment_page::wish(None), ..values }
    };
    own_page(app, browser, "enrol.html", entered.status, values)
}

pub(super) fn codes_page(app: &App, browser: &Browser, codes: &[String]) -> Response {
    let values = context! { flow => "", codes => codes.to_vec() };
    own_page(app, browser, "recovery_codes.html", StatusCode::OK, values)
}

pub(super) fn own_page(
    app: &App,
    browser: &Browser,
    template: &'static str,
    status: StatusCode,
    values: Value,
) -> Response {
    let page = Page {
        template,
        status,
        language: browser.language(app, None),
        values,
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app)
}
