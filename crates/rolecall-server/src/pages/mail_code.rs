//! The step in which somebody signs in with a code by mail.

use axum::{extract::State, response::Response};
use rolecall::Public;

use super::{
    answers::see_other,
    steps::{By, Entered, answer},
    submitted::{Browser, Submitted},
};
use crate::{
    app::App,
    login::flow::{mailed, verifying},
};

/// Ask for a code by mail for a user (`username`). The answer is the same whether there is an account or not.
#[utoipa::path(post, path = "/login/code/send", tag = "sign-in", responses(
    (status = 303, description = "To the page for the code"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_send_code(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let (flow, username) = (form.get("flow"), form.get("username"));
    let language = browser.language(&app, None);
    let language = app.parts().look.languages.name(language);
    match mailed::ask(&app, flow, &browser.visitor(&app), username, language).await {
        Ok(()) => see_other(&format!("/login?flow={flow}&by=mail")),
        Err(error) => {
            let entered = Entered {
                username: username.to_owned(),
                by: By::Mail,
                ..Entered::default()
            };
            answer(&app, &browser, flow, Err(error), entered).await
        }
    }
}

/// Sign in with a code by mail.
#[utoipa::path(post, path = "/login/code", tag = "sign-in", responses(
    (status = 303, description = "To the next step, or back to the client"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_code(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let stays = form.get("stay") == "on";
    let visitor = browser.visitor(&app);
    let next = mailed::prove(&app, flow, &visitor, form.get("code"), stays).await;
    let entered = Entered {
        stays,
        by: By::Mail,
        ..Entered::default()
    };
    answer(&app, &browser, flow, next, entered).await
}

/// Ask for a code that proves the address of the account in a sign-in.
#[utoipa::path(post, path = "/login/verify/send", tag = "sign-in", responses(
    (status = 303, description = "To the page for the code"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_send_verification(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let language = browser.language(&app, None);
    let language = app.parts().look.languages.name(language);
    let next = verifying::send(&app, flow, &browser.visitor(&app), language).await;
    answer(&app, &browser, flow, next, Entered::default()).await
}

/// Prove the address of the account in a sign-in, with a code.
#[utoipa::path(post, path = "/login/verify", tag = "sign-in", responses(
    (status = 303, description = "To the next step, or back to the client"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_verification(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let flow = form.get("flow");
    let next = verifying::prove(&app, flow, &browser.visitor(&app), form.get("code")).await;
    let entered = Entered {
        by: By::Mail,
        ..Entered::default()
    };
    answer(&app, &browser, flow, next, entered).await
}
