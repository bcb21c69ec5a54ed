//! The steps of a sign-in that are about a second factor.

use axum::{extract::State, response::Response};
use rolecall::Public;

use super::{
    answers::{go, refuse},
    steps::{By, Entered, answer, codes_page},
    submitted::{Browser, Submitted},
};
use crate::{
    app::App,
    login::flow::{
        enrolling::{self, Enrolled},
        second, showing,
        step::FlowError,
    },
};

/// Prove who you are with a second factor: a code of an authenticator application, or a recovery code.
#[utoipa::path(post, path = "/login/second", tag = "sign-in", responses(
    (status = 303, description = "To the next step, or back to the client"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_second(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let typed = (form.get("code"), form.get("remember") == "on");
    let next = second::prove(&app, flow, &browser.visitor(&app), typed).await;
    let entered = Entered {
        by: By::named(form.get("by")),
        ..Entered::default()
    };
    answer(&app, &browser, flow, next, entered).await
}

/// Add an authenticator application during the sign-in, with its first code; or go on after that.
#[utoipa::path(post, path = "/login/enrol", tag = "sign-in", responses(
    (status = 200, description = "The recovery codes", body = String, content_type = "text/html"),
    (status = 303, description = "To the next step, or back to the client"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_enrol(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let (flow, visitor) = (form.get("flow"), browser.visitor(&app));
    let next = enrolling::confirm(&app, flow, &visitor, form.get("code")).await;
    enrolled(&app, &browser, flow, next).await
}

/// Shows the recovery codes that come with a new factor, or goes on.
pub(super) async fn enrolled(
    app: &App,
    browser: &Browser,
    flow: &str,
    next: Result<Enrolled, FlowError>,
) -> Response {
    let language = browser.language(app, None);
    match next {
        Ok(Enrolled::Codes(codes)) => match showing::show(app, flow, &browser.visitor(app)).await {
            Ok(shown) => codes_page(app, browser, &shown, &codes),
            Err(error) => refuse(app, language, error),
        },
        Ok(Enrolled::Next(next)) => go(app, language, next),
        Err(error) => answer(app, browser, flow, Err(error), Entered::default()).await,
    }
}
