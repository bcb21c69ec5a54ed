//! Settings that are allowed and rarely meant.

use super::Finding;
use crate::{
    config::{Config, OnStale, RegistrationMode, SigningAlgorithm},
    legacy::old_tokens::LEAST_BYTES,
    times::rfc3339,
};
use std::{net::IpAddr, time::Duration};

use rolecall_core::Timestamp;
use rolecall_passwords::DEFAULT_MIN_LENGTH;
use secrecy::ExposeSecret as _;

/// Applications change within days: who needs longer forgets to close the door.
const LONG: Duration = Duration::from_hours(30 * 24);

pub(super) fn examine(config: &Config, now: Timestamp) -> Vec<Finding> {
    vec![
        issuer(config),
        encryption(config),
        proxy(config),
        password_length(config),
        registration(config),
        staleness(config),
        algorithm(config),
        old_tokens(config, now),
        origins(config),
        metrics(config),
    ]
}

fn issuer(config: &Config) -> Finding {
    match config.issuer() {
        Ok(issuer) => Finding::good("issuer", format!("tokens are issued as {issuer}")),
        Err(error) => Finding::fault("issuer", error.to_string()),
    }
}

fn is_public(config: &Config) -> bool {
    config.public_url.is_some() || !config.listen.ip().is_loopback()
}

fn encryption(config: &Config) -> Finding {
    if config.insecure_http {
        let text = "`insecure_http` is on: passwords and tokens can cross the network in clear; put a proxy \
            that ends TLS in front, and turn it off";
        return Finding::warning("encryption", text);
    }
    Finding::good(
        "encryption",
        "clients reach the server by https, or on this machine only",
    )
}

fn proxy(config: &Config) -> Finding {
    if is_public(config) && config.proxy.trusted.is_empty() {
        let text = "`proxy.trusted` is empty: behind a proxy all clients share one address, and the throttle \
            slows them together; name the proxy's address";
        return Finding::warning("proxy", text);
    }
    Finding::good("proxy", "the addresses of clients are known")
}

fn password_length(config: &Config) -> Finding {
    let length = config.passwords.min_length;
    if length < DEFAULT_MIN_LENGTH {
        let text = format!(
            "`passwords.min_length` is {length}: NIST SP 800-63B-4 asks for {DEFAULT_MIN_LENGTH} where the \
             password is all there is"
        );
        return Finding::warning("password length", text);
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
            format!("everybody who registers gets `{role}`: take it out of `registration.roles`");
        return Finding::fault("registration", text);
    }
    Finding::good("registration", "open, as the configuration says")
}

fn staleness(config: &Config) -> Finding {
    match config.guard.on_stale {
        OnStale::Refuse => Finding::good(
            "staleness",
            "guards refuse when they cannot know what was taken away",
        ),
        OnStale::Accept => Finding::warning(
            "staleness",
            "`guard.on_stale` is \"accept\": while the database is away, what was taken away may still be used",
        ),
    }
}

fn algorithm(config: &Config) -> Finding {
    match config.tokens.algorithm {
        SigningAlgorithm::Hs256 => Finding::warning(
            "algorithm",
            "`tokens.algorithm` is HS256: whoever can verify tokens can make them; use ES256 where clients allow it",
        ),
        asymmetric => Finding::good("algorithm", format!("tokens are signed with {asymmetric}")),
    }
}

fn old_tokens(config: &Config, now: Timestamp) -> Finding {
    let settings = &config.tokens.legacy;
    // one without the other is refused before this
    let (Some(secret), Some(until)) = (&settings.secret, settings.until) else {
        return Finding::good("old tokens", "none are taken");
    };
    let (ends, length) = (rfc3339(until), secret.expose_secret().len());
    let mut faults = Vec::new();
    if now >= until {
        faults.push(format!(
            "`tokens.legacy.until` was {ends}: remove the section and forget its secret"
        ));
    } else {
        if length < LEAST_BYTES {
            faults.push(format!(
                "`tokens.legacy.secret` has {length} bytes: whoever has one token can guess it and be any imported user; choose an early `until`"
            ));
        }
        if until.since(now) > LONG {
            faults.push(format!(
                "`tokens.legacy.until` is {ends}, more than 30 days away: the last old token ends `max_age` after the old application stops; choose that time"
            ));
        }
    }
    if faults.is_empty() {
        return Finding::good("old tokens", format!("taken until {ends}"));
    }
    Finding::warning("old tokens", faults.join("; "))
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
        return Finding::good("metrics", format!("told on {address}"));
    }
    let text = format!(
        "`metrics.listen`: {address} may be reached from anywhere, and asks nobody who they are: choose a private address"
    );
    Finding::warning("metrics", text)
}

fn origins(config: &Config) -> Finding {
    let in_clear = config.cors.allowed_origins.iter().find(|origin| {
        origin.starts_with("http://")
            && !["localhost", "127.0.0.1", "[::1]"]
                .iter()
                .any(|own| origin.contains(own))
    });
    match in_clear {
        Some(origin) => Finding::warning(
            "origins",
            format!(
                "pages of `{origin}` may call, and can be changed on their way: use https there"
            ),
        ),
        None => Finding::good("origins", "no page that can be changed on its way may call"),
    }
}
