//! rolecall inside your own application.

mod accounts;
mod application;
mod builder;
mod first_admin;
mod for_tests;
mod hooks;
mod listening;
mod log_in;
mod opening;
mod policy;
mod profile;
mod serving;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rolecall::{Guard, GuardedRouter};

pub use self::{
    accounts::{
        AccountError, AccountErrorKind, Accounts, Assigned, Assignment, CreatedUser, NewUser,
        ResetCode, RoleOfUser, User, UserPage, UserStatus,
    },
    application::WithApplication,
    builder::{EmbeddedBuilder, Registration},
    listening::{ServeError, bind_next_free},
    log_in::{LogIn, LogInError, LogInErrorKind, Tokens},
    serving::{Servable, Server, serve},
};
use crate::{
    api::{self, Description},
    app::App,
    backchannel,
    error::ApiError,
    hooks::{Hooks, sender},
    ids, mail,
    start::{self, Opened, Staleness, StartError},
    watch,
    web::late_document::LateDocument,
};

/// The path of rolecall's registration.
const REGISTER: &str = "/register";

/// An authorization server in the same process as the application that it guards.
///
/// It reads no environment variable, and no file except its database and the master key beside it.
///
/// ```
/// use rolecall::GuardedRouter;
/// use rolecall_server::Embedded;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), rolecall_server::StartError> {
/// let login = Embedded::open("sqlite::memory:").await?;
/// let app: axum::Router = GuardedRouter::new(login.guard())
///     .merge(login.routes()?)
///     .into_axum();
/// # Ok(())
/// # }
/// ```
pub struct Embedded {
    app: App,
    guard: Guard,
    api_guard: Guard,
    forward_guard: Guard,
    /// Of `POST /api/tickets`.
    ticket_guard: Guard,
    /// True if the application has a registration of its own.
    own_registration: bool,
    watch: tokio::task::JoinHandle<()>,
    /// Tells clients of log-outs.
    caller: tokio::task::JoinHandle<()>,
    /// Sends mails.
    mailer: tokio::task::JoinHandle<()>,
    /// Runs the hooks of the application, if it has any.
    sender: Option<tokio::task::JoinHandle<()>>,
}

impl Embedded {
    /// Opens the database with the default options.
    ///
    /// # Errors
    ///
    /// [`StartError`], with a message for the operator.
    pub async fn open(url: &str) -> Result<Self, StartError> {
        Self::builder(url).open().await
    }

    /// Returns a builder with the default options.
    pub fn builder(url: &str) -> EmbeddedBuilder {
        EmbeddedBuilder::new(url)
    }

    /// Returns the guard for the application's own routes.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.guard.clone()
    }

    /// Returns all endpoints of the server, including health and documentation, to merge into the application's router.
    ///
    /// # Errors
    ///
    /// None in this version: routes and their OpenAPI document agree.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Result<GuardedRouter<S>, StartError> {
        let (routes, description) = self.own_routes();
        let write = move || description.write().map(|document| document.to_string());
        self.set_document(LateDocument::new(write));
        Ok(routes.with_state(()))
    }

    /// Returns the routes of the server, and the parts of their document.
    fn own_routes(&self) -> (GuardedRouter, Description) {
        let left_out: &[_] = if self.own_registration {
            &[REGISTER]
        } else {
            &[]
        };
        let guards = api::Guards {
            api: self.api_guard.clone(),
            forward_auth: self.forward_guard.clone(),
            tickets: self.ticket_guard.clone(),
        };
        api::api(guards, &self.app.settings().public_url, left_out).finish(&self.app)
    }

    /// Sets the document that `/openapi.json` answers and `/docs` shows.
    fn set_document(&self, document: LateDocument) {
        self.app.parts().document.store(Arc::new(document));
    }

    pub(crate) fn from_opened(opened: Opened, staleness: Staleness) -> Result<Self, StartError> {
        let Opened { app, seen } = opened;
        let guard = start::application_guard(&app, staleness)?;
        let api_guard = start::guard(&app, &app.settings().issuer, staleness)?;
        let forward_guard = start::forward_guard(&app, staleness)?;
        let ticket_guard = start::ticket_guard(&app, staleness)?;
        let node = ids::new_id(app.now()).map_err(ApiError::internal)?;
        let started = app.parts().clock.monotonic();
        let watch = tokio::spawn(watch::run(app.downgrade(), node, seen, started));
        let caller = tokio::spawn(backchannel::sender::run(app.downgrade()));
        let mailer = tokio::spawn(mail::sender::run(app.downgrade()));
        Ok(Self {
            app,
            guard,
            api_guard,
            forward_guard,
            ticket_guard,
            own_registration: false,
            watch,
            caller,
            mailer,
            sender: None,
        })
    }

    /// Runs the hooks of the application from now on.
    fn run_hooks(&mut self, hooks: Hooks) -> Result<(), StartError> {
        if !hooks.is_empty() {
            let now = self.app.now();
            let node = ids::new_id(now).map_err(ApiError::internal)?;
            let sender = sender::run(self.app.downgrade(), node, hooks, now);
            self.sender = Some(tokio::spawn(sender));
        }
        Ok(())
    }

    /// Stops sending mails, and waits up to ten seconds for those that are being sent. Call it before the server is dropped
    /// where a mail should not be sent twice; the program does.
    pub async fn finish_mails(&self) {
        let parts = self.app.parts();
        parts.mail_ends.store(true, Ordering::Relaxed);
        while !self.mailer.is_finished() {
            parts.mail_now.notify_one();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Returns the guard of the server's own API.
    pub(crate) fn api_guard(&self) -> &Guard {
        &self.api_guard
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.watch.abort();
        self.caller.abort();
        self.mailer.abort();
        if let Some(sender) = &self.sender {
            sender.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use rolecall::OnStale;

    use super::*;

    #[tokio::test]
    async fn y165_a_node_whose_guards_refuse_their_state_is_not_ready() {
        for on_stale in [OnStale::Refuse, OnStale::Accept] {
            let clock = rolecall::ManualClock::at(rolecall::Timestamp::from_seconds(1_900_000_000));
            let builder = Embedded::builder("sqlite::memory:").clock(clock.clone());
            let builder = builder.max_staleness(Duration::from_secs(5));
            let server = builder.on_stale(on_stale).open().await.unwrap();
            // nothing polls from now on, while the database answers
            server.watch.abort();
            clock.advance(Duration::from_secs(4));
            server.app().check_ready().await.unwrap();
            clock.advance(Duration::from_mins(2));
            let ready = server.app().check_ready().await;
            assert_eq!(ready.is_ok(), on_stale == OnStale::Accept, "{ready:?}");
            assert!(ready.err().is_none_or(|error| error.is_outage()));
        }
    }

    #[tokio::test]
    async fn a_demo_user_may_have_built_in_roles_and_creates_no_reserved_ones() {
        let open = async |roles: &[&str]| {
            let builder = Embedded::builder("sqlite::memory:");
            let builder = builder.demo_user("root", "a password of root", roles);
            builder.open().await
        };
        open(&["rolecall.admin", "editor"]).await.unwrap();
        let refused = open(&["rolecall.admin", "rolecall.anything"]).await;
        let refused = refused.err().unwrap().to_string();
        assert!(
            refused.contains("`root`") && refused.contains("`rolecall.anything` is reserved"),
            "{refused}"
        );
    }
}
