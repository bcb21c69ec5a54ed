//! The pages of the steps of a sign-in.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use minijinja::{Value, context};

use super::{
    answers::{ended, failed, go, refuse},
    brand::PageClient,
    choice, consent, enrolment,
    languages::Language,
    render::Page,
    submitted::Browser,
};
use crate::{
    app::App,
    clients::redirect,
    error::ApiError,
    factors::wished::Wished,
    invitations::sign_up,
    login::flow::{
        ended::beginning,
        showing,
        step::{FlowError, MailCode, Next, Shown, Step},
    },
};

/// The way to go on with a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum By {
    #[default]
    Usual,
    /// A recovery code in place of a code of an application.
    RecoveryCode,
    /// A code by mail in place of the password.
    Mail,
}

impl By {
    /// Returns the way that a link or form names.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "recovery" => Self::RecoveryCode,
            "mail" => Self::Mail,
            _ => Self::Usual,
        }
    }
}

/// The values that a page repeats, and what is wrong with them.
#[derive(Default)]
pub(super) struct Entered {
    pub(super) username: String,
    pub(super) stays: bool,
    /// The way that is asked for in place of the usual one of the page.
    pub(super) by: By,
    /// The form for a new password asks for the second factor, too.
    pub(super) asks_code: bool,
    /// The key of a text.
    pub(super) error: Option<&'static str>,
    pub(super) notice: Option<&'static str>,
    /// A text of a rule.
    pub(super) problem: Option<String>,
    /// The factor that was to be added before a sign-in.
    pub(super) wished: Option<Wished>,
    pub(super) seconds: u64,
    pub(super) status: StatusCode,
}

impl Entered {
    pub(super) fn fault(&mut self, error: &'static str, status: StatusCode) {
        self.error = Some(error);
        self.status = status;
    }

    pub(super) fn wait(&mut self, retry_after: Duration) {
        self.seconds = retry_after.as_secs().max(1);
        self.fault("too-many", StatusCode::TOO_MANY_REQUESTS);
    }
}

/// Goes to the next step, or shows the page again with what is wrong.
pub(super) async fn answer(
    app: &App,
    browser: &Browser,
    flow: &str,
    next: Result<Next, FlowError>,
    mut entered: Entered,
) -> Response {
    let language = browser.language(app, None);
    match next {
        Ok(next) => go(app, language, next),
        Err(FlowError::Wrong) => {
            entered.fault("wrong-password", StatusCode::UNAUTHORIZED);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::WrongCode) => {
            let error = if entered.by == By::RecoveryCode {
                "wrong-recovery-code"
            } else if entered.by == By::Mail {
                "wrong-mail-code"
            } else {
                "wrong-code"
            };
            entered.fault(error, StatusCode::UNAUTHORIZED);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::WrongPasskey) => {
            entered.fault("wrong-passkey", StatusCode::UNAUTHORIZED);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::WrongChoice) => {
            entered.fault("wrong-choice", StatusCode::UNPROCESSABLE_ENTITY);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::TooMany(retry_after)) => {
            entered.wait(retry_after);
            match showing::show(app, flow, &browser.visitor(app)).await {
                // it has no place for what is wrong
                Ok(shown) if matches!(shown.step, Step::Consent { .. } | Step::Continue { .. }) => {
                    refuse(app, language, FlowError::TooMany(retry_after))
                }
                Ok(shown) => step_page(app, browser, &shown, &entered),
                Err(error) => refuse_step(app, browser, flow, error).await,
            }
        }
        Err(FlowError::Failed(ApiError::Busy)) => {
            entered.fault("busy", StatusCode::SERVICE_UNAVAILABLE);
            show(app, browser, flow, &entered).await
        }
        Err(FlowError::PasswordChangeRequired) => {
            entered.fault("password-change-required", StatusCode::FORBIDDEN);
            show_change(app, browser, flow, &entered).await
        }
        Err(error) => refuse_step(app, browser, flow, error).await,
    }
}

