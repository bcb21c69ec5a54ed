//! Logging in from an application's own page.

use std::{fmt, time::Duration};

use axum::response::{IntoResponse, Response};
use rolecall::Principal;

use super::{AccountError, Embedded};
use crate::{
    accounts::me_service,
    clients::store::GrantType,
    error::ApiError,
    http::{Agent, ClientAddress},
    login::{known::Origin, password::Typed},
    oauth::{
        client_auth::RequestingClient,
        error::OAuthError,
        grant::{self, PasswordGrant},
        refresh::{self, RefreshGrant},
        service,
    },
    sessions,
    tokens::{access_token::Issued, requested::RequestedScope},
};

/// A login with a user name and a password, for [`Embedded::log_in`].
#[derive(Clone)]
#[must_use]
pub struct LogIn<'a> {
    username: &'a str,
    password: &'a str,
    address: &'a ClientAddress,
    device: Option<&'a str>,
    agent: Agent,
    scope: Option<&'a str>,
    tenant: Option<&'a str>,
    wants_refresh: bool,
}

impl<'a> LogIn<'a> {
    /// A login from `address`, for which guesses are counted. As an extractor, [`ClientAddress`] is the address of the
    /// request.
    pub fn new(username: &'a str, password: &'a str, address: &'a ClientAddress) -> Self {
        Self {
            username,
            password,
            address,
            device: None,
            agent: Agent::default(),
            scope: None,
            tenant: None,
            wants_refresh: true,
        }
    }

    /// Shows the [`device_token`](Tokens::device_token) of an earlier login to the same account, so that strangers who
    /// guess the password do not slow this login.
    pub fn device(mut self, token: &'a str) -> Self {
        self.device = Some(token);
        self
    }

    /// Takes the `User-Agent` of the request, so that the user recognizes the session: rolecall keeps the names of the
    /// program and the system, such as `Firefox on Linux`, if it knows them, and nothing else of the header.
    pub fn user_agent(mut self, header: &str) -> Self {
        self.agent = Agent::named_in(header);
        self
    }

    /// Asks for less than the user has, written as for `/token`: `role:editor items:read`.
    pub fn scope(mut self, scope: &'a str) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Asks for a token for a tenant.
    pub fn tenant(mut self, tenant: &'a str) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Asks for no refresh token: the session ends with the access token.
    pub fn without_refresh(mut self) -> Self {
        self.wants_refresh = false;
        self
    }
}

impl fmt::Debug for LogIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogIn").finish_non_exhaustive()
    }
}

/// The tokens of a session.
#[derive(Clone)]
#[non_exhaustive]
pub struct Tokens {
    /// The access token, which the guards accept.
    pub access_token: String,
    /// The lifetime of the access token.
    pub expires_in: Duration,
    /// The next access token is issued for this one, once.
    pub refresh_token: Option<String>,
    /// The permissions in the access token.
    pub scope: String,
    /// The tenant that the tokens are for.
    pub tenant: Option<String>,
    /// Shows at later logins that this device is known: keep it in the browser, as long as you like.
    pub device_token: Option<String>,
}

impl From<Issued> for Tokens {
    fn from(issued: Issued) -> Self {
        Self {
            access_token: issued.access_token,
            expires_in: issued.lifetime,
            refresh_token: issued.refresh_token,
            scope: issued.scope,
            tenant: issued.tenant.map(|tenant| tenant.to_string()),
            device_token: issued.device_token,
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// An error in logging in, refreshing or changing a password. As the answer of a handler it becomes the one of `/token`.
pub struct LogInError(OAuthError);

/// The kind of a [`LogInError`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogInErrorKind {
    /// The user name or the password is wrong, or the account is disabled or locked.
    WrongPassword,
    /// The password is right, but must be changed first, with [`Embedded::change_password`] or at `POST /password`.
    PasswordChangeRequired,
    /// The password is right, and the account has a second factor: lead its owner to a sign-in with a browser.
    SecondFactorRequired,
    /// The new password breaks a rule, is the current one, or is the reset code; the text says which.
    NewPassword,
    /// The refresh token is not valid or was used before: log in again.
    Ended,
    /// There were too many failures, for the account or from the address.
    TooMany {
        /// The time to wait.
        retry_after: Duration,
    },
    /// The scope or tenant cannot be given; the text says why.
    Refused,
    /// The database does not answer, or the server is too busy; try again.
    Unavailable,
    /// A failure of the server.
    Internal,
}

impl LogInError {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> LogInErrorKind {
        match &self.0 {
            OAuthError::WrongPassword => LogInErrorKind::WrongPassword,
            OAuthError::PasswordChangeRequired => LogInErrorKind::PasswordChangeRequired,
            OAuthError::SecondFactorRequired => LogInErrorKind::SecondFactorRequired,
            OAuthError::InvalidGrant => LogInErrorKind::Ended,
            OAuthError::TooMany { retry_after } => LogInErrorKind::TooMany {
                retry_after: *retry_after,
            },
            OAuthError::Busy => LogInErrorKind::Unavailable,
            OAuthError::Failed(error) => kind_of(error),
            _ => LogInErrorKind::Refused,
        }
    }
}

fn kind_of(error: &ApiError) -> LogInErrorKind {
    match error {
        ApiError::Invalid(_) => LogInErrorKind::NewPassword,
        ApiError::Rule { .. } => LogInErrorKind::Refused,
        ApiError::TooMany { retry_after } => LogInErrorKind::TooMany {
            retry_after: *retry_after,
        },
        ApiError::Busy => LogInErrorKind::Unavailable,
        error if error.is_outage() => LogInErrorKind::Unavailable,
        _ => LogInErrorKind::Internal,
    }
}

impl From<OAuthError> for LogInError {
    fn from(error: OAuthError) -> Self {
        Self(error)
    }
}

impl fmt::Display for LogInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            OAuthError::Failed(error) if !error.is_outage() => error.fmt(f),
            error => f.write_str(&error.description()),
        }
    }
}

