//! The pages on which somebody who is signed in changes the own account.

pub(crate) mod data;
pub(crate) mod details;
pub(crate) mod leaving;
pub(crate) mod password;

use axum::response::Response;
use http::StatusCode;
use minijinja::Value;

use super::{
    answers::{failed, go, refuse},
    languages::Language,
    refusals,
    render::Page,
    submitted::Browser,
};
use crate::{
    app::App,
    error::ApiError,
    login::{
        account,
        browser::store::BrowserSession,
        flow::{request::AuthorizationRequest, service},
        password::LoginError,
    },
};

/// The page to which these belong.
pub(super) const ACCOUNT: &str = "/account";

/// What is wrong with a form.
#[derive(Default)]
struct Fault {
    status: StatusCode,
    /// The key of a text.
    error: &'static str,
    /// A text of a rule.
    problem: String,
    seconds: u64,
}

impl Fault {
    fn of(error: &'static str, status: StatusCode) -> Self {
        Self {
            status,
            error,
            ..Self::default()
        }
    }

    /// Describes a password that is wrong, or a change that a rule refuses; other errors are no fault of a form.
    fn of_log_in(app: &App, language: Language, error: LoginError) -> Result<Self, ApiError> {
        let retry_after = match error {
            LoginError::Wrong => {
                return Ok(Self::of("wrong-present-password", StatusCode::UNAUTHORIZED));
            }
            LoginError::Busy => return Ok(Self::of("busy", StatusCode::SERVICE_UNAVAILABLE)),
            LoginError::TooMany { retry_after }
            | LoginError::Failed(ApiError::TooMany { retry_after }) => retry_after,
            LoginError::Failed(
                error @ (ApiError::Invalid(_) | ApiError::Rule { .. } | ApiError::InUse { .. }),
            ) => return Ok(Self::of_rule(app, language, &error)),
            LoginError::Failed(error) => return Err(error),
        };
        Ok(Self {
            seconds: retry_after.as_secs().max(1),
            ..Self::of("too-many", StatusCode::TOO_MANY_REQUESTS)
        })
    }

    fn of_rule(app: &App, language: Language, error: &ApiError) -> Self {
        Self {
            problem: refusals::sentence(app, language, error),
            ..Self::of("", error.status())
        }
    }
}

/// Finds who is signed in; else returns the way to the sign-in.
async fn signed_in(app: &App, browser: &Browser) -> Result<BrowserSession, Response> {
    let language = browser.language(app, None);
    let visitor = browser.visitor(app);
    match account::current(app, visitor.session).await {
        Ok(Some(current)) => Ok(current),
        Ok(None) => Err(
            match service::begin(app, AuthorizationRequest::own(ACCOUNT), &visitor).await {
                Ok(next) => go(app, language, next),
                Err(error) => refuse(app, language, error),
            },
        ),
        Err(error) => Err(failed(app, language, error)),
    }
}

fn page(
    app: &App,
    language: Language,
    template: &'static str,
    status: StatusCode,
    values: Value,
) -> Response {
    let page = Page {
        template,
        status,
        language,
        values,
        client: None,
        form_actions: Vec::new(),
    };
    page.answer(app)
}