/// Answers that a step is not possible. A sign-in that has ended begins again at its client.
pub(super) async fn refuse_step(
    app: &App,
    browser: &Browser,
    flow: &str,
    error: FlowError,
) -> Response {
    let language = browser.language(app, None);
    if !matches!(error, FlowError::Ended) {
        return refuse(app, language, error);
    }
    match beginning(app, flow, &browser.visitor(app)).await {
        Ok(Some(beginning)) => ended(app, language, &beginning),
        Ok(None) => refuse(app, language, error),
        Err(error) => failed(app, language, error),
    }
}

/// Shows the step of a flow that is due.
pub(super) async fn show(app: &App, browser: &Browser, flow: &str, entered: &Entered) -> Response {
    match showing::show(app, flow, &browser.visitor(app)).await {
        Ok(shown) => step_page(app, browser, &shown, entered),
        Err(error) => refuse_step(app, browser, flow, error).await,
    }
}

/// Shows the page for a new password where a password is due, and else the step that is.
pub(super) async fn show_change(
    app: &App,
    browser: &Browser,
    flow: &str,
    entered: &Entered,
) -> Response {
    match showing::show(app, flow, &browser.visitor(app)).await {
        Ok(shown) if shown.step.is_sign_in() => change_page(app, browser, &shown, entered),
        Ok(shown) => step_page(app, browser, &shown, entered),
        Err(error) => refuse_step(app, browser, flow, error).await,
    }
}

/// The page of a step.
pub(super) fn step_page(
    app: &App,
    browser: &Browser,
    shown: &Shown,
    entered: &Entered,
) -> Response {
    let status = match &shown.step {
        // what was wrong concerned a step before
        Step::Consent { .. } | Step::Continue { .. } => StatusCode::OK,
        _ => entered.status,
    };
    let language = browser.language(app, shown.flow.request.ui_locales.as_deref());
    let (template, values) = contents(app, shown, entered, language);
    flow_page(app, browser, shown, template, status, values)
}

/// Returns the template of the page, and what it shows.
fn contents(
    app: &App,
    shown: &Shown,
    entered: &Entered,
    language: Language,
) -> (&'static str, Value) {
    let flow = shown.flow.id.as_str();
    let error = entered.error.unwrap_or_default();
    let common = context! { flow, error, seconds => entered.seconds };
    match &shown.step {
        Step::Second {
            username,
            has_application,
            may_remember,
            passkey,
        } => {
            let by_recovery = entered.by == By::RecoveryCode;
            let values = context! { username, has_application, may_remember, passkey, by_recovery, ..common };
            ("second.html", values)
        }
        Step::Verify {
            username,
            address,
            is_former,
            is_asked,
        } => {
            let values =
                context! { username, address, former => is_former, asked => is_asked, ..common };
            ("verify_code.html", values)
        }
        Step::Enrol {
            username,
            secret,
            wished,
            passkey,
        } => {
            let values = enrolment::in_flow(app, username, secret.as_ref(), wished.as_ref());
            let values = context! { flow, error, seconds => entered.seconds, ..values };
            ("enrol.html", context! { passkey, factor => "", ..values })
        }
        Step::Continue { username } => ("continue.html", context! { username, ..common }),
        Step::SignIn {
            hint, mail_code, ..
        } if entered.by == By::Mail && *mail_code != MailCode::Off => {
            let about = (hint.as_deref(), mail_code);
            let values = mail_code_values(app, entered, about, common);
            ("mail_code.html", values)
        }
        Step::SignIn {
            hint,
            signed_in,
            passkey,
            mail_code,
        } => {
            let may_mail = *mail_code != MailCode::Off;
            let about = (hint.as_deref(), signed_in.as_deref(), passkey.as_str());
            let values = sign_in_values(app, shown, entered, about);
            ("sign_in.html", context! { may_mail, ..values })
        }
        Step::Choose { username, open } => {
            let values = choice::values(shown, username, open, (error, entered.seconds));
            ("choose.html", values)
        }
        Step::Consent {
            username,
            stays,
            asked,
        } => {
            let user = (username.as_str(), *stays);
            let values = consent::values(app, language, shown, user, asked.as_deref());
            ("consent.html", values)
        }
    }
}