/// The message, since that is what a `main` prints that returns the error.
impl fmt::Debug for LogInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for LogInError {}

impl IntoResponse for LogInError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Embedded {
    /// Logs a user in, as `POST /token` does: with its limits for guesses, its events in the audit log and its session.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use axum::{Json, extract::State};
    /// use rolecall::Public;
    /// use rolecall_server::{Embedded, LogIn, LogInError, http::ClientAddress};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Credentials {
    ///     username: String,
    ///     password: String,
    /// }
    ///
    /// async fn log_in(
    ///     _: Public,
    ///     State(login): State<Arc<Embedded>>,
    ///     address: ClientAddress,
    ///     Json(typed): Json<Credentials>,
    /// ) -> Result<String, LogInError> {
    ///     let tokens = login.log_in(&LogIn::new(&typed.username, &typed.password, &address)).await?;
    ///     Ok(tokens.access_token)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`LogInError`]. Show the same text for an unknown user and for a wrong password.
    pub async fn log_in(&self, typed: &LogIn<'_>) -> Result<Tokens, LogInError> {
        let app = self.app();
        let scope = typed.scope.map(RequestedScope::parse).transpose();
        let request = PasswordGrant {
            username: typed.username,
            password: typed.password,
            client: &RequestingClient::FirstParty,
            scope: scope.map_err(OAuthError::from)?,
            tenant: service::tenant(typed.tenant)?,
            audience: &app.settings().audience,
            origin: Origin {
                address: typed.address.as_str(),
                device: typed.device,
                agent: typed.agent,
            },
            wants_refresh: typed.wants_refresh,
        };
        let issued = grant::by_password(app, &request).await?;
        let issued_tokens = &app.parts().metrics.tokens;
        issued_tokens.add_one(GrantType::Password.as_str());
        Ok(issued.into())
    }

    /// Sets a new password for a user who shows the current one, or a reset code in its place, as `POST /password` does.
    /// All sessions of the user end: log the user in again with the new password.
    ///
    /// This is the way on from [`LogInErrorKind::PasswordChangeRequired`]: ask for the current password again, so that the
    /// page need not keep it.
    ///
    /// ```
    /// use rolecall_server::{Embedded, LogIn, LogInError, http::ClientAddress};
    ///
    /// async fn change(login: &Embedded, address: &ClientAddress) -> Result<(), LogInError> {
    ///     let typed = LogIn::new("anna", "the password that was mailed", address);
    ///     login.change_password(&typed, "a password of her own").await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`LogInErrorKind::NewPassword`] for a new password that is not accepted, and otherwise as
    /// [`log_in`](Self::log_in): wrong passwords count as guesses.
    pub async fn change_password(
        &self,
        typed: &LogIn<'_>,
        new_password: &str,
    ) -> Result<(), LogInError> {
        let proof = Typed {
            username: typed.username,
            password: typed.password,
            origin: Origin {
                address: typed.address.as_str(),
                device: typed.device,
                agent: typed.agent,
            },
        };
        let changed = me_service::change_forced(self.app(), &proof, new_password, "").await;
        changed.map_err(|error| OAuthError::from(error).into())
    }

    /// Issues the next tokens of a session for its refresh token, which works once.
    ///
    /// # Errors
    ///
    /// [`LogInErrorKind::Ended`] if the session has ended, or the refresh token was used before, which ends the session.
    pub async fn refresh(
        &self,
        refresh_token: &str,
        address: &ClientAddress,
    ) -> Result<Tokens, LogInError> {
        let app = self.app();
        let request = RefreshGrant {
            token: refresh_token,
            client: &RequestingClient::FirstParty,
            scope: None,
            identity: None,
            tenant: None,
            audience: None,
            origin: Origin {
                address: address.as_str(),
                device: None,
                agent: Agent::default(),
            },
        };
        let issued = refresh::by_token(app, &request).await?;
        let issued_tokens = &app.parts().metrics.tokens;
        issued_tokens.add_one(GrantType::RefreshToken.as_str());
        Ok(issued.into())
    }

    /// Ends the session of the caller's token: the guards refuse the token, and its refresh token ends.
    ///
    /// # Errors
    ///
    /// [`AccountError`] if the token has ended already or the database does not answer. A token without a session, such
    /// as a client's, is no error.
    pub async fn log_out(&self, caller: &Principal) -> Result<(), AccountError> {
        if let Some(session) = caller.session() {
            sessions::service::end_own(self.app(), caller, session).await?;
        }
        Ok(())
    }
}
