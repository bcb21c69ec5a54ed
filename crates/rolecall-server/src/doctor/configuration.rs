//! Checks of settings that are valid but rarely intended.

use std::{net::IpAddr, time::Duration};

use rolecall_core::Timestamp;
use rolecall_passwords::DEFAULT_MIN_LENGTH;
use secrecy::ExposeSecret as _;

use super::finding::Finding;
use crate::{
    config::{Config, OnStale, RegistrationMode, SigningAlgorithm},
    legacy::old_tokens::LEAST_BYTES,
    outgoing::allow::AllowedTarget,
    store::url::DatabaseUrl,
    times::rfc3339,
};

/// The longest time for which legacy tokens should be accepted: a migration takes days, not months.
const LONGEST_MIGRATION: Duration = Duration::from_hours(30 * 24);

/// The remark about a connection that others can read or redirect.
pub(crate) const NO_TLS: &str = "`database.url`: the connection to PostgreSQL is not encrypted or not verified, so others on the network may read and change it: \
    add `?sslmode=verify-full` (and `sslrootcert=` for a private authority)";

/// Returns what is valid and rarely intended about the time for which people stay signed in, and about calls to other
/// servers.
#[cfg(feature = "cli")]
pub(crate) fn remarks(config: &Config) -> Vec<&'static str> {
    let remarks = remarks_with_keys(config).into_iter();
    remarks.map(|(_, remark)| remark).collect()
}

/// Returns the remarks, each with the key of its text for pages.
fn remarks_with_keys(config: &Config) -> Vec<(&'static str, &'static str)> {
    let login = &config.login;
    let everywhere = config.outgoing.allow.iter().any(
        |target| matches!(target, AllowedTarget::Network(network) if network.prefix_len() == 0),
    );
    [
        (
            login.idle > login.max,
            "admin-doctor-idle",
            "`login.idle` is longer than `login.max`, which ends a sign-in first: lower it, or raise `login.max`",
        ),
        (
            login.stay.is_some_and(|stay| stay < login.max),
            "admin-doctor-stay",
            "`login.stay` is shorter than `login.max`: whoever ticks \"stay signed in\" is signed out earlier; raise it, or set it to `off`",
        ),
        (
            everywhere,
            "admin-doctor-outgoing",
            "`outgoing.allow` names all addresses, those of this machine and of its network too: whoever may register a client can make the server call them; list those of your applications",
        ),
    ]
    .into_iter()
    .filter_map(|(is_so, key, remark)| is_so.then_some((key, remark)))
    .collect()
}

/// Reports the remarks.
fn settings(config: &Config) -> Vec<Finding> {
    let remarks = remarks_with_keys(config);
    if remarks.is_empty() {
        let text = "durations of sign-ins and `outgoing.allow` are as usual";
        return vec![Finding::good("settings", text)];
    }
    let warn = |(key, remark)| Finding::warning("settings", remark).on_pages(key);
    remarks.into_iter().map(warn).collect()
}

pub(super) fn check(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![
        issuer(config),
        encryption(config),
        proxy(config),
        password_length(config),
        registration(config),
        staleness(config),
        algorithm(config),
        legacy_tokens(config, now),
        origins(config),
        metrics(config),
        database_connection(config),
    ];
    findings.extend(settings(config));
    findings
}

fn issuer(config: &Config) -> Finding {
    match config.issuer() {
        Ok(issuer) => Finding::good("issuer", format!("the issuer of tokens is {issuer}")),
        Err(error) => Finding::fault("issuer", error.to_string()),
    }
}

fn is_public(config: &Config) -> bool {
    config.public_url.is_some() || !config.listen.ip().is_loopback()
}

fn encryption(config: &Config) -> Finding {
    if config.insecure_http {
        let text = "`insecure_http` is on: passwords and tokens can cross the network unencrypted; use a proxy \
            that terminates TLS, and remove the setting";
        return Finding::warning("encryption", text).on_pages("admin-doctor-insecure-http");
    }
    Finding::good("encryption", "clients use https, or run on this machine")
}

fn proxy(config: &Config) -> Finding {
    if is_public(config) && config.proxy.trusted.is_empty() {
        let text = "`proxy.trusted` is empty: behind a proxy all clients share its address and one rate limit; \
            add the proxy's address";
        return Finding::warning("proxy", text).on_pages("admin-doctor-no-proxy");
    }
    Finding::good("proxy", "the server sees the addresses of clients")
}

fn database_connection(config: &Config) -> Finding {
    let url = DatabaseUrl::parse(config.database.url.expose_secret());
    if url.is_ok_and(|url| url.lacks_tls()) {
        let finding = Finding::warning("database connection", NO_TLS);
        return finding.on_pages("admin-doctor-database-tls");
    }
    Finding::good("database connection", "local, or encrypted and verified")
}

