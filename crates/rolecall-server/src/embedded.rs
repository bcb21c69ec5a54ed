//! rolecall inside an application of your own.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rolecall::{Clock, Guard, GuardedRouter, OnStale, SystemClock};
use rolecall_core::RoleName;

use crate::{
    api,
    app::App,
    config::{ROTATE_EVERY, RegistrationMode, SigningAlgorithm},
    demo,
    error::ApiError,
    http, ids,
    legacy::old_tokens::LegacyTokens,
    passwords::{DEFAULT_MIN_LENGTH, Parameters, PasswordScheme},
    settings::{SessionLimits, Settings},
    start::{self, Opened, Options, Staleness, StartError},
    watch,
};

/// Whether people may register themselves.
pub type Registration = RegistrationMode;

/// An authorization server in the same process as the application that it guards.
///
/// It reads no environment and no file but its database and the master key beside it.
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
    /// Opens the database with everything by default.
    ///
    /// # Errors
    ///
    /// [`StartError`], in words for whoever runs the application.
    pub async fn open(url: &str) -> Result<Self, StartError> {
        Self::builder(url).open().await
    }

    /// Begins with the defaults, to change some of them.
    pub fn builder(url: &str) -> EmbeddedBuilder {
        EmbeddedBuilder {
            url: url.to_owned(),
            public_url: "http://127.0.0.1:8000".to_owned(),
            registration: Registration::Closed,
            min_length: DEFAULT_MIN_LENGTH,
            demo_users: Vec::new(),
            master_key: None,
            previous_master_key: None,
            algorithm: SigningAlgorithm::default(),
            rotate_every: ROTATE_EVERY,
            access_ttl: Duration::from_mins(30),
            clock: Arc::new(SystemClock),
            staleness: Staleness::default(),
            hashing: None,
            sessions: SessionLimits::default(),
            legacy: None,
        }
    }

    /// The guard for the application's own routes.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.guard.clone()
    }

    /// All endpoints of the server, health and documentation included, to merge into the application's router.
    ///
    /// # Errors
    ///
    /// [`StartError::Failed`] if the routes and their description disagree: a fault of rolecall.
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

    /// The guard of the server's own API.
    pub(crate) fn api_guard(&self) -> &Guard {
        &self.api_guard
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }
}

/// Serves an application on `address` as the binary does: with time-outs, a body limit, request ids, safe
/// headers and a graceful end.
///
/// # Errors
///
/// If the address cannot be listened on.
pub async fn serve(address: &str, app: axum::Router) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let app = http::wrap(app, http::LayerOptions::default());
    http::serve_until_signal(listener, app).await;
    Ok(())
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// What of the defaults of an [`Embedded`] is to be otherwise.
#[must_use]
pub struct EmbeddedBuilder {
    url: String,
    public_url: String,
    registration: Registration,
    min_length: usize,
    demo_users: Vec<(String, String, Vec<String>)>,
    master_key: Option<String>,
    previous_master_key: Option<String>,
    algorithm: SigningAlgorithm,
    rotate_every: Duration,
    access_ttl: Duration,
    clock: Arc<dyn Clock>,
    staleness: Staleness,
    hashing: Option<Parameters>,
    sessions: SessionLimits,
    legacy: Option<LegacyTokens>,
}

impl EmbeddedBuilder {
    /// How many sessions one user has at most, 100 by default: beyond that the idlest ends.
    pub fn sessions_per_user(mut self, sessions: u32) -> Self {
        self.sessions.per_user = sessions.max(1);
        self
    }

    /// Takes tokens of the application that was there before, for users who were imported from it: on the
    /// application's own routes, never at `/api`.
    pub fn legacy_tokens(mut self, tokens: LegacyTokens) -> Self {
        self.legacy = Some(tokens);
        self
    }

    /// The master key, 32 bytes in hex or base64; needed on PostgreSQL. Without one, a file beside a
    /// SQLite database holds it.
    pub fn master_key(mut self, key: &str) -> Self {
        self.master_key = Some(key.to_owned());
        self
    }

    /// The master key that [`master_key`](Self::master_key) takes the place of, until it has: the database says
    /// which of the two it is sealed with.
    pub fn previous_master_key(mut self, key: &str) -> Self {
        self.previous_master_key = Some(key.to_owned());
        self
    }

    /// How access tokens are signed; ES256 by default. Another one than before takes effect once its key has been
    /// published for five minutes and a half.
    pub fn algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// How long a signing key signs before the next one does: 30 days by default, never by itself if it is zero.
    pub fn rotate_every(mut self, every: Duration) -> Self {
        self.rotate_every = every;
        self
    }

    /// How long an access token lives: 30 minutes by default, and at most a day.
    pub fn access_ttl(mut self, lifetime: Duration) -> Self {
        self.access_ttl = lifetime.min(Duration::from_hours(24));
        self
    }

    /// How old what the guards know may become while the database does not answer: 30 s by default. Older,
    /// they answer 503.
    pub fn max_staleness(mut self, age: Duration) -> Self {
        self.staleness.max = age;
        self
    }

    /// What the guards do when what they know is too old: they refuse, unless told otherwise.
    pub fn on_stale(mut self, on_stale: OnStale) -> Self {
        self.staleness.on_stale = on_stale;
        self
    }

    /// What hashing a password costs: for tests that cannot wait. Nobody's password is safe with less than
    /// the default.
    #[doc(hidden)]
    pub fn hashing(mut self, parameters: Parameters) -> Self {
        self.hashing = Some(parameters);
        self
    }

    /// The clock: for tests that cannot wait.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The address under which clients reach the application; it is the issuer of the tokens.
    pub fn public_url(mut self, url: &str) -> Self {
        url.trim_end_matches('/').clone_into(&mut self.public_url);
        self
    }

    /// Whether people may register themselves; closed by default.
    pub fn registration(mut self, registration: Registration) -> Self {
        self.registration = registration;
        self
    }

    /// How many characters a password has at least: 15 by default, and never under 8.
    pub fn min_length(mut self, characters: usize) -> Self {
        self.min_length = characters.max(crate::passwords::LOWEST_MIN_LENGTH);
        self
    }

    /// Makes a user for trying things out, with a password that everyone may know, and the roles that it
    /// names; whoever is there already stays as they are.
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
    /// [`StartError`], in words for whoever runs the application.
    pub async fn open(self) -> Result<Embedded, StartError> {
        let parse = |key: Option<String>| key.as_deref().map(str::parse).transpose();
        let master_key = parse(self.master_key)?;
        let previous_master_key = parse(self.previous_master_key)?;
        let opened = start::open(Options {
            database_url: self.url.into(),
            master_key,
            previous_master_key,
            algorithm: self.algorithm.into(),
            secret: None,
            serves: true,
            legacy: self.legacy,
            settings: Settings {
                audience: self.public_url.clone(),
                issuer: self.public_url,
                access_ttl: self.access_ttl,
                max_token_bytes: 4096,
                rotate_every: Some(self.rotate_every).filter(|every| !every.is_zero()),
                registration_open: self.registration == Registration::Open,
                registration_roles: "user"
                    .parse::<RoleName>()
                    .into_iter()
                    .collect::<BTreeSet<_>>(),
                password_grant: true,
                sessions: self.sessions,
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
        })
        .await?;
        for (username, password, roles) in &self.demo_users {
            demo::ensure_user(&opened.app, username, password, roles).await?;
        }
        start::check_registration_roles(&opened.app).await?;
        Embedded::from_opened(opened, self.staleness)
    }
}
