//! Checks the values, each alone and together.

mod connections;

use std::net::SocketAddr;
use std::time::Duration;

use rolecall_passwords::{LOWEST_MIN_LENGTH, MAX_CODE_POINTS};
use secrecy::ExposeSecret as _;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::{Config, SigningAlgorithm, origins, values::show_duration};
use crate::store::url::DatabaseUrl;

/// Guards refuse tokens with a longer lifetime.
const MAX_ACCESS_TTL: Duration = Duration::from_hours(24);

/// A request ends after 30 s, and waits for a connection and for statements in that time.
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(25);
const MAX_START: Duration = Duration::from_hours(24);
const SHORTEST_SESSION: Duration = Duration::from_mins(1);
const LONGEST_SESSION: Duration = Duration::from_hours(400 * 24);
const MIN_ROTATION: Duration = Duration::from_hours(1);
const MAX_ROTATION: Duration = Duration::from_hours(400 * 24);
/// The longest lifetime that a session of the old application may plausibly have.
const MAX_LEGACY_AGE: Duration = Duration::from_hours(90 * 24);

/// The quotas that can be set. Fewer would keep people from working, and more would limit nothing.
const QUOTAS: std::ops::RangeInclusive<u32> = 10..=10_000_000;
/// RFC 7518 section 3.2: an HMAC key is at least as long as the hash.
const MIN_SECRET_BYTES: usize = 32;

/// Returns one line for each fault, none if the configuration is valid.
pub(super) fn faults(config: &Config) -> Vec<String> {
    [
        addresses(config),
        tokens(config),
        sessions(config),
        policy(config),
        quotas(config),
        connections::faults(config),
        legacy(config),
        database(config),
        login(config),
        others(config),
    ]
    .concat()
}

fn addresses(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let local = config.listen.ip().is_loopback();
    if let Some(url) = &config.public_url {
        match Url::parse(url) {
            None => faults.push(format!(
                "`public_url`: `{url}` is not an address such as `https://login.example.com`, without user, query and fragment"
            )),
            Some(url_parts) if url_parts.encrypted || config.insecure_http => {}
            Some(url_parts) if url_parts.local && local => {}
            Some(_) => faults.push(format!(
                "`public_url`: passwords would cross the network unencrypted on `{url}`; put a proxy that ends TLS in front and set `public_url = \"https://...\"`, or accept the risk with `insecure_http = true`"
            )),
        }
    } else if !local && !config.insecure_http {
        faults.push(format!(
            "`listen`: {} can be reached from other machines, and passwords would cross the network unencrypted; put a proxy that ends TLS in front and set `public_url = \"https://...\"`, or accept the risk with `insecure_http = true`",
            config.listen
        ));
    } else if config.tokens.issuer.is_none() {
        let error = config.issuer().err();
        faults.extend(error.iter().flat_map(|error| error.faults().to_vec()));
    }
    if config
        .metrics
        .listen
        .is_some_and(|metrics| overlap(metrics, config.listen))
    {
        faults.push(format!(
            "`metrics.listen`: the API listens on {} already; choose another port, which only Prometheus can reach",
            config.listen
        ));
    }
    faults.extend(
        config
            .cors
            .allowed_origins
            .iter()
            .filter_map(|origin| origins::fault(origin)),
    );
    faults
}

/// Returns whether two listeners would use the same port. Port 0 means any free port.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (first, second) = (one.ip(), other.ip());
    let same = first == second || first.is_unspecified() || second.is_unspecified();
    same && one.port() == other.port() && one.port() != 0
}

fn sessions(config: &Config) -> Vec<String> {
    let sessions = &config.sessions;
    let mut faults = Vec::new();
    for (key, ttl) in [
        ("sessions.idle_ttl", sessions.idle_ttl),
        ("sessions.max_ttl", sessions.max_ttl),
    ] {
        if !(SHORTEST_SESSION..=LONGEST_SESSION).contains(&ttl) {
            faults.push(format!(
                "`{key}`: {} is not between 1m and 400d",
                show_duration(ttl)
            ));
        }
    }
    if !(1..=10_000).contains(&sessions.per_user) {
        faults.push(format!(
            "`sessions.per_user`: {} is not between 1 and 10000",
            sessions.per_user
        ));
    }
    faults
}