fn password_length(config: &Config) -> Finding {
    let length = config.passwords.min_length;
    if length < DEFAULT_MIN_LENGTH {
        let text = format!(
            "`passwords.min_length` is {length}: NIST SP 800-63B-4 requires {DEFAULT_MIN_LENGTH} for passwords \
             without a second factor"
        );
        return Finding::warning("password length", text)
            .on_pages("admin-doctor-password-length")
            .naming(DEFAULT_MIN_LENGTH.to_string())
            .detailed(length.to_string());
    }
    Finding::good("password length", format!("at least {length} characters"))
}

fn registration(config: &Config) -> Finding {
    let roles = &config.registration.roles;
    if config.registration.mode == RegistrationMode::Closed {
        return Finding::good("registration", "closed");
    }
    if let Some(role) = roles.iter().find(|role| role.is_reserved()) {
        let text =
            format!("everyone who registers gets `{role}`: remove it from `registration.roles`");
        let finding = Finding::fault("registration", text).naming(role.to_string());
        return finding.on_pages("admin-doctor-registration");
    }
    Finding::good("registration", "open")
}

fn staleness(config: &Config) -> Finding {
    match config.guard.on_stale {
        OnStale::Refuse => Finding::good(
            "staleness",
            "guards refuse requests while the database is unreachable",
        ),
        OnStale::Accept => Finding::warning(
            "staleness",
            "`guard.on_stale` is \"accept\": while the database is unreachable, revoked access may still work",
        )
        .on_pages("admin-doctor-stale"),
    }
}

fn algorithm(config: &Config) -> Finding {
    match config.tokens.algorithm {
        SigningAlgorithm::Hs256 => Finding::warning(
            "algorithm",
            "`tokens.algorithm` is HS256: everyone who can verify tokens can also issue them; use ES256 if clients allow it",
        )
        .on_pages("admin-doctor-symmetric"),
        asymmetric => Finding::good("algorithm", format!("tokens are signed with {asymmetric}")),
    }
}

fn legacy_tokens(config: &Config, now: Timestamp) -> Finding {
    let settings = &config.tokens.legacy;
    // the configuration refuses one without the other
    let (Some(secret), Some(until)) = (&settings.secret, settings.until) else {
        return Finding::good("old tokens", "not accepted");
    };
    let (until_text, length) = (rfc3339(until), secret.expose_secret().len());
    let ended = format!(
        "`tokens.legacy.until` was {until_text}: remove the section and destroy the secret"
    );
    let guessed = format!(
        "`tokens.legacy.secret` has only {length} bytes: anyone with one token can guess it and impersonate any imported user; choose an early `until`"
    );
    let long = format!(
        "`tokens.legacy.until` is {until_text}, more than 30 days away: the last legacy token expires `max_age` after the old application stops; choose that time"
    );
    let is_long = until.since(now) > LONGEST_MIGRATION;
    let (key, text) = match (now >= until, length < LEAST_BYTES, is_long) {
        (true, ..) => ("admin-doctor-old-tokens-ended", ended),
        (_, true, true) => ("admin-doctor-old-tokens-both", format!("{guessed}; {long}")),
        (_, true, _) => ("admin-doctor-old-tokens-guessed", guessed),
        (_, _, true) => ("admin-doctor-old-tokens-long", long),
        _ => return Finding::good("old tokens", format!("accepted until {until_text}")),
    };
    let finding = Finding::warning("old tokens", text).on_pages(key);
    finding.naming(until_text).detailed(length.to_string())
}

fn metrics(config: &Config) -> Finding {
    let Some(address) = config.metrics.listen else {
        return Finding::good("metrics", "off");
    };
    let is_private = match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    if is_private {
        return Finding::good("metrics", format!("served on {address}"));
    }
    let text = format!(
        "`metrics.listen` is {address}: metrics need no authentication, so choose a private address"
    );
    let finding = Finding::warning("metrics", text).naming(address.to_string());
    finding.on_pages("admin-doctor-metrics")
}

fn origins(config: &Config) -> Finding {
    let insecure = config.cors.allowed_origins.iter().find(|origin| {
        origin.starts_with("http://")
            && !["localhost", "127.0.0.1", "[::1]"]
                .iter()
                .any(|own| origin.contains(own))
    });
    match insecure {
        Some(origin) => Finding::warning(
            "origins",
            format!(
                "`cors.allowed_origins` contains `{origin}`: its pages can be changed in transit; use https"
            ),
        )
        .on_pages("admin-doctor-origins")
        .naming(origin),
        None => Finding::good("origins", "all allowed origins use https or are local"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn each_warning_has_a_text_for_pages() {
        let mut config = Config::default();
        config.passwords.min_length = 8;
        config.insecure_http = true;
        config.public_url = Some("https://login.example.com".to_owned());
        config.guard.on_stale = OnStale::Accept;
        config.tokens.algorithm = SigningAlgorithm::Hs256;
        config.cors.allowed_origins = vec!["http://app.example.com".to_owned()];
        config.login.idle = config.login.max + Duration::from_secs(1);
        let mut findings = check(&config, Timestamp::from_seconds(1_900_000_000));
        findings.retain(|finding| finding.severity > Severity::Good);
        assert!(findings.len() >= 7, "{findings:?}");
        for finding in findings {
            assert!(!finding.page_text.key.is_empty(), "{finding:?}");
        }
    }
}
