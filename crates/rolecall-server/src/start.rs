//! From a configuration to an application that is open and watches its database.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use rolecall::{Clock, Guard, GuardBuilder, GuardError, LiveState, OnStale};
use rolecall_passwords::{
    BreachedPasswords, Hasher, HasherOptions, Parameters, PasswordPolicy, PasswordScheme,
};
use tokio::sync::Notify;

pub(crate) use crate::prepared::Options;
#[cfg(feature = "cli")]
pub(crate) use crate::prepared::key_file;
pub use crate::start_error::StartError;
use crate::{
    accounts::first_code::FirstRun,
    app::{App, Parts},
    authority::{caller::Caller, policy_cache::PolicyCache},
    breached, clean_up,
    clients::store::GrantType,
    config::Pages,
    decisions::receipt::ReceiptWriter,
    error::ApiError,
    feed::Feed,
    heavy::HeavyWork,
    keys::ring::KeyRing,
    known_time::KnownTime,
    legacy::{
        exchange::LegacyExchange,
        old_tokens::{Legacy, LegacyTokens},
    },
    login::{decoys::Decoys, flow::begun, sampling},
    mail::outbox,
    metrics::counters::Metrics,
    pages::look::Look,
    prepared::open_patiently,
    quota::Quotas,
    store::Store,
    throttle::{AddressLimiter, Budget, InFlight, Repeats, Turns},
    tickets::redeemer::TicketRedeemer,
    watch::{self, Seen},
};

/// An open application, and the state that its watch has seen so far.
pub(crate) struct Opened {
    pub(crate) app: App,
    pub(crate) seen: Seen,
}

/// Opens the database, prepares it and reads its state.
pub(crate) async fn open(options: Options) -> Result<Opened, StartError> {
    let legacy = legacy_keys(options.legacy.as_ref())?;
    // other commands show no page
    let look = if options.serves {
        Look::new(&options.settings.pages)?
    } else {
        Look::new(&Pages::default())?
    };
    let breached = breached_list(&options)?;
    let (store, masters, ready) = open_patiently(&options).await?;
    let hasher = hasher(options.hashing, options.scheme)?;
    let known_time = known_time(&store, &options.clock, options.database_clock.as_ref()).await?;
    let live = LiveState::new(ready.keys.set, &ready.era, Arc::clone(&options.clock));
    live.set_usual_age(watch::USUAL_AGE);
    let started_at = options.clock.now();
    let app = App::new(Parts {
        store,
        chain: ready.chain,
        masters,
        account_key: hmac::Key::new(hmac::HMAC_SHA256, &ready.account_key),
        clock: options.clock,
        database_clock: options.database_clock,
        known_time,
        live,
        keys: KeyRing::new(ready.keys.signing),
        feed: Feed::default(),
        look_now: Notify::new(),
        send_now: Notify::new(),
        call_now: Notify::new(),
        mail_now: Notify::new(),
        mail_ends: AtomicBool::new(false),
        hasher,
        password_policy: PasswordPolicy {
            min_length: options.min_length,
            scheme: options.scheme,
        },
        breached,
        heavy: HeavyWork::new(&options.settings.policy),
        failing_addresses: AddressLimiter::with_budget(Budget {
            per_minute: options.settings.failures_per_minute,
        }),
        settings: options.settings,
        policy: PolicyCache::default(),
        registering_addresses: AddressLimiter::default(),
        beginning_addresses: AddressLimiter::default(),
        asking_addresses: AddressLimiter::default(),
        room_for_mails: outbox::room(),
        room_for_sign_ins: begun::room(),
        room_for_users: begun::room(),
        failing_clients: AddressLimiter::default(),
        quotas: Quotas::default(),
        in_flight: InFlight::default(),
        turns: Turns::default(),
        change_turns: Turns::of_changes(),
        export_turns: Turns::of_exports(),
        decoys: Decoys::default(),
        first_run: FirstRun::default(),
        repeats: Repeats::new().map_err(ApiError::internal)?,
        legacy,
        metrics: Metrics::new(started_at, &GrantType::NAMES),
        look,
        document: ArcSwap::default(),
    });
    if options.serves {
        sampling::refresh(&app).await.map_err(ApiError::from)?;
    }
    let seen = watch::load_all(&app).await?;
    Ok(Opened { app, seen })
}

