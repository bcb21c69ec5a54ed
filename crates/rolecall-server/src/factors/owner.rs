//! The owner of an account who changes its factors, and the proof that it is them.

use rolecall::Principal;
use rolecall_core::{Acr, Timestamp};

use super::{recovery_codes::CREDENTIAL, store, store::FactorKind};
use crate::{
    accounts::{former, store as accounts},
    app::App,
    authority::caller::Caller,
    error::ApiError,
    login::browser::store::{self as browsers, BrowserSession},
    sessions::{self, endings::Acting},
    store::{Conn, StoreError},
};

/// The methods of a sign-in with a code by mail, and nothing else.
const CODE_BY_MAIL: &str = "otp";

/// The owner of an account, by the session in which they act.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) subject: &'a str,
    pub(crate) address: &'a str,
    session: Session<'a>,
}

#[derive(Clone, Copy)]
enum Session<'a> {
    /// That of a token, which is not narrowed.
    Token(&'a Principal),
    Browser(&'a str),
}

/// How sure this server is of the owner.
struct Sureness {
    auth_time: Timestamp,
    amr: String,
    credentials: String,
}

impl<'a> Owner<'a> {
    /// Returns the owner who sends a token.
    pub(crate) fn by_token(caller: &'a Principal, address: &'a str) -> Self {
        Self {
            subject: caller.subject(),
            address,
            session: Session::Token(caller),
        }
    }

    /// Returns the owner who is signed in with a browser.
    pub(crate) fn in_browser(session: &'a BrowserSession, address: &'a str) -> Self {
        Self {
            subject: &session.subject_id,
            address,
            session: Session::Browser(&session.id),
        }
    }

    /// Returns the owner where `caller` is the user `subject`: an administrator at their own account. The routes of
    /// administrators ask there for what those of owners ask for: otherwise the thief of an administrator's token would take
    /// that way.
    ///
    /// # Errors
    ///
    /// 403 for a narrowed token.
    pub(crate) fn at_own_account(
        caller: Caller<'a>,
        subject: &'a str,
        address: &'a str,
    ) -> Result<Option<Self>, ApiError> {
        match caller {
            Caller::Token(principal) if principal.subject() == subject => {
                if principal.narrowed() {
                    return Err(ApiError::Lacks(None));
                }
                Ok(Some(Self::by_token(principal, address)))
            }
            _ => Ok(None),
        }
    }

    /// Asks an administrator who changes their own account for what its owner is asked for.
    pub(crate) async fn prove_at_own_account(
        app: &App,
        conn: &mut Conn,
        caller: Caller<'_>,
        subject: &str,
    ) -> Result<(), ApiError> {
        match Owner::at_own_account(caller, subject, "")? {
            Some(owner) => owner.prove(app, conn, None).await,
            None => Ok(()),
        }
    }

    pub(crate) fn caller(&self) -> Caller<'a> {
        match self.session {
            Session::Token(principal) => Caller::Token(principal),
            Session::Browser(session) => Caller::Own {
                user_id: self.subject,
                session,
            },
        }
    }

    /// Checks that the owner proved who they are a moment ago, with a second factor if the account has one: whoever has
    /// found an open browser, or knows the password alone, must not get hold of the account for good. Removing a passkey
    /// needs a passkey, or a recovery code where it is lost.
    ///
    /// # Errors
    ///
    /// [`ApiError::StepUp`].
    pub(crate) async fn prove(
        &self,
        app: &App,
        conn: &mut Conn,
        removed: Option<FactorKind>,
    ) -> Result<(), ApiError> {
        let sureness = self.sureness(app, conn).await?;
        let Some(sureness) = sureness else {
            return Err(step_up(app, None));
        };
        let has_factors = !store::kinds(conn, self.subject).await?.is_empty();
        let needed = match removed {
            Some(FactorKind::Passkey) if !sureness.rests_on(CREDENTIAL) => Acr::Phr,
            _ if has_factors => Acr::Aal2,
            _ => Acr::Aal1,
        };
        if Acr::of_methods(sureness.amr.split(' ')) < needed {
            return Err(step_up(app, Some(needed)));
        }
        let (now, fresh) = (app.now(), app.settings().factors.fresh);
        // as `max_age` counts, with which the pages ask for a fresh sign-in
        let is_fresh = now.since(sureness.auth_time).as_secs() <= fresh.as_secs()
            // a clock set back must not make it last longer
            && now.plus(fresh) >= sureness.auth_time;
        if is_fresh {
            Ok(())
        } else {
            Err(step_up(app, Some(needed).filter(|acr| *acr > Acr::Aal1)))
        }
    }

    /// The same before a factor is added. The first one of an account with a verified address needs a code that was sent
    /// there, or to the [address before](former), if mails are sent: nobody adds one with the password alone. A sign-in that
    /// asks for a second factor sends the code, and adds the factor then.
    ///
    /// # Errors
    ///
    /// [`ApiError::StepUp`].
    pub(crate) async fn prove_to_add(&self, app: &App, conn: &mut Conn) -> Result<(), ApiError> {
        // first, so that one sign-in asks for both
        if self.needs_code_to_add(app, conn).await? {
            return Err(step_up(app, Some(Acr::Aal2)));
        }
        self.prove(app, conn, None).await
    }

    /// Returns true if a code by mail has to be typed before a factor is added, and was not.
    async fn needs_code_to_add(&self, app: &App, conn: &mut Conn) -> Result<bool, ApiError> {
        let is_first = store::kinds(conn, self.subject).await?.is_empty();
        if !is_first || app.settings().mail.is_none() {
            return Ok(false);
        }
        let amr = self.sureness(app, conn).await?.map(|one| one.amr);
        let amr = amr.unwrap_or_default();
        // an owner who has just removed the last factor used it, or a recovery code, to sign in
        if Acr::of_methods(amr.split(' ')) >= Acr::Aal2 {
            return Ok(false);
        }
        if former::find(conn, self.subject, app.now()).await?.is_some() {
            return Ok(true);
        }
        let user = accounts::find_user(conn, self.subject, app.now()).await?;
        let is_verified = user.is_some_and(|user| user.email_verified_at.is_some());
        // who has signed in with a code by mail has got one
        Ok(is_verified && amr != CODE_BY_MAIL)
    }

    /// Checks the owner who types the password with the change: that is a fresh proof, but not of a second factor.
    ///
    /// # Errors
    ///
    /// [`ApiError::StepUp`].
    pub(crate) async fn prove_beside_password(
        &self,
        app: &App,
        conn: &mut Conn,
    ) -> Result<(), ApiError> {
        if store::kinds(conn, self.subject).await?.is_empty() {
            return Ok(());
        }
        self.prove(app, conn, None).await
    }

    /// Checks that a second factor stands behind the session, if the account has one: the password alone, or a device on
    /// which none is asked for, must not be enough to take the account over.
    ///
    /// # Errors
    ///
    /// [`ApiError::StepUp`].
    pub(crate) async fn prove_second(&self, app: &App, conn: &mut Conn) -> Result<(), ApiError> {
        if store::kinds(conn, self.subject).await?.is_empty() {
            return Ok(());
        }
        let sureness = self.sureness(app, conn).await?;
        let is_by_both = |one: &Sureness| Acr::of_methods(one.amr.split(' ')) >= Acr::Aal2;
        if sureness.is_some_and(|one| is_by_both(&one)) {
            Ok(())
        } else {
            Err(step_up(app, Some(Acr::Aal2)))
        }
    }

    /// Returns the session in which the owner acts.
    pub(super) async fn acting(&self, conn: &mut Conn) -> Result<Acting, StoreError> {
        match self.session {
            Session::Token(principal) => {
                let session = principal.session().unwrap_or_default().to_owned();
                let found = sessions::store::find(conn, &session).await?;
                let browser = found.and_then(|session| session.browser);
                let browser = browser.unwrap_or_default();
                Ok(Acting { session, browser })
            }
            Session::Browser(id) => Ok(Acting {
                session: String::new(),
                browser: id.to_owned(),
            }),
        }
    }

    /// Reads the session from the database, whatever the token says; `None` if it has ended.
    async fn sureness(&self, app: &App, conn: &mut Conn) -> Result<Option<Sureness>, ApiError> {
        let now = app.now();
        match self.session {
            Session::Token(principal) => {
                let id = principal.session().unwrap_or_default();
                let found = sessions::store::find(conn, id).await?;
                let own = found.filter(|session| session.subject_id == self.subject);
                match own {
                    Some(session) => Ok(Some(Sureness {
                        auth_time: session.auth_time.unwrap_or(session.created_at),
                        amr: session.amr.unwrap_or_default(),
                        credentials: session.credentials,
                    })),
                    // the pages for administrators act by a token of the browser session itself
                    None => self.sureness_in_browser(conn, id, now).await,
                }
            }
            Session::Browser(id) => self.sureness_in_browser(conn, id, now).await,
        }
    }

    async fn sureness_in_browser(
        &self,
        conn: &mut Conn,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<Sureness>, ApiError> {
        let found = browsers::find_by_id(conn, id, now).await?;
        let own = found.filter(|session| session.subject_id == self.subject);
        Ok(own.map(|session| Sureness {
            auth_time: session.auth_time,
            amr: session.amr,
            credentials: session.credentials,
        }))
    }
}

impl Sureness {
    fn rests_on(&self, credential: &str) -> bool {
        self.credentials.split(' ').any(|one| one == credential)
    }
}

fn step_up(app: &App, acr: Option<Acr>) -> ApiError {
    ApiError::StepUp {
        acr,
        max_age: app.settings().factors.fresh,
    }
}