fn policy(config: &Config) -> Vec<String> {
    let policy = &config.policy;
    let mut faults = Vec::new();
    for (key, value, most) in [
        ("max_roles", policy.max_roles, 100_000),
        ("max_permissions", policy.max_permissions, 100_000),
        ("max_grants", policy.max_grants, 1_000_000),
        ("max_edges", policy.max_edges, 1_000_000),
        ("max_effects", policy.max_effects, 1_000_000_000),
        ("at_once", policy.at_once, 64),
    ] {
        // rolecall's own roles and permissions count too
        let least = if key == "at_once" { 1 } else { 100 };
        if !(least..=most).contains(&value) {
            faults.push(format!(
                "`policy.{key}`: {value} is not between {least} and {most}"
            ));
        }
    }
    if !(Duration::from_secs(1)..=Duration::from_mins(10)).contains(&policy.deadline) {
        faults.push(format!(
            "`policy.deadline`: {} is not between 1s and 10m",
            show_duration(policy.deadline)
        ));
    }
    faults
}

fn quotas(config: &Config) -> Vec<String> {
    let quotas = &config.quotas;
    let limits = [
        ("own_changes_per_hour", quotas.own_changes_per_hour),
        ("changes_per_hour", quotas.changes_per_hour),
        ("revocations_per_hour", quotas.revocations_per_hour),
        ("refreshes_per_hour", quotas.refreshes_per_hour),
        ("log_ins_per_hour", quotas.log_ins_per_hour),
    ];
    limits
        .iter()
        .filter(|(_, limit)| !QUOTAS.contains(limit))
        .map(|(key, limit)| format!("`quotas.{key}`: {limit} is not between 10 and 10000000"))
        .collect()
}

fn tokens(config: &Config) -> Vec<String> {
    let tokens = &config.tokens;
    let mut faults = Vec::new();
    if tokens.access_ttl < Duration::from_secs(1) || tokens.access_ttl > MAX_ACCESS_TTL {
        faults.push(format!(
            "`tokens.access_ttl`: {} is not between 1s and 24h",
            show_duration(tokens.access_ttl)
        ));
    }
    let rotates = !tokens.rotate_every.is_zero();
    if rotates && !(MIN_ROTATION..=MAX_ROTATION).contains(&tokens.rotate_every) {
        faults.push(format!(
            "`tokens.rotate_every`: {} is not between 1h and 400d; `0` rotates by hand only",
            show_duration(tokens.rotate_every)
        ));
    }
    if !(1024..=16 * 1024).contains(&tokens.max_bytes) {
        faults.push(format!(
            "`tokens.max_bytes`: {} is not between 1024 and 16384",
            tokens.max_bytes
        ));
    }
    for (key, value) in [
        ("tokens.issuer", &tokens.issuer),
        ("tokens.audience", &tokens.audience),
    ] {
        let unusable = |text: &String| {
            text.is_empty()
                || text.len() > 256
                || text.contains(|letter: char| letter.is_control() || letter.is_whitespace())
        };
        if value.as_ref().is_some_and(unusable) {
            faults.push(format!(
                "`{key}` must have 1 to 256 characters, without spaces"
            ));
        }
    }
    match (&tokens.secret, tokens.algorithm) {
        (Some(secret), SigningAlgorithm::Hs256) => {
            let length = secret.expose_secret().len();
            if length < MIN_SECRET_BYTES {
                faults.push(format!(
                    "`tokens.secret` has {length} bytes and HS256 needs at least {MIN_SECRET_BYTES}; `openssl rand -hex 32` makes a good one"
                ));
            }
        }
        (Some(_), _) => faults.push(
            "`tokens.secret` is only used with `tokens.algorithm = \"HS256\"`; leave it out or set the algorithm".to_owned(),
        ),
        (None, _) => {}
    }
    faults
}

