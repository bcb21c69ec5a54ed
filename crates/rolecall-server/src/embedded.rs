//! rolecall inside your own application.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rolecall::{Clock, Guard, GuardedRouter, OnStale, SessionCookie, SystemClock};
use rolecall_core::RoleName;
use rolecall_passwords::{DEFAULT_MIN_LENGTH, Parameters, PasswordScheme};

use crate::{
    api,
    app::App,
    bootstrap::Origin,
    config::{Quotas, ROTATE_EVERY, RegistrationMode, SigningAlgorithm},
    demo,
    error::ApiError,
    http, ids,
    legacy::old_tokens::LegacyTokens,
    settings::{PolicyLimits, SessionLimits, Settings},
    start::{self, Opened, Options, Staleness, StartError},
    store::{OpenError, Opening, Tuning},
    watch,
};

/// Open or closed registration.
pub type Registration = RegistrationMode;

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
    watch: tokio::task::JoinHandle<()>,
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
        EmbeddedBuilder {
            url: url.to_owned(),
            schema: None,
            public_url: "http://127.0.0.1:8000".to_owned(),
            registration: Registration::Closed,
            unique_email: false,
            min_length: DEFAULT_MIN_LENGTH,
            demo_users: Vec::new(),
            master_key: None,
            previous_master_key: None,
            algorithm: SigningAlgorithm::default(),
            rotate_every: ROTATE_EVERY,
            access_ttl: Duration::from_mins(30),
            clock: Arc::new(SystemClock),
            database_clock: None,
            staleness: Staleness::default(),
            hashing: None,
            sessions: SessionLimits::default(),
            quotas: Quotas::default(),
            legacy: None,
            cookie: None,
        }
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
    /// [`StartError::Failed`] if the routes and their OpenAPI document disagree, which is a bug of rolecall.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Result<GuardedRouter<S>, StartError> {
        let api = api::api(self.api_guard.clone(), self.forward_guard.clone());
        let routes = api
            .finish(&self.app)
            .map_err(|error| StartError::Failed(error.to_string()))?;
        Ok(routes.with_state(()))
    }

    pub(crate) fn from_opened(opened: Opened, staleness: Staleness) -> Result<Self, StartError> {
        let Opened { app, seen } = opened;
        let guard = start::application_guard(&app, staleness)?;
        let api_guard = start::guard(&app, &app.settings().issuer, staleness)?;
        let forward_guard = start::forward_guard(&app, staleness)?;
        let node = ids::new_id(app.now()).map_err(ApiError::internal)?;
        let watch = tokio::spawn(watch::run(app.downgrade(), node, seen));
        Ok(Self {
            app,
            guard,
            api_guard,
            forward_guard,
            watch,
        })
    }

    /// Returns the guard of the server's own API.
    pub(crate) fn api_guard(&self) -> &Guard {
        &self.api_guard
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }
}

/// Serves an application on `address` as the program does: with timeouts, a body limit, request ids, security headers
/// and a graceful shutdown.
///
/// # Errors
///
/// If it cannot listen on the address.
pub async fn serve(address: &str, app: axum::Router) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let app = http::wrap(app, api::layer_options());
    http::serve_until_signal(listener, app, http::Limits::default()).await;
    Ok(())
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// The options of an [`Embedded`] server.
#[must_use]
pub struct EmbeddedBuilder {
    url: String,
    schema: Option<String>,
    public_url: String,
    registration: Registration,
    unique_email: bool,
    min_length: usize,
    demo_users: Vec<(String, String, Vec<String>)>,
    master_key: Option<String>,
    previous_master_key: Option<String>,
    algorithm: SigningAlgorithm,
    rotate_every: Duration,
    access_ttl: Duration,
    clock: Arc<dyn Clock>,
    database_clock: Option<Arc<dyn Clock>>,
    staleness: Staleness,
    hashing: Option<Parameters>,
    sessions: SessionLimits,
    quotas: Quotas,
    legacy: Option<LegacyTokens>,
    cookie: Option<Box<SessionCookie>>,
}

impl EmbeddedBuilder {
    /// Also accepts the access token in this cookie, on the application's routes and at `/api`. Requests that may change
    /// something need a proof that a page of the application sent them; see [`Guard::with_cookie`].
    pub fn cookie(mut self, cookie: SessionCookie) -> Self {
        self.cookie = Some(Box::new(cookie));
        self
    }

    /// Keeps rolecall's tables in this schema of a PostgreSQL database, which is created if it does not exist. Without
    /// it they are in the first schema of the connection's `search_path`, usually `public`, where an application may not
    /// have tables of the same names.
    pub fn schema(mut self, name: &str) -> Self {
        self.schema = Some(name.to_owned());
        self
    }

    /// Sets the most sessions that one user may have, 100 by default. Beyond that, the idlest session ends.
    pub fn sessions_per_user(mut self, sessions: u32) -> Self {
        self.sessions.per_user = sessions.max(1);
        self
    }

    /// Accepts tokens of the previous application, for users who were imported from it: on the application's own routes,
    /// never at `/api`.
    pub fn legacy_tokens(mut self, tokens: LegacyTokens) -> Self {
        self.legacy = Some(tokens);
        self
    }

    /// Sets the master key, 32 bytes in hex or base64. PostgreSQL needs one; by default, a file beside a SQLite database
    /// holds it.
    pub fn master_key(mut self, key: &str) -> Self {
        self.master_key = Some(key.to_owned());
        self
    }

