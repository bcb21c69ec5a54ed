//! The form of the account page that asks for a link to an address.

use axum::{extract::State, response::Response};
use http::StatusCode;
use rolecall::Public;

use super::{
    account::{LINK_SENT, show},
    answers::{failed, see_other},
    factors::sign_in_again,
    languages::Language,
    owner::ACCOUNT,
    refusals,
    steps::Entered,
    submitted::{Browser, Submitted},
};
use crate::{
    accounts::registration,
    app::App,
    error::ApiError,
    factors::owner::Owner,
    login::{
        account,
        browser::store::BrowserSession,
        flow::step::Visitor,
        password::{self, LoginError, Typed},
    },
    mail::addresses,
    quota::Quota,
};

/// Send a link to an address (`email`), which proves that it is the user's; needs the present password (`password`).
#[utoipa::path(post, path = "/account/address", tag = "sign-in", responses(
    (status = 303, description = "To the page"),
    (status = "4XX", description = "The page again, with what is wrong", body = String, content_type = "text/html")))]
pub(crate) async fn post_address(
    _: Public,
    State(app): State<App>,
    browser: Browser,
    form: Submitted,
) -> Response {
    let language = browser.language(&app, None);
    let visitor = browser.visitor(&app);
    let current = match account::current(&app, visitor.session).await {
        // nobody is signed in any more: the page leads to the sign-in
        Ok(None) => return see_other(ACCOUNT),
        Ok(Some(current)) => current,
        Err(error) => return failed(&app, language, error),
    };
    let mut entered = Entered::default();
    match ask_address(&app, &current, &form, &visitor, language).await {
        Ok(()) => return see_other(&format!("{ACCOUNT}?notice={LINK_SENT}")),
        Err(LoginError::Failed(ApiError::StepUp { acr, max_age })) => {
            return sign_in_again(&app, &browser, &current, ACCOUNT, (acr, max_age)).await;
        }
        Err(LoginError::Wrong) => entered.fault("wrong-password", StatusCode::UNAUTHORIZED),
        Err(LoginError::Busy | LoginError::Failed(ApiError::Busy)) => {
            entered.fault("busy", StatusCode::SERVICE_UNAVAILABLE);
        }
        Err(
            LoginError::TooMany { retry_after }
            | LoginError::Failed(ApiError::TooMany { retry_after }),
        ) => entered.wait(retry_after),
        Err(LoginError::Failed(error @ (ApiError::Invalid(_) | ApiError::Rule { .. }))) => {
            entered.problem = Some(refusals::sentence(&app, language, &error));
            entered.status = error.status();
        }
        Err(LoginError::Failed(error)) => return failed(&app, language, error),
    }
    show(&app, language, &current, &entered).await
}

async fn ask_address(
    app: &App,
    current: &BrowserSession,
    form: &Submitted,
    visitor: &Visitor<'_>,
    language: Language,
) -> Result<(), LoginError> {
    let address = registration::parse_email(form.get("email"))?;
    let owner = Owner::in_browser(current, visitor.origin.address);
    owner
        .prove_beside_password(app, &mut app.store().read().await?)
        .await?;
    let typed = Typed {
        username: &current.username,
        password: form.get("password"),
        origin: visitor.origin,
    };
    // whoever sits at a browser that was left open must not be able to take the account with an address of theirs
    let proven = password::prove(app, &typed).await?;
    let origin = visitor.origin.address;
    if let Err(used_up) = app.take_quota(Quota::OwnChanges, &proven.id) {
        password::count_refused(app, &proven, origin).await?;
        return Err(used_up.into());
    }
    let language = app.parts().look.languages.name(language);
    match addresses::ask(app, &current.subject_id, &address, Some(language)).await {
        Ok(()) => {
            password::forgive_address(app, &proven.slot.account, origin);
            Ok(())
        }
        Err(refused) => {
            // it shows that the password is right as a success does
            password::record_refused(app, &proven, origin, "no_link_sent").await?;
            Err(refused.into())
        }
    }
}
