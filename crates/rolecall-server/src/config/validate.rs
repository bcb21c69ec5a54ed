//! Checks the values, each alone and together.

mod addresses;
mod bounds;
mod connections;
mod database;
mod mail;
mod pages;
mod tokens;

use std::time::Duration;

use rolecall_passwords::{LOWEST_MIN_LENGTH, MAX_CODE_POINTS};
use tracing_subscriber::filter::Targets;

pub(crate) use self::{
    addresses::check_public_url, mail::faults as mail_faults, pages::page_faults,
};
use super::Config;

const SHORTEST_SESSION: Duration = Duration::from_mins(1);
const LONGEST_SESSION: Duration = Duration::from_hours(400 * 24);

/// The quotas that can be set. Fewer would keep people from working, and more would limit nothing.
const QUOTAS: std::ops::RangeInclusive<u32> = 10..=10_000_000;

/// Returns one line for each fault, none if the configuration is valid.
pub(super) fn faults(config: &Config) -> Vec<String> {
    [
        addresses::faults(config),
        tokens::faults(config),
        profile(config),
        registration(config),
        sessions(config),
        policy(config),
        quotas(config),
        connections::faults(config),
        tokens::legacy_faults(config),
        database::faults(config),
        login(config),
        page_faults(&config.pages),
        mail::faults(&config.mail),
        others(config),
    ]
    .concat()
}

fn profile(config: &Config) -> Vec<String> {
    config.profile_fields().err().unwrap_or_default()
}

fn registration(config: &Config) -> Vec<String> {
    let registration = &config.registration;
    let mut faults = Vec::new();
    let is_domain = |domain: &String| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        (1..=253).contains(&domain.len()) && domain.chars().all(is_plain)
    };
    if let Some(wrong) = registration
        .domains
        .iter()
        .find(|domain| !is_domain(domain))
    {
        let wrong = wrong.escape_debug();
        faults.push(format!(
            "`registration.domains`: `{wrong}` is no domain; write one such as `example.com`"
        ));
    }
    let proves = registration.verify && config.mail.url.is_some();
    if !registration.domains.is_empty() && !proves {
        faults.push(
            "`registration.domains`: anybody can claim an address that is not proven; set `mail.url`, and leave `registration.verify` on"
                .to_owned(),
        );
    }
    faults
}

fn sessions(config: &Config) -> Vec<String> {
    let sessions = &config.sessions;
    let mut faults = Vec::new();
    for (key, ttl) in [
        ("sessions.idle_ttl", sessions.idle_ttl),
        ("sessions.max_ttl", sessions.max_ttl),
    ] {
        let lifetimes = SHORTEST_SESSION..=LONGEST_SESSION;
        faults.extend(bounds::duration(key, ttl, lifetimes, "1m and 400d"));
    }
    faults.extend(bounds::number(
        "sessions.per_user",
        sessions.per_user,
        1..=10_000,
    ));
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
        faults.extend(bounds::number(
            &format!("policy.{key}"),
            value,
            least..=most,
        ));
    }
    let deadlines = Duration::from_secs(1)..=Duration::from_mins(10);
    faults.extend(bounds::duration(
        "policy.deadline",
        policy.deadline,
        deadlines,
        "1s and 10m",
    ));
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
        .into_iter()
        .filter_map(|(key, limit)| bounds::number(&format!("quotas.{key}"), limit, QUOTAS))
        .collect()
}

fn login(config: &Config) -> Vec<String> {
    let failures = config.login.failures_per_minute;
    let number = bounds::number("login.failures_per_minute", failures, 1..=1_000_000);
    let durations = [
        ("login.idle", Some(config.login.idle)),
        ("login.max", Some(config.login.max)),
        ("login.stay", config.login.stay),
        ("login.remember_device", config.login.remember_device),
    ];
    let durations = durations.into_iter().filter_map(|(key, duration)| {
        let range = SHORTEST_SESSION..=LONGEST_SESSION;
        bounds::duration(key, duration?, range, "1m and 400d")
    });
    let fresh = Duration::from_secs(30)..=Duration::from_hours(1);
    let fresh = bounds::duration("login.fresh", config.login.fresh, fresh, "30s and 1h");
    let with_codes = [
        ("login.mail_code", config.login.mail_code),
        ("login.verified_address", config.login.verified_address),
    ];
    let with_codes = with_codes.into_iter().filter(|(_, is_on)| *is_on);
    let unsent = with_codes.filter(|_| config.mail.url.is_none());
    let unsent =
        unsent.map(|(key, _)| format!("`{key}`: no code is sent without `mail.url`; set it too"));
    let faults = number.into_iter().chain(durations).chain(fresh);
    faults.chain(unsent).collect()
}

fn others(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    let lengths = LOWEST_MIN_LENGTH..=MAX_CODE_POINTS;
    faults.extend(bounds::number(
        "passwords.min_length",
        config.passwords.min_length,
        lengths,
    ));
    let staleness = Duration::from_secs(1)..=Duration::from_hours(1);
    faults.extend(bounds::duration(
        "guard.max_staleness",
        config.guard.max_staleness,
        staleness,
        "1s and 1h",
    ));
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
            "`log.level`: `{}` is not a level (`error`, `warn`, `info`, `debug`, `trace`) or a filter that begins with one, such as `info,sqlx=warn`",
            config.log.level
        ));
    }
    faults
}

/// Returns true if `text` is a level or a filter. A word that is no level would be the name of a target, beside which
/// nothing is logged.
fn is_log_filter(text: &str) -> bool {
    let is_level = |word: &str| {
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        levels.iter().any(|level| level.eq_ignore_ascii_case(word))
    };
    let words = text.split(',').map(str::trim);
    words.clone().any(is_level)
        && words
            .into_iter()
            .all(|word| is_level(word) || word.contains('='))
        && text.parse::<Targets>().is_ok()
}