    /// Sets the master key that [`master_key`](Self::master_key) replaces, for the time of the rotation: the database
    /// knows which of the two it is sealed with.
    pub fn previous_master_key(mut self, key: &str) -> Self {
        self.previous_master_key = Some(key.to_owned());
        self
    }

    /// Sets the algorithm that signs access tokens, ES256 by default. A change takes effect after the new key has been
    /// published for 30 minutes.
    pub fn algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets the time after which the signing key is rotated, 30 days by default. Zero turns automatic rotation off.
    pub fn rotate_every(mut self, every: Duration) -> Self {
        self.rotate_every = every;
        self
    }

    /// Sets the lifetime of access tokens: 30 minutes by default, and at most a day.
    pub fn access_ttl(mut self, lifetime: Duration) -> Self {
        self.access_ttl = lifetime.min(Duration::from_hours(24));
        self
    }

    /// Sets the greatest age of the guards' state while the database does not answer, 30 s by default. Beyond it, they
    /// answer 503.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.staleness.max = age;
        self
    }

    /// Sets what the guards do when their state is too old: they refuse by default.
    pub fn on_stale(mut self, on_stale: OnStale) -> Self {
        self.staleness.on_stale = on_stale;
        self
    }

    /// Sets the cost of hashing a password, for fast tests. No password is safe with less than the default.
    #[doc(hidden)]
    pub fn hashing(mut self, parameters: Parameters) -> Self {
        self.hashing = Some(parameters);
        self
    }

    /// Sets how much one subject may write in an hour.
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.quotas = quotas;
        self
    }

    /// Sets the clock of this process and of the database, for tests that control the time.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self.database_clock = Some(Arc::clone(&self.clock));
        self
    }

    /// Sets another clock for the database, for tests of nodes whose clocks differ.
    #[doc(hidden)]
    pub fn database_clock(mut self, clock: impl Clock) -> Self {
        self.database_clock = Some(Arc::new(clock));
        self
    }

    /// Sets the URL under which clients reach the application. It is the issuer of the tokens.
    pub fn public_url(mut self, url: &str) -> Self {
        url.trim_end_matches('/').clone_into(&mut self.public_url);
        self
    }

    /// Sets whether an e-mail address belongs to one user at most, without regard to case; it may belong to several by
    /// default.
    pub fn unique_email(mut self, unique: bool) -> Self {
        self.unique_email = unique;
        self
    }

    /// Opens or closes registration, which is closed by default.
    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = registration;
        self
    }

    /// Sets the minimum length of a password in characters: 15 by default, and never below 8.
    pub fn min_length(mut self, characters: usize) -> Self {
        self.min_length = characters.max(rolecall_passwords::LOWEST_MIN_LENGTH);
        self
    }

    /// Adds a demo user, with a password that need not be secret. Roles that do not exist are created, except reserved
    /// ones, which begin with `rolecall.`. An existing user stays as it is.
    pub fn demo_user(mut self, username: &str, password: &str, roles: &[&str]) -> Self {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self.demo_users
            .push((username.to_owned(), password.to_owned(), roles));
        self
    }

    /// Opens the database.
    ///
    /// # Errors
    ///
    /// [`StartError`], with a message for the operator.
    pub async fn open(self) -> Result<Embedded, StartError> {
        let parse = |key: Option<String>| key.as_deref().map(str::parse).transpose();
        let master_key = parse(self.master_key)?;
        let previous_master_key = parse(self.previous_master_key)?;
        let schema = self.schema.as_deref().map(str::parse).transpose();
        let schema = schema.map_err(OpenError::Schema)?;
        let opened = start::open(Options {
            database_url: self.url.into(),
            schema,
            opening: Opening::Create,
            origin: Origin::NotDev,
            tuning: Tuning::default(),
            master_key,
            previous_master_key,
            algorithm: self.algorithm.into(),
            secret: None,
            serves: true,
            legacy: self.legacy,
            settings: Settings {
                audience: self.public_url.clone(),
                public_url: self.public_url.clone(),
                issuer: self.public_url,
                access_ttl: self.access_ttl,
                max_token_bytes: 4096,
                rotate_every: Some(self.rotate_every).filter(|every| !every.is_zero()),
                registration_open: self.registration == Registration::Open,
                unique_email: self.unique_email,
                policy: PolicyLimits::default(),
                registration_roles: "user"
                    .parse::<RoleName>()
                    .into_iter()
                    .collect::<BTreeSet<_>>(),
                password_grant: true,
                sessions: self.sessions,
                quotas: (&self.quotas).into(),
                failures_per_minute: crate::config::FAILURES_PER_MINUTE,
                stale_after: (self.staleness.on_stale == OnStale::Refuse)
                    .then_some(self.staleness.max),
                exempt_users: self
                    .demo_users
                    .iter()
                    .map(|(name, ..)| name.clone())
                    .collect(),
            },
            scheme: PasswordScheme::default(),
            hashing: self.hashing,
            min_length: self.min_length,
            clock: self.clock,
            database_clock: self.database_clock,
        })
        .await?;
        for (username, password, roles) in &self.demo_users {
            demo::ensure_user(&opened.app, username, password, roles).await?;
        }
        start::check_registration_roles(&opened.app).await?;
        let mut embedded = Embedded::from_opened(opened, self.staleness)?;
        if let Some(cookie) = self.cookie {
            // `/forward-auth` does not see the method of the request that it decides on, so it reads no cookie
            embedded.guard = embedded.guard.with_cookie((*cookie).clone());
            embedded.api_guard = embedded.api_guard.with_cookie(*cookie);
        }
        Ok(embedded)
    }
}

#[cfg(test)]
mod tests {
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
