//! From a configuration to the options of a start.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, time::Duration};

use rolecall::SystemClock;
use secrecy::ExposeSecret as _;

use crate::{
    bootstrap::Origin,
    config::{Config, OnStale, PasswordGrant, RegistrationMode},
    http::Limits,
    legacy::old_tokens::LegacyTokens,
    outgoing::allow::Allowed,
    settings::{BrowserLimits, FactorRules, PolicyLimits, SessionLimits, Settings},
    start::Options,
    store::{Opening, Tuning},
};

/// Returns the options with which `config` starts the application. `bound` is the address that the server listens
/// on; without one no tokens are issued, the issuer may be empty, and the database must exist.
pub(crate) fn options(config: &Config, bound: Option<SocketAddr>) -> Options {
    let issuer = bound
        .map_or_else(|| config.issuer(), |bound| config.issuer_at(bound))
        .unwrap_or_default();
    Options {
        database_url: config.database.url.clone(),
        schema: config.database.schema.clone(),
        opening: if bound.is_some() {
            Opening::Create
        } else {
            Opening::Existing
        },
        origin: if bound.is_some() {
            Origin::NotDev
        } else {
            Origin::Any
        },
        tuning: tuning(config, bound.is_some()),
        master_key: config.master_key.clone(),
        previous_master_key: config.master_key_previous.clone(),
        algorithm: config.tokens.algorithm.into(),
        secret: config.tokens.secret.clone(),
        serves: bound.is_some(),
        legacy: legacy_tokens(config),
        settings: settings(config, issuer),
        scheme: config.passwords.scheme,
        hashing: None,
        min_length: config.passwords.min_length,
        breached: config.passwords.breached.clone(),
        clock: Arc::new(SystemClock),
        database_clock: None,
    }
}

/// Returns the limits on connections.
pub(crate) fn limits(config: &Config) -> Limits {
    let connections = &config.connections;
    Limits {
        connections: connections.max,
        per_client: connections.per_address,
        proxies: config.proxy.trusted.clone(),
        idle: connections.idle_timeout,
        drain: connections.drain_delay,
        ..Limits::default()
    }
}

fn tuning(config: &Config, serves: bool) -> Tuning {
    let database = &config.database;
    Tuning {
        max_connections: database.max_connections,
        holds_connections: true,
        acquire: database.acquire_timeout,
        statement: database.statement_timeout,
        // somebody waits for the answer of any other command
        start: if serves {
            database.start_timeout
        } else {
            Duration::ZERO
        },
    }
}

fn settings(config: &Config, issuer: String) -> Settings {
    let audience = config.tokens.audience.clone();
    Settings {
        audience: audience.unwrap_or_else(|| issuer.clone()),
        public_url: config.public_url.clone().unwrap_or_else(|| issuer.clone()),
        issuer,
        access_ttl: config.tokens.access_ttl,
        max_token_bytes: config.tokens.max_bytes,
        rotate_every: Some(config.tokens.rotate_every).filter(|every| !every.is_zero()),
        registration_open: config.registration.mode == RegistrationMode::Open,
        registration_roles: config.registration.roles.iter().cloned().collect(),
        registration_verify: config.registration.verify,
        registration_domains: config.registration.domains.clone(),
        profile: config.profile_fields().unwrap_or_default(),
        unique_email: config.registration.unique_email,
        self_delete: config.accounts.self_delete,
        password_grant: config.oauth.password_grant == PasswordGrant::FirstParty,
        sessions: SessionLimits {
            idle: config.sessions.idle_ttl,
            lifetime: config.sessions.max_ttl,
            per_user: config.sessions.per_user,
        },
        browser: BrowserLimits {
            idle: config.login.idle,
            max: config.login.max,
            stay: config.login.stay,
        },
        factors: FactorRules {
            mfa: config.login.mfa,
            mail_code: config.login.mail_code,
            verified_address: config.login.verified_address,
            fresh: config.login.fresh,
            remember: config.login.remember_device,
        },
        pages: config.pages.clone(),
        mail: config.mail.settings().unwrap_or_default(),
        policy: PolicyLimits {
            roles: config.policy.max_roles,
            permissions: config.policy.max_permissions,
            grants: config.policy.max_grants,
            edges: config.policy.max_edges,
            effects: config.policy.max_effects,
            deadline: config.policy.deadline,
            at_once: config.policy.at_once,
        },
        quotas: (&config.quotas).into(),
        failures_per_minute: config.login.failures_per_minute,
        stale_after: (config.guard.on_stale == OnStale::Refuse)
            .then_some(config.guard.max_staleness),
        outgoing: Allowed::new(config.outgoing.allow.clone()),
        config: Some(Arc::new(config.clone())),
        exempt_users: BTreeSet::new(),
    }
}

fn legacy_tokens(config: &Config) -> Option<LegacyTokens> {
    let legacy = &config.tokens.legacy;
    let secret = legacy.secret.as_ref()?.expose_secret();
    let tokens = LegacyTokens::new(secret, legacy.until?, legacy.max_age?);
    Some(if legacy.allow_short_secret {
        tokens.allow_short_secret()
    } else {
        tokens
    })
}
