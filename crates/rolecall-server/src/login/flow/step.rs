//! The steps of a sign-in, and what leads from one to the next.

use std::{collections::BTreeMap, time::Duration};

use super::{
    answer::{Answer, AnswerError, Target},
    choice::Open,
    conclude::SessionCookie,
    request::AuthorizationRequest,
    store::Flow,
};
use crate::{
    app::App,
    clients::store::Client,
    error::ApiError,
    factors::{totp::Secret, wished::Wished},
    login::{known::Origin, password::LoginError},
    store::StoreError,
};

/// The cookies of a browser, and where it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visitor<'a> {
    /// The language of the pages that it is shown.
    pub(crate) language: &'a str,
    pub(crate) flow: Option<&'a str>,
    pub(crate) session: Option<&'a str>,
    pub(crate) remembered: Option<&'a str>,
    pub(crate) origin: Origin<'a>,
}

/// The next thing that a browser does.
#[derive(Debug)]
pub(crate) enum Next {
    /// The page of a flow, whose secret the browser keeps.
    Page { flow: String, secret: String },
    /// The answer to the client.
    Answer {
        answer: Answer,
        cookie: Option<SessionCookie>,
        /// The device token to keep.
        device: Option<String>,
        /// The cookie of a device that is remembered from now on.
        remembered: Option<SessionCookie>,
    },
}

impl Next {
    pub(super) fn refused(
        app: &App,
        request: &AuthorizationRequest,
        error: AnswerError,
        why: &str,
    ) -> Self {
        let issuer = &app.settings().issuer;
        Self::answer(Answer::error(Target::of(request), error, why, issuer))
    }

    pub(super) fn answer(answer: Answer) -> Self {
        Self::Answer {
            answer,
            cookie: None,
            device: None,
            remembered: None,
        }
    }
}

/// What the first step offers of codes by mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MailCode {
    /// None: they are off, or not enough for what is asked.
    Off,
    Offered,
    /// One was asked for, and can be typed.
    Asked {
        /// The name for which it was asked.
        name: Option<String>,
    },
}

/// The step that is due.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Prove who you are.
    SignIn {
        /// The name to begin with.
        hint: Option<String>,
        /// The user who is signed in and may go on.
        signed_in: Option<String>,
        /// The options for a passkey, as JSON; empty where there are none.
        passkey: String,
        mail_code: MailCode,
    },
    /// Prove it with a second factor.
    Second {
        username: String,
        has_application: bool,
        /// The device can be remembered.
        may_remember: bool,
        /// The options for a passkey, as JSON; empty if the account has none.
        passkey: String,
    },
    /// Prove that the address of the account is yours.
    Verify {
        username: String,
        /// All but the beginning and the domain is hidden.
        address: String,
        /// It is the one before the present one.
        is_former: bool,
        /// A code was asked for, and can be typed.
        is_asked: bool,
    },
    /// Add a second factor.
    Enrol {
        username: String,
        /// The secret of an application; `None` where only a passkey is enough.
        secret: Option<Secret>,
        /// The factor that the user was about to add, if it is among those that can be added.
        wished: Option<Wished>,
        /// The options to make a passkey, as JSON; empty where there are none.
        passkey: String,
    },
    /// Go on: nothing else is due.
    Continue { username: String },
    /// Choose a tenant, or roles of a constraint.
    Choose { username: String, open: Open },
    /// Allow the client what it asks for.
    Consent {
        username: String,
        /// The browser session outlasts the browser.
        stays: bool,
        /// The permissions and roles that the client asks for; `None` for all that the user has.
        asked: Option<Vec<String>>,
    },
}

impl Step {
    /// Returns true if nobody has signed in yet.
    pub(crate) const fn is_sign_in(&self) -> bool {
        matches!(self, Self::SignIn { .. })
    }
}

/// The contents of a page.
pub(crate) struct Shown {
    /// Its request is the one that was chosen.
    pub(crate) flow: Flow,
    /// `None` for a page of our own.
    pub(crate) client: Option<Client>,
    pub(crate) step: Step,
    /// The name of the API that the tokens are for, if the client named one.
    pub(crate) resource: Option<String>,
    /// The permissions and roles that the user can allow or choose, in the words of their makers.
    pub(crate) descriptions: BTreeMap<String, String>,
}

/// The reason why a step does not lead to the next one.
#[derive(Debug)]
pub(crate) enum FlowError {
    /// There is no such flow in this browser, or not any more.
    Ended,
    /// The name or the password is wrong. The answer is the same for all.
    Wrong,
    /// The code of a second factor is wrong, or was used before.
    WrongCode,
    /// The answer of a passkey is refused.
    WrongPasskey,
    /// The password is right, and must be changed before it signs anybody in.
    PasswordChangeRequired,
    /// The choice is not among those that the user has.
    WrongChoice,
    TooMany(Duration),
    Failed(ApiError),
}

impl From<ApiError> for FlowError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::TooMany { retry_after } => Self::TooMany(retry_after),
            error => Self::Failed(error),
        }
    }
}

impl From<StoreError> for FlowError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<LoginError> for FlowError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => Self::Wrong,
            LoginError::TooMany { retry_after } => Self::TooMany(retry_after),
            LoginError::Busy => Self::Failed(ApiError::Busy),
            LoginError::Failed(error) => Self::Failed(error),
        }
    }
}
