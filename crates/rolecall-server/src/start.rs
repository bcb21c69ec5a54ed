//! From a configuration to an application that is open and watches its database.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_lc_rs::hmac;
use rolecall::{
    Clock, Guard, GuardBuilder, GuardError, LiveState, OnStale,
    token::{Algorithm, KeyError},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;

use crate::{
    app::{App, Parts},
    authority::policy_cache::PolicyCache,
    bootstrap::{self, Start},
    decisions::receipt::Writer,
    error::ApiError,
    feed::Feed,
    keys::{ring::KeyRing, service::Configured},
    legacy::{
        exchange::LegacyExchange,
        old_tokens::{Legacy, LegacyTokens},
    },
    metrics::Metrics,
    passwords::{Hasher, HasherOptions, Parameters, PasswordPolicy, PasswordScheme},
    settings::Settings,
    store::{OpenError, Store, file},
    throttle::{AddressLimiter, InFlight, Turns},
    vault::{MasterKey, MasterKeyError, MasterKeys},
    watch::{self, Seen},
};

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The master key file cannot be used.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// PostgreSQL is shared by nodes, so a key beside the database would not do.
    #[error(
        "PostgreSQL needs a master key: make one with `openssl rand -hex 32`, keep it in a file that only rolecall reads, and set `master_key_file` (or ROLECALL_MASTER_KEY_FILE)"
    )]
    NoMasterKey,
    /// The database is sealed with another master key.
    #[error(
        "the master key is not the one that this database is sealed with: put the right one back (`master_key`, `master_key_file`, or the file beside the database)"
    )]
    WrongMasterKey,
    /// `registration.roles` names a role that does not exist.
    #[error(
        "`registration.roles` names `{0}`, which does not exist: make it with `rolecall role add {0}`"
    )]
    UnknownRegistrationRole(String),
    /// Whoever registers would be given roles that a constraint keeps apart.
    #[error("nobody could register with what `registration.roles` names: {0}")]
    RegistrationRolesApart(String),
    /// The guard cannot be made.
    #[error("the guard cannot be made: {0}")]
    Guard(#[from] GuardError),
    /// The secret of the old application is too short.
    #[error("tokens of the old application: {0}")]
    Legacy(KeyError),
    /// The system gives no threads.
    #[error("no threads for hashing passwords: {0}")]
    Threads(#[from] std::io::Error),
    /// A demo user cannot be made.
    #[error("user `{0}` cannot be made: {1}")]
    DemoUser(String, String),
    /// Something failed that should not.
    #[error("{0}")]
    Failed(String),
}

impl From<ApiError> for StartError {
    fn from(error: ApiError) -> Self {
        Self::Failed(crate::error::chain_of(&error))
    }
}

/// Everything that a start needs.
pub(crate) struct Options {
    pub(crate) database_url: SecretString,
    pub(crate) master_key: Option<MasterKey>,
    /// Another that the database may still, or already, be sealed with.
    pub(crate) previous_master_key: Option<MasterKey>,
    pub(crate) algorithm: Algorithm,
    pub(crate) secret: Option<SecretString>,
    /// Whether tokens will be issued.
    pub(crate) serves: bool,
    pub(crate) legacy: Option<LegacyTokens>,
    pub(crate) settings: Settings,
    pub(crate) scheme: PasswordScheme,
    /// What hashing costs, where that is not what the scheme recommends.
    pub(crate) hashing: Option<Parameters>,
    pub(crate) min_length: usize,
    pub(crate) clock: Arc<dyn Clock>,
}

/// An open application, and what its watch has seen so far.
pub(crate) struct Opened {
    pub(crate) app: App,
    pub(crate) seen: Seen,
}

/// Opens the database, brings it into use and reads its state.
pub(crate) async fn open(options: Options) -> Result<Opened, StartError> {
    let legacy = legacy_keys(options.legacy.as_ref())?;
    let url = options.database_url.expose_secret();
    let store = Store::open(url).await?;
    let masters = MasterKeys::new(
        master_key(url, options.master_key)?,
        options.previous_master_key,
    )
    .map_err(|error| StartError::Failed(error.to_string()))?;
    let start = Start {
        store: &store,
        masters: &masters,
        keys: Configured {
            algorithm: options.algorithm,
            secret: options
                .secret
                .as_ref()
                .map(|secret| secret.expose_secret().as_bytes()),
            serves: options.serves,
        },
        access_ttl: options.settings.access_ttl,
        now: options.clock.now(),
    };
    let ready = match bootstrap::prepare(&start).await {
        Ok(ready) => ready,
        Err(error) => {
            // whoever puts the fault right must not find the files still open
            store.close().await;
            return Err(match error {
                bootstrap::BootstrapError::WrongMasterKey => StartError::WrongMasterKey,
                bootstrap::BootstrapError::Failed(error) => error.into(),
            });
        }
    };
    let hasher = Hasher::new(HasherOptions {
        parameters: options
            .hashing
            .unwrap_or_else(|| Parameters::of(options.scheme)),
        ..HasherOptions::default()
    })?;
    let live = LiveState::new(ready.keys.set, &ready.era, Arc::clone(&options.clock));
    let started_at = options.clock.now();
    let app = App::new(Parts {
        store,
        chain: ready.chain,
        masters,
        account_key: hmac::Key::new(hmac::HMAC_SHA256, &ready.account_key),
        clock: options.clock,
        live,
        keys: KeyRing::new(ready.keys.signing),
        feed: Feed::default(),
        look_now: Notify::new(),
        hasher,
        password_policy: PasswordPolicy {
            min_length: options.min_length,
            scheme: options.scheme,
        },
        settings: options.settings,
        policy: PolicyCache::default(),
        failing_addresses: AddressLimiter::default(),
        registering_addresses: AddressLimiter::default(),
        failing_clients: AddressLimiter::default(),
        in_flight: InFlight::default(),
        turns: Turns::default(),
        legacy,
        metrics: Metrics::new(started_at),
        document: OnceLock::new(),
    });
    let seen = watch::load_all(&app).await?;
    Ok(Opened { app, seen })
}

/// The tokens of an application that was there before.
fn legacy_keys(configured: Option<&LegacyTokens>) -> Result<Option<Legacy>, StartError> {
    let legacy = configured.map(Legacy::new);
    legacy.transpose().map_err(StartError::Legacy)
}

/// The configured key, or one in a file beside a SQLite database.
fn master_key(url: &str, configured: Option<MasterKey>) -> Result<MasterKey, StartError> {
    if let Some(key) = configured {
        return Ok(key);
    }
    match file::sqlite_path(url) {
        Some(path) if path.as_os_str() == ":memory:" => {
            MasterKey::generate().map_err(|error| StartError::Failed(error.to_string()))
        }
        Some(path) => master_key_beside(&path),
        None => Err(StartError::NoMasterKey),
    }
}

/// The key in the file beside a SQLite database, made if it is not there.
pub(crate) fn master_key_beside(database: &Path) -> Result<MasterKey, StartError> {
    Ok(MasterKey::load_or_create(&key_file(database))?)
}

/// Where the key of a SQLite database is, if it is not configured.
pub(crate) fn key_file(database: &Path) -> PathBuf {
    database.with_extension("key")
}

/// Refuses to start with a registration that could not give its roles.
pub(crate) async fn check_registration_roles(app: &App) -> Result<(), StartError> {
    for role in &app.settings().registration_roles {
        match crate::roles::service::get(app, role).await {
            Ok(_) => {}
            Err(ApiError::Unknown { .. }) => {
                return Err(StartError::UnknownRegistrationRole(role.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    match crate::roles::separation::registration_violation(app).await? {
        Some(breach) => Err(StartError::RegistrationRolesApart(breach.to_string())),
        None => Ok(()),
    }
}

/// How the guards of this process treat a state that is too old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staleness {
    pub(crate) max: Duration,
    pub(crate) on_stale: OnStale,
}

impl Default for Staleness {
    fn default() -> Self {
        Self {
            max: Duration::from_secs(30),
            on_stale: OnStale::Refuse,
        }
    }
}

/// The guard of the server's own API, or of an application beside it.
pub(crate) fn guard(app: &App, audience: &str, staleness: Staleness) -> Result<Guard, GuardError> {
    builder(app, audience, staleness).build()
}

/// The guard of the question that a proxy asks, for itself or for an application: takes either's tokens.
pub(crate) fn forward_guard(app: &App, staleness: Staleness) -> Result<Guard, GuardError> {
    let settings = app.settings();
    let both = builder(app, &settings.issuer, staleness).or_audience(&settings.audience);
    if app.parts().legacy.is_none() {
        return both.build();
    }
    let plain = guard(app, &settings.audience, staleness)?;
    let exchange = LegacyExchange::new(app.clone(), plain);
    both.exchange(Arc::new(exchange)).build()
}

/// The guard of an application beside the server, which takes tokens of the one that was there before too, if
/// the configuration says so.
pub(crate) fn application_guard(app: &App, staleness: Staleness) -> Result<Guard, GuardError> {
    let audience = &app.settings().audience;
    let plain = guard(app, audience, staleness)?;
    let Some(legacy) = &app.parts().legacy else {
        return Ok(plain);
    };
    legacy.warn(app.now());
    let exchange = LegacyExchange::new(app.clone(), plain);
    builder(app, audience, staleness)
        .exchange(Arc::new(exchange))
        .build()
}

fn builder(app: &App, audience: &str, staleness: Staleness) -> GuardBuilder {
    let parts = app.parts();
    Guard::builder()
        .live(parts.live.clone())
        .issuer(&app.settings().issuer)
        .audience(audience)
        .clock(SharedClock(Arc::clone(&parts.clock)))
        .receipts(Arc::new(Writer::new(app)))
        .max_staleness(staleness.max)
        .on_stale(staleness.on_stale)
}

/// The one clock of the process.
struct SharedClock(Arc<dyn Clock>);

impl Clock for SharedClock {
    fn now(&self) -> rolecall_core::Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}