/// Returns what the page of the first step shows; of the `hint`, who is signed in, and the challenge of a passkey.
fn sign_in_values(
    app: &App,
    shown: &Shown,
    entered: &Entered,
    (hint, signed_in, passkey): (Option<&str>, Option<&str>, &str),
) -> Value {
    let hint = hint.unwrap_or_default();
    let username = if entered.username.is_empty() {
        hint
    } else {
        &*entered.username
    };
    context! {
        client => shown.client.as_ref().map_or("", |client| client.name.as_str()),
        flow => shown.flow.id.as_str(),
        username => username,
        passkey => passkey,
        signed_in => signed_in.unwrap_or_default(),
        may_sign_up => sign_up::is_offered(app),
        may_reset => app.settings().mail.is_some(),
        may_stay => app.settings().browser.stay.is_some(),
        stays => entered.stays,
        error => entered.error.unwrap_or_default(),
        notice => entered.notice.unwrap_or_default(),
        seconds => entered.seconds,
    }
}

/// Returns what the page shows; of the `hint`, and the code that can be asked for or typed.
fn mail_code_values(
    app: &App,
    entered: &Entered,
    (hint, mail_code): (Option<&str>, &MailCode),
    common: Value,
) -> Value {
    let asked = match mail_code {
        MailCode::Asked { name } => Some(name.as_deref()),
        MailCode::Off | MailCode::Offered => None,
    };
    let typed = Some(entered.username.as_str()).filter(|typed| !typed.is_empty());
    let named = asked.flatten().or(hint);
    context! {
        username => typed.or(named).unwrap_or_default(),
        asked => asked.is_some(),
        may_stay => app.settings().browser.stay.is_some(),
        stays => entered.stays,
        ..common
    }
}

pub(super) fn change_page(
    app: &App,
    browser: &Browser,
    shown: &Shown,
    entered: &Entered,
) -> Response {
    let values = context! {
        flow => shown.flow.id.as_str(),
        username => entered.username.as_str(),
        error => entered.error.unwrap_or_default(),
        problem => entered.problem.as_deref().unwrap_or_default(),
        seconds => entered.seconds,
        asks_code => entered.asks_code,
    };
    flow_page(app, browser, shown, "change.html", entered.status, values)
}

/// The recovery codes that come with the first factor. They are shown once.
pub(super) fn codes_page(
    app: &App,
    browser: &Browser,
    shown: &Shown,
    codes: &[String],
) -> Response {
    let values = context! { flow => shown.flow.id.as_str(), codes => codes.to_vec() };
    let template = "recovery_codes.html";
    flow_page(app, browser, shown, template, StatusCode::OK, values)
}

/// A page of a flow. Its forms lead on to the client: Chromium binds the whole chain of redirects by `form-action`.
fn flow_page(
    app: &App,
    browser: &Browser,
    shown: &Shown,
    template: &'static str,
    status: StatusCode,
    values: Value,
) -> Response {
    let request = &shown.flow.request;
    let page = Page {
        template,
        status,
        language: browser.language(app, request.ui_locales.as_deref()),
        values,
        client: shown.client.as_ref().map(|client| PageClient {
            id: client.id.clone(),
            name: client.name.clone(),
            host: redirect::shown_host(&request.redirect_uri).to_owned(),
        }),
        form_actions: if request.is_own() {
            Vec::new()
        } else {
            vec![redirect::form_action(&request.redirect_uri)]
        },
    };
    page.answer(app)
}