fn legacy(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let legacy = &config.tokens.legacy;
    let Some(secret) = legacy
        .secret
        .as_ref()
        .map(secrecy::ExposeSecret::expose_secret)
    else {
        if legacy.until.is_some() || legacy.max_age.is_some() || legacy.allow_short_secret {
            faults.push("`tokens.legacy.secret` is missing: set it to the secret that the old application signs with, or remove the section".to_owned());
        }
        return faults;
    };
    let length = secret.len();
    if length == 0 {
        faults.push("`tokens.legacy.secret` is empty".to_owned());
    } else if length < MIN_SECRET_BYTES && !legacy.allow_short_secret {
        faults.push(format!(
            "`tokens.legacy.secret` has {length} bytes and HS256 needs at least {MIN_SECRET_BYTES}: anyone with one token can guess it and forge tokens for every imported user; accept the risk until `tokens.legacy.until` with `tokens.legacy.allow_short_secret = true`"
        ));
    }
    let own = config.tokens.secret.as_ref();
    if own.is_some_and(|own| own.expose_secret() == secret) {
        faults.push("`tokens.secret` must not be the same as `tokens.legacy.secret`: anyone who knows the old secret could forge every token".to_owned());
    }
    if legacy.until.is_none() {
        faults.push("`tokens.legacy.until` is missing: set it to the time when the last token of the old application expires".to_owned());
    }
    match legacy.max_age {
        None => faults.push(
            "`tokens.legacy.max_age` is missing: set it to the lifetime of the old application's tokens, such as `30m`"
                .to_owned(),
        ),
        Some(age) if age.is_zero() || age > MAX_LEGACY_AGE => faults.push(format!(
            "`tokens.legacy.max_age`: {} is not between 1s and 90d",
            show_duration(age)
        )),
        Some(_) => {}
    }
    faults
}

fn database(config: &Config) -> Vec<String> {
    let database = &config.database;
    let mut faults = Vec::new();
    match DatabaseUrl::parse(database.url.expose_secret()) {
        Err(error) => faults.push(error.to_string()),
        Ok(DatabaseUrl::Postgres(_)) => {}
        Ok(_) if database.schema.is_some() => faults.push(
            "`database.schema`: SQLite has no schemas; remove it, and give rolecall a file of its own with `database.url`"
                .to_owned(),
        ),
        Ok(_) => {}
    }
    if !(2..=1000).contains(&database.max_connections) {
        faults.push(format!(
            "`database.max_connections`: {} is not between 2 and 1000",
            database.max_connections
        ));
    }
    for (key, limit, shortest, longest) in [
        (
            "acquire_timeout",
            database.acquire_timeout,
            MIN_TIMEOUT,
            MAX_TIMEOUT,
        ),
        (
            "statement_timeout",
            database.statement_timeout,
            MIN_TIMEOUT,
            MAX_TIMEOUT,
        ),
        (
            "start_timeout",
            database.start_timeout,
            Duration::ZERO,
            MAX_START,
        ),
    ] {
        if limit < shortest || limit > longest {
            faults.push(format!(
                "`database.{key}`: {} is not between {} and {}",
                show_duration(limit),
                show_duration(shortest),
                show_duration(longest)
            ));
        }
    }
    faults
}

fn login(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let failures = config.login.failures_per_minute;
    if !(1..=1_000_000).contains(&failures) {
        faults.push(format!(
            "`login.failures_per_minute`: {failures} is not between 1 and 1000000"
        ));
    }
    faults
}

fn others(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let min_length = config.passwords.min_length;
    if !(LOWEST_MIN_LENGTH..=MAX_CODE_POINTS).contains(&min_length) {
        faults.push(format!(
            "`passwords.min_length`: {min_length} is not between {LOWEST_MIN_LENGTH} and {MAX_CODE_POINTS}"
        ));
    }
    let staleness = config.guard.max_staleness;
    if staleness < Duration::from_secs(1) || staleness > Duration::from_hours(1) {
        faults.push(format!(
            "`guard.max_staleness`: {} is not between 1s and 1h",
            show_duration(staleness)
        ));
    }
    if config
        .proxy
        .trusted
        .iter()
        .any(|network| network.prefix_len() == 0)
    {
        faults.push("`proxy.trusted`: a network of all addresses trusts everybody; list the addresses of your proxies".to_owned());
    }
    if !is_log_filter(&config.log.level) {
        faults.push(format!(
            "`log.level`: `{}` is not a level (`error`, `warn`, `info`, `debug`, `trace`) or a filter such as `info,sqlx=warn`",
            config.log.level
        ));
    }
    faults
}

/// Checks for a level or a filter. A word alone that is no level would be a module whose every line is logged, and nothing
/// else: more likely it is a level with a typing error.
fn is_log_filter(text: &str) -> bool {
    let is_known = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    text.parse::<Targets>().is_ok() && text.split(',').all(is_known)
}

/// The properties of an http or https address that the checks need.
struct Url {
    encrypted: bool,
    local: bool,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        if text.contains(['#', '?', '@', '*', '\\']) {
            return None;
        }
        let uri: http::Uri = text.parse().ok()?;
        let encrypted = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let ip = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>();
        let local = ip.map_or_else(
            |_| host == "localhost" || host.ends_with(".localhost"),
            |ip| ip.is_loopback(),
        );
        Some(Self { encrypted, local })
    }
}