/// Starts the hashing threads, at the default cost of `scheme` unless another is set.
fn hasher(cost: Option<Parameters>, scheme: PasswordScheme) -> Result<Hasher, StartError> {
    Ok(Hasher::new(HasherOptions {
        parameters: cost.unwrap_or_else(|| Parameters::of(scheme)),
        ..HasherOptions::default()
    })?)
}

/// Opens the list of breached passwords. A command opens it when it needs it: most set no password.
fn breached_list(options: &Options) -> Result<Option<Arc<BreachedPasswords>>, StartError> {
    let opened = options.breached.as_deref().map(|path| {
        if options.serves {
            breached::open(path)
        } else {
            Ok(BreachedPasswords::at(path))
        }
    });
    Ok(opened.transpose()?.map(Arc::new))
}

/// Returns the known time of this process, from the stored one and the database's clock.
async fn known_time(
    store: &Store,
    clock: &Arc<dyn Clock>,
    database_clock: Option<&Arc<dyn Clock>>,
) -> Result<KnownTime, StartError> {
    let at = clock.monotonic();
    let has_own_clock = database_clock.is_none();
    let database_clock = database_clock.unwrap_or(clock);
    let read = async {
        let mut conn = store.read().await?;
        clean_up::clock::start(&mut conn, database_clock.now(), at, has_own_clock).await
    };
    read.await.map_err(|error| ApiError::from(error).into())
}

/// Returns the keys for tokens of the previous application.
fn legacy_keys(configured: Option<&LegacyTokens>) -> Result<Option<Legacy>, StartError> {
    let legacy = configured.map(Legacy::new);
    legacy.transpose().map_err(StartError::Legacy)
}

/// Checks that registration can assign its roles.
pub(crate) async fn check_registration_roles(app: &App) -> Result<(), StartError> {
    for role in &app.settings().registration_roles {
        match crate::roles::service::get(app, Caller::System, role).await {
            Ok(_) => {}
            Err(ApiError::Unknown { .. }) => {
                return Err(StartError::UnknownRegistrationRole(role.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(breach) = crate::roles::separation::registration_violation(app).await? {
        return Err(StartError::RegistrationRolesApart(breach.to_string()));
    }
    match crate::roles::open_roles::violation(app).await? {
        Some(error) if app.settings().registration_open => {
            Err(StartError::RegistrationRolesReserved(error.to_string()))
        }
        Some(error) => {
            tracing::warn!(%error, "a role of `registration.roles` holds a permission of rolecall's own");
            Ok(())
        }
        None => Ok(()),
    }
}

/// The limit on the age of a guard's state, and the behavior beyond it.
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

/// Builds the guard of the server's own API, or of an application that embeds the server.
pub(crate) fn guard(app: &App, audience: &str, staleness: Staleness) -> Result<Guard, GuardError> {
    builder(app, audience, staleness).build()
}

/// Builds the guard of `/forward-auth`, which accepts tokens for the server and for the application.
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

/// Builds the guard of `POST /api/tickets`, which accepts tokens for every audience: a ticket gives no more than its token,
/// and only where the token does.
pub(crate) fn ticket_guard(app: &App, staleness: Staleness) -> Result<Guard, GuardError> {
    let any = builder(app, &app.settings().issuer, staleness).any_audience();
    any.build()
}

/// Builds the guard of an application that embeds the server. It also accepts tokens of the previous application, if
/// that is configured.
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
        .receipts(Arc::new(ReceiptWriter::new(app)))
        .tickets(Arc::new(TicketRedeemer::new(app)))
        .max_staleness(staleness.max)
        .on_stale(staleness.on_stale)
}

/// The clock of the process, as the guard takes it.
struct SharedClock(Arc<dyn Clock>);

impl Clock for SharedClock {
    fn now(&self) -> rolecall_core::Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
}
